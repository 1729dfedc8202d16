"""Null and power: what referees make of real data, and of real data with some noise among them.

Referees that see labels have a third control: real data with each other's labels. Controls have two seeds
whatever the budget, and are cached as contestants are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from gancross.data.order import content_order
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.referees.arena import Arena, equal_number
from gancross.evaluator.referees.check_records import LabelControl, NullControl, PowerControl
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.figures import contestant_figures, separation
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.placements import placements
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.referees.work import Progress, contestant_scores, refereed
from gancross.evaluator.statistics.proportions import holm
from gancross.random_streams import Stream

LEVEL = 0.01
LEAST_SHARE = 0.1
SHARE_ERRORS = 5.0
SEEDS = 2
FEWEST_TRAINED = 10  # reals or samples of a half, with which a referee can be trained at all
TRAINING, HELD_OUT = "training reals", "a third of the held-out reals"


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlSets:
    """Reals to train on and to test with, and real samples that stand for a generator's.

    Attributes:
        of: whose samples they are.
        share: ε, of `mixed` that is noise.
        mislabelled: as `null`, with each other's labels; None where referees see none.
    """

    reals: SampleSet
    null: SampleSet
    mixed: SampleSet
    of: str
    share: float
    mislabelled: SampleSet | None = None

    @property
    def wrong(self) -> float:
        """The share of `mislabelled` whose label is not its own."""
        if self.mislabelled is None or self.mislabelled.labels is None or self.null.labels is None:
            return 0.0
        return float((self.mislabelled.labels != self.null.labels).double().mean())


def control_sets(
    reals: SampleSet, training: torch.Tensor | None, *, num_samples: int, seed: int,
    labels: torch.Tensor | None = None,
) -> ControlSets | Missing:  # fmt: skip
    """Training reals as the samples; where there are none, a third of the held-out reals.

    Args:
        labels: of the training reals. Where the reals have labels and these have none, none of them is taken.
    """
    if training is not None and len(training) and (labels is not None or reals.labels is None):
        order = content_order(training, stream=Stream(seed, "referee", "null"))
        rows = torch.from_numpy(order.index[:num_samples])
        null, rest, of = training[rows], reals, TRAINING
        null_labels = None if labels is None or reals.labels is None else labels[rows]
    else:
        part = Stream(seed, "referee", "null").permutation(int(reals.items[-1]) + 1)[reals.items] % 3 == 0
        if len(set(part)) < 2:
            return Missing("too few different reals for a control")
        mask = torch.from_numpy(part)
        null, of = reals.array[mask], HELD_OUT
        null_labels, rest_labels = (
            None if reals.labels is None else reals.labels[part] for part in (mask, ~mask)
        )
        rest = sample_set(reals.array[~mask], rest_labels)
    n = min(len(null), len(rest))
    share = min(1.0, max(LEAST_SHARE, SHARE_ERRORS / math.sqrt(n)))
    replaced = round(share * len(null))
    mixed = null.clone()
    mixed[:replaced] = uniform_noise(reals.array, replaced, seed)
    mislabelled = None
    if null_labels is not None:
        chance = Stream(seed, "referee", "labels").permutation(len(null))
        mislabelled = sample_set(null, null_labels[torch.from_numpy(chance)])
    return ControlSets(
        reals=rest, null=sample_set(null, null_labels), mixed=sample_set(mixed, null_labels), of=of,
        share=share, mislabelled=mislabelled,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlCall:
    """The referees of all controls: what they have in common, and the samples of each."""

    arena: Arena
    sets: ControlSets

    @property
    def parts(self) -> Mapping[str, SampleSet]:
        """The samples by control."""
        parts = {"null": self.sets.null, "power": self.sets.mixed}
        mislabelled = self.sets.mislabelled
        return parts if mislabelled is None else {**parts, "labels": mislabelled}


def control_call(
    arena: Arena, training: torch.Tensor | None, *, num_samples: int, labels: torch.Tensor | None = None
) -> ControlCall | Missing:
    """The controls of a call whose referees have this arena.

    Args:
        labels: as of `control_sets`.
    """
    sets = control_sets(arena.reals, training, num_samples=num_samples, seed=arena.seed, labels=labels)
    if isinstance(sets, Missing):
        return sets
    seeds = min(SEEDS, arena.protocol.seeds)
    size = equal_number(sets.reals, [sets.null, sets.mixed], seed=arena.seed, seeds=seeds)
    if size < FEWEST_TRAINED:
        return Missing(f"a half of {size} reals or samples: too few for a control")
    of_controls = replace(
        arena, reals=sets.reals, protocol=replace(arena.protocol, seeds=seeds), size=min(size, arena.size)
    )
    return ControlCall(arena=of_controls, sets=sets)


@dataclass(frozen=True, kw_only=True)
class TrainedControls:
    """What the controls saw, as `RefereeControls` holds it."""

    null: NullControl | Missing
    power: PowerControl | Missing
    labels: LabelControl | None = None


def trained_controls(call: ControlCall | Missing, *, progress: Progress | None) -> TrainedControls:
    """The controls, trained or from the cache.

    Args:
        progress: called with ("controls", steps done, steps in all), as of `refereed`.
    """
    if isinstance(call, Missing):
        return TrainedControls(null=call, power=call)

    def of_control(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress("controls", done, total)

    entries, _ = refereed(call.parts, call.arena, progress=of_control)
    if not entries:  # another process has them
        return TrainedControls(null=Missing(""), power=Missing(""))
    sets, sigmas = call.sets, call.arena.ladder.sigmas
    scores = {key: contestant_scores(entries[key], sets.reals, part) for key, part in call.parts.items()}
    mislabelled = scores.get("labels")
    return TrainedControls(
        null=null_control(scores["null"], sigmas, of=sets.of),
        power=power_control(scores["power"], sigmas, share=sets.share),
        labels=None if mislabelled is None else label_control(mislabelled, sigmas, share=sets.wrong),
    )


def null_control(scores: ContestantScores, sigmas: tuple[float, ...], *, of: str) -> NullControl:
    """Fails iff at some rung G is above 0 at p < .01, one-sided, after Holm over the rungs.

    G below 0 happens where the held-out reals were drawn systematically.
    """
    figures, told = _told(scores, sigmas)
    return NullControl(of=of, figures=figures, fails=told)


def label_control(scores: ContestantScores, sigmas: tuple[float, ...], *, share: float) -> LabelControl:
    """Fails iff at no rung G is above 0 at p < .01, one-sided, after Holm over the rungs."""
    figures, told = _told(scores, sigmas)
    return LabelControl(share=share, figures=figures, fails=not told)


def _told(scores: ContestantScores, sigmas: tuple[float, ...]) -> tuple[RefereedContestant, bool]:
    """The figures, and whether G is above 0 at some rung beyond chance."""
    placed = placements(scores)
    rungs = [separation(placed, rung) for rung in range(len(sigmas))]
    adjusted = holm([rung.p / 2 if rung.value > 0 else 1 - rung.p / 2 for rung in rungs])
    return contestant_figures(scores, sigmas, placed=placed), min(adjusted) < LEVEL


def power_control(scores: ContestantScores, sigmas: tuple[float, ...], *, share: float) -> PowerControl:
    """Fails iff the lower 95 % limit of G at the finest rung is not above 0."""
    figures = contestant_figures(scores, sigmas)
    return PowerControl(share=share, figures=figures, fails=figures.rungs[0].g.low <= 0)
