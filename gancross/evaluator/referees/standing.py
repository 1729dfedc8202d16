"""Standing judges: referees that earlier calls saved, in the check of dominance of this one.

That check asks whether any function of the noisy samples tells them more surely than the contestant's own
referees. So a standing judge need not have been trained in the units or on the levels of this call: one that
they do not suit tells less and withholds nothing. It must only not have trained on what it is tested on.

Shape suffixes: N reals or samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from gancross.errors import first_line, printable
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.check_records import StandingReferees
from gancross.evaluator.referees.cross import Bout, Judges, Unseen, bout
from gancross.evaluator.referees.entries import Entry, EntryKey
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.judge import Judge
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.protocol import VERSION
from gancross.evaluator.referees.saved import Header, RefereeFolder, SavedReferees, damaged
from gancross.evaluator.referees.training import Identity

FEWEST = 50  # reals, and samples, that each judge of a contestant must not have trained on
ROUNDING = 1e-5  # of a level of noise computed in float32


class StandingNetwork(nn.Module):
    """A saved network on noisy samples in the units of another ladder.

    Images have the same units everywhere. Vectors are brought to the standard deviations of the ladder that
    the network was trained on; there their noise differs between coordinates, and the network is told its
    geometric mean. A level beyond that ladder is told as its end.
    """

    scale: torch.Tensor | None
    shift: torch.Tensor | None

    def __init__(self, network: nn.Module, *, own: Ladder, present: Ladder) -> None:
        super().__init__()
        self.network = network
        self._ends = own.sigmas[0] * (1 - ROUNDING), own.sigmas[-1] * (1 + ROUNDING)
        scale = shift = None
        if own.mean is not None and own.std is not None:
            assert present.mean is not None and present.std is not None
            scale, shift = present.std / own.std, (present.mean - own.mean) / own.std
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self._factor = noise_factor(own=own, present=present)

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """As of `Judge`, of samples and levels in the units of the present ladder."""
        if self.scale is not None and self.shift is not None:
            noisy = noisy * self.scale + self.shift
        return cast(Judge, self.network).inputs(noisy, (sigma * self._factor).clamp(*self._ends))

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Scores (N,); one that is no number tells nothing."""
        scores: torch.Tensor = self.network(inputs) if labels is None else self.network(inputs, labels)
        return torch.nan_to_num(scores)


def noise_factor(*, own: Ladder, present: Ladder) -> float:
    """What σ of the present ladder is multiplied by to be one of another: geometric mean over coordinates."""
    if own.std is None or present.std is None:
        return 1.0
    return math.exp(float((present.std.double() / own.std.double()).log().mean()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """Saved referees in a call.

    Attributes:
        file: the name of their file.
        networks: by referee and step.
        misfit: why they can judge nobody in this call; empty where they can.
    """

    file: str
    saved: SavedReferees
    networks: Sequence[Mapping[int, nn.Module]] = ()
    misfit: str = ""

    @property
    def title(self) -> str:
        """What they are called."""
        return f"the standing referees of '{printable(self.saved.header.contestant)}' ({self.file})"


def standing_in(folder: RefereeFolder, sets: Mapping[str, SampleSet], arena: Arena) -> tuple[Standing, ...]:
    """The saved referees of a folder as judges of a call, or why they cannot be.

    Raises:
        CheckpointError: the weights of a file are not those of its networks.
    """
    return tuple(_standing(folder.path / file, saved, sets, arena) for file, saved in folder.saved.items())


def _standing(path: Path, saved: SavedReferees, sets: Mapping[str, SampleSet], arena: Arena) -> Standing:
    misfit = _misfit(saved.header, arena)
    if misfit:
        return Standing(file=path.name, saved=saved, misfit=misfit)
    others, owner = _without_own(saved, sets, arena)
    if not others.referees:
        return Standing(
            file=path.name, saved=saved, misfit=f"they are the referees of '{owner}' in this call"
        )
    header = saved.header
    try:
        built = [
            each.referee.judges(header.shape, saved.ladder, header.protocol, each.identity, arena.device)
            for each in others.referees
        ]
    except RuntimeError as error:
        raise damaged(path, first_line(error)) from None
    networks = [
        {
            step: StandingNetwork(network, own=saved.ladder, present=arena.ladder).to(arena.device)
            for step, network in judges.items()
        }
        for judges in built
    ]
    return Standing(file=path.name, saved=others, networks=networks)


def _misfit(header: Header, arena: Arena) -> str:
    shape = tuple(arena.reals.array.shape[1:])
    if header.shape != shape:
        return f"for samples of shape {header.shape}, but those of this call have shape {shape}"
    if header.protocol.version != VERSION:
        return f"of version {header.protocol.version} of the protocol, but this is version {VERSION}"
    seen = header.protocol.num_classes
    if seen is not None and seen != arena.protocol.num_classes:
        of_call = "none" if arena.protocol.num_classes is None else str(arena.protocol.num_classes)
        return f"they see labels of {seen} classes, the referees of this call {of_call}"
    return ""


def _without_own(
    saved: SavedReferees, sets: Mapping[str, SampleSet], arena: Arena
) -> tuple[SavedReferees, str]:
    """The referees that are not this very call's, and the contestant whose own the others are."""
    of_call = {
        arena.key(samples, identity).sha256: name
        for name, samples in sets.items() for identity in arena.identities
    }  # fmt: skip
    header, others, owner = saved.header, [], ""
    for each in saved.referees:
        key = EntryKey(
            samples=header.samples_sha256, reals=header.reals_sha256, protocol=header.protocol,
            size=header.num_training, identity=each.identity, device=arena.device.type,
        ).sha256  # fmt: skip
        if key in of_call:
            owner = of_call[key]
        else:
            others.append(each)
    return replace(saved, referees=tuple(others)), owner


@dataclass(frozen=True, kw_only=True, eq=False)
class StandingJudges:
    """Standing judges of one contestant: who judges in place of each of its referees, and on what."""

    judges: Judges
    unseen: Unseen


def standing_judges(
    standing: Standing, samples: SampleSet, entries: Sequence[Entry], arena: Arena
) -> StandingJudges | Missing:
    """Saved referees before a contestant's samples; `Missing` where they trained on too much of them.

    In place of each referee that saved one judges that trained on least of what that referee is tested on,
    and each in turn among equals.

    Args:
        entries: the contestant's own referees.
    """
    fight = bout(samples, entries, arena)
    reals_N, samples_N = arena.reals.digests, samples.digests
    unseen = [
        (~np.isin(reals_N, each.reals), ~np.isin(samples_N, each.samples)) for each in standing.saved.referees
    ]
    n = len(unseen)
    chosen: dict[Identity, int] = {}
    fewest = len(reals_N)
    for place, identity in enumerate(fight.tests):
        left = {number % n: _left(fight, identity, *unseen[number % n]) for number in range(place, place + n)}
        chosen[identity] = max(left, key=left.__getitem__)
        fewest = min(fewest, left[chosen[identity]])
    if fewest < FEWEST:
        return Missing(
            f"only {fewest} reals or samples are left that they did not train on, fewer than {FEWEST}"
        )
    steps = [each.referee.chosen for each in standing.saved.referees]
    own, present = standing.saved.ladder, arena.ladder
    factor = noise_factor(own=own, present=present)
    nearest = [
        int(np.abs(np.log(np.array(own.sigmas) / (sigma * factor))).argmin()) for sigma in present.sigmas
    ]

    def at(identity: Identity, rung: int) -> nn.Module:
        number = chosen[identity]
        return standing.networks[number][steps[number][nearest[rung]]]

    return StandingJudges(judges=at, unseen={identity: unseen[number] for identity, number in chosen.items()})


def _left(fight: Bout, identity: Identity, reals_N: np.ndarray, samples_N: np.ndarray) -> int:
    """How many unseen reals, or samples where these are fewer, an identity tests in a bout."""
    reals, samples = fight.tests[identity]
    return int(min(reals_N[fight.real_rows[reals]].sum(), samples_N[fight.sample_rows[samples]].sum()))


def standing_record(standing: Standing, reasons: Mapping[str, Missing | None]) -> StandingReferees:
    """The part that a file took, from the reasons why it judged contestants not, or None where it did."""
    skipped = [f"of '{name}' {reason.reason}" for name, reason in reasons.items() if reason is not None]
    return StandingReferees(
        file=standing.file, contestant=printable(standing.saved.header.contestant),
        judged=tuple(name for name, reason in reasons.items() if reason is None),
        skipped=(standing.misfit,) if standing.misfit else tuple(skipped),
    )  # fmt: skip
