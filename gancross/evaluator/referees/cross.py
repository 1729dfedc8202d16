"""Judges on samples that they were not trained against: the referees' cross-test, and dominance.

For each seed and half a judge sees reals and samples that the contestant's own referee did not train on, all
judges under the same noise.

Shape suffixes: N items, K rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.checkpoint.contestant import Contestant, applied
from gancross.checkpoint.outputs import score_tensor
from gancross.checkpoint.replicas import network_crew
from gancross.data.resizing import to_native
from gancross.errors import UsageError
from gancross.evaluator.distributions import student_tail
from gancross.evaluator.judging.judge_calls import first_samples
from gancross.evaluator.judging.scoring import real_high
from gancross.evaluator.protocol import chunk_length
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.check_records import Dominance
from gancross.evaluator.referees.contestant_records import Rung
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.figures import SIGNED, contestant_figures
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.intervals import Items, MeanFigure, mean_figure
from gancross.evaluator.referees.placements import ItemMeans, placements
from gancross.evaluator.referees.records import RefereeCell, RefereeCross
from gancross.evaluator.referees.scores import ContestantScores, RefereeScores, Scores
from gancross.evaluator.referees.scoring import rung_scores
from gancross.evaluator.referees.training import Identity, Referee
from gancross.evaluator.statistics.proportions import holm
from gancross.machine.threads import torch_threads
from gancross.random_streams import Stream

MOST = 2000  # reals, and samples, on which judges are tried beside each other
MARGIN = 0.02
LEVEL = 0.05

Judges = Callable[[Identity, int], nn.Module]  # who judges in place of a referee, at a rung
Advance = Callable[[], None]  # called at each rung of each identity before each judge, in any thread
# By identity which reals and which samples, (N,) each, its judge did not train on.
Unseen = Mapping[Identity, tuple[NDArray[np.bool_], NDArray[np.bool_]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bout:
    """A contestant's samples and the rows, of them and of the reals, on which judges are tried."""

    samples: SampleSet
    sample_rows: NDArray[np.int64]
    real_rows: NDArray[np.int64]
    tests: Mapping[Identity, tuple[NDArray[np.int64], NDArray[np.int64]]]


def bout(samples: SampleSet, entries: Sequence[Entry], arena: Arena) -> Bout:
    """A seeded choice of reals and samples; each identity tests those that its referee did not train on."""
    real_rows, sample_rows = (
        np.sort(Stream(arena.seed, "referee", "bout", kind).permutation(len(side))[:MOST])
        for kind, side in (("reals", arena.reals), ("samples", samples))
    )
    tests = {
        Identity(seed=entry.scores.seed, half=entry.scores.half): (
            np.flatnonzero(np.isin(real_rows, entry.scores.reals)),
            np.flatnonzero(np.isin(sample_rows, entry.scores.samples)),
        )
        for entry in entries
    }
    return Bout(samples=samples, sample_rows=sample_rows, real_rows=real_rows, tests=tests)


def referee_judges(entries: Sequence[Entry], arena: Arena) -> Judges:
    """The referees of a contestant."""
    shape = tuple(arena.reals.array.shape[1:])
    networks: dict[Identity, tuple[Referee, dict[int, nn.Module]]] = {}
    for entry in entries:
        identity = Identity(seed=entry.scores.seed, half=entry.scores.half)
        judges = entry.referee.judges(shape, arena.ladder, arena.protocol, identity, arena.device)
        networks[identity] = entry.referee, judges

    def at(identity: Identity, rung: int) -> nn.Module:
        referee, judges = networks[identity]
        return judges[referee.chosen[rung]]

    return at


class NoisyDiscriminator(nn.Module):
    """A contestant's own discriminator on noisy images in [−1, 1].

    Args:
        chunk: as of `chunk_length`.
        grouped: whether it sees whole training batches, the last one filled from the beginning.
    """

    def __init__(
        self, contestant: Contestant, arena: Arena, *, chunk: int | None = None, grouped: bool = False
    ) -> None:
        super().__init__()
        self._chunk, self._group = chunk, contestant.batch_size if grouped else None
        assert contestant.discriminator is not None
        self._contestant, self._ladder = contestant, arena.ladder.on(arena.device)
        self.discriminator = contestant.discriminator

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """As its discriminator takes samples; σ is not told."""
        inputs = self._ladder.network_inputs(noisy, self._contestant.data_range)
        return to_native(inputs, self._contestant.resizing)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Raw scores (N,), float64; a discriminator that takes no labels is given none.

        Raises:
            UsageError: the discriminator fails on such samples, or does not return a score for each.
        """
        who = f"contestant '{self._contestant.name}': its discriminator"
        parts, n = [], len(inputs)
        labels = labels if self._contestant.judge_labels else None
        if self._group is not None:
            whole = -(-n // self._group) * self._group
            inputs, labels = (
                first_samples(inputs, whole),
                None if labels is None else first_samples(labels, whole),
            )
        length = self._group or chunk_length(tuple(inputs.shape[1:]), self._chunk)
        for start in range(0, len(inputs), length):
            part, own = (
                inputs[start : start + length],
                None if labels is None else labels[start : start + length],
            )
            output = applied(
                self.discriminator, part, refusal=f"{who} cannot take samples", seed=0, labels=own
            )
            parts.append(score_tensor(output, self._contestant.score, n=len(part), who=who).double())
        return torch.cat(parts)[:n]

    def real_high(self, scores_N: Scores) -> Scores:
        """Raw scores as logits, high for reals; one that is no number, far from the data, tells nothing."""
        return np.nan_to_num(real_high(scores_N.astype(np.float64), self._contestant))


def judged(
    judges: Judges, fight: Bout, arena: Arena, *, rungs: Sequence[int], advance: Advance | None = None
) -> ContestantScores:
    """The scores of a judge at some rungs, as scores of referees that tested the chosen rows alone."""
    referees = []
    for identity, (reals, samples) in fight.tests.items():
        scores: dict[str, list[Scores]] = {"reals": [], "samples": []}
        sides = (
            ("reals", arena.reals, fight.real_rows[reals]),
            ("samples", fight.samples, fight.sample_rows[samples]),
        )
        for rung, (kind, side, rows) in product(rungs, sides):
            network, stream = judges(identity, rung), identity.stream("bout", kind, f"rung-{rung}")
            own = network if isinstance(network, NoisyDiscriminator) else None
            with torch_threads(1):
                (scores_N,) = rung_scores(
                    [network], side.array, rows, arena.ladder, rung=rung, stream=stream, device=arena.device,
                    labels=side.labels,
                )  # fmt: skip
            scores[kind].append(scores_N if own is None else own.real_high(scores_N))
            if kind == "samples" and advance is not None:
                advance()
        referees.append(RefereeScores(
            seed=identity.seed, half=identity.half, reals=reals, samples=samples,
            real_KN=np.stack(scores["reals"]), fake_KM=np.stack(scores["samples"]),
        ))  # fmt: skip
    return ContestantScores(
        num_real=len(fight.real_rows), num_samples=len(fight.sample_rows), referees=referees
    )


def restricted(scores: ContestantScores, fight: Bout, unseen: Unseen) -> ContestantScores:
    """The scores of a bout on items that are unseen alone; those that nobody then tests are left out."""
    referees = []
    for referee in scores.referees:
        reals_N, samples_N = unseen[Identity(seed=referee.seed, half=referee.half)]
        real, fake = reals_N[fight.real_rows[referee.reals]], samples_N[fight.sample_rows[referee.samples]]
        referees.append(replace(
            referee, reals=referee.reals[real], samples=referee.samples[fake],
            real_KN=referee.real_KN[:, real], fake_KM=referee.fake_KM[:, fake],
        ))  # fmt: skip
    reals = np.unique(np.concatenate([referee.reals for referee in referees]))
    samples = np.unique(np.concatenate([referee.samples for referee in referees]))
    return ContestantScores(
        num_real=len(reals), num_samples=len(samples), referees=[
            replace(
                referee, reals=np.searchsorted(reals, referee.reals),
                samples=np.searchsorted(samples, referee.samples),
            )
            for referee in referees
        ],
    )  # fmt: skip


def referee_cross(
    sets: Mapping[str, SampleSet], entries: Mapping[str, Sequence[Entry]], arena: Arena, *, rung: int,
    advance: Advance | None = None,
) -> RefereeCross:  # fmt: skip
    """Every contestant's referees on every contestant's samples at one rung."""
    sigma = arena.ladder.sigmas[rung]
    bouts = {name: bout(samples, entries[name], arena) for name, samples in sets.items()}
    by_judge = {judge: referee_judges(entries[judge], arena) for judge in sets}

    def row(judge: str) -> dict[str, Rung]:
        """Of one judge, on all samples."""
        scores = {
            generator: judged(by_judge[judge], fight, arena, rungs=[rung], advance=advance)
            for generator, fight in bouts.items()
        }
        return {name: contestant_figures(each, [sigma]).rungs[0] for name, each in scores.items()}

    with network_crew(arena.device) as workers:
        rows = dict(zip(sets, workers.in_order(row, sets), strict=True))
    cells = tuple(
        RefereeCell(judge=judge, generator=generator, fp=figures.fp, auc=figures.auc)
        for judge, of_judge in rows.items() for generator, figures in of_judge.items()
    )  # fmt: skip
    return RefereeCross(sigma=sigma, fn={name: rows[name][name].fn for name in sets}, cells=cells)


def dominance(
    name: str, samples: SampleSet, entries: Sequence[Entry], judges: Mapping[str, Judges], arena: Arena, *,
    unseen: Mapping[str, Unseen] | None = None, advance: Advance | None = None,
) -> Dominance | None:  # fmt: skip
    """Whether a judge at hand tells a contestant's samples more surely than its own referees, at any rung.

    Args:
        judges: by what they are called; none of them trained on what the own referees are tested on.
        unseen: of those that may have, on which alone they and the own referees are then compared.

    Returns:
        Of the judge and the rung with the smallest p; None without judges that take such samples.
    """
    fight, rungs = bout(samples, entries, arena), range(len(arena.ladder.sigmas))
    own = judged(referee_judges(entries, arena), fight, arena, rungs=rungs, advance=advance)

    def of_judge(judge: str) -> list[tuple[str, int, MeanFigure]]:
        try:
            sides = [judged(judges[judge], fight, arena, rungs=rungs, advance=advance), own]
        except UsageError:  # a discriminator that does not take such samples
            return []
        if unseen is not None and judge in unseen:
            sides = [restricted(side, fight, unseen[judge]) for side in sides]
        placed, beside = map(placements, sides)
        return [(judge, rung, _difference(placed, beside, rung)) for rung in rungs]

    with network_crew(arena.device) as workers:
        differences = [each for found in workers.in_order(of_judge, judges) for each in found]
    if not differences:
        return None
    # A family of their own each: a folder that grows must not hide what judges of the call see.
    adjusted = np.ones(len(differences))
    is_standing = np.array([judge in (unseen or {}) for judge, *_ in differences])
    for family in (is_standing, ~is_standing):
        rows = np.flatnonzero(family)
        adjusted[rows] = holm([_p_beyond(differences[row][2]) for row in rows])
    place = min(range(len(adjusted)), key=lambda row: (adjusted[row], -differences[row][2].value))
    judge, rung, figure = differences[place]
    return Dominance(
        contestant=name, judge=judge, sigma=arena.ladder.sigmas[rung], difference=figure.estimate,
        holm_p=float(adjusted[place]), fails=bool(adjusted[place] < LEVEL),
    )  # fmt: skip


def _difference(judge: ItemMeans, own: ItemMeans, rung: int) -> MeanFigure:
    """G of a judge − G of the own referees on the same noisy reals and samples."""
    items = [
        Items(values_N=judge.real_KN[rung] - own.real_KN[rung], span=SIGNED),
        Items(values_N=judge.fake_KM[rung] - own.fake_KM[rung], span=SIGNED),
    ]
    referees_R = 2 * (judge.real_RK[:, rung] - own.real_RK[:, rung])
    return mean_figure(referees_R=referees_R, items=items, span=(-2.0, 2.0), scale=2)


def _p_beyond(figure: MeanFigure) -> float:
    """One-sided, of a difference of at most `MARGIN`."""
    return student_tail((figure.value - MARGIN) / figure.standard_error, figure.df)
