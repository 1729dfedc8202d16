"""Null and power: what referees make of real data, and of real data with some noise among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gancross.data.order import content_order
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.controls import uniform_noise
from gancross.evaluator.referees.check_records import NullControl, PowerControl
from gancross.evaluator.referees.figures import contestant_figures, separation
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.placements import placements
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.statistics.proportions import holm
from gancross.random_streams import Stream

LEVEL = 0.01
LEAST_SHARE = 0.1
SHARE_ERRORS = 5.0
TRAINING, HELD_OUT = "training reals", "a third of the held-out reals"


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlSets:
    """Reals to train on and to test with, and real samples that stand for a generator's.

    Attributes:
        of: whose samples they are.
        share: ε, of `mixed` that is noise.
    """

    reals: SampleSet
    null: SampleSet
    mixed: SampleSet
    of: str
    share: float


def control_sets(
    reals: SampleSet, training: torch.Tensor | None, *, num_samples: int, seed: int
) -> ControlSets | Missing:
    """Training reals as the samples; where there are none, a third of the held-out reals."""
    if training is not None and len(training):
        order = content_order(training, stream=Stream(seed, "referee", "null"))
        null, rest, of = training[torch.from_numpy(order.index[:num_samples])], reals, TRAINING
    else:
        part = Stream(seed, "referee", "null").permutation(int(reals.items[-1]) + 1)[reals.items] % 3 == 0
        if len(set(part)) < 2:
            return Missing("too few different reals for a control")
        mask = torch.from_numpy(part)
        null, rest, of = reals.array[mask], sample_set(reals.array[~mask]), HELD_OUT
    n = min(len(null), len(rest))
    share = min(1.0, max(LEAST_SHARE, SHARE_ERRORS / math.sqrt(n)))
    replaced = round(share * len(null))
    mixed = null.clone()
    mixed[:replaced] = uniform_noise(reals.array, replaced, seed)
    return ControlSets(reals=rest, null=sample_set(null), mixed=sample_set(mixed), of=of, share=share)


def null_control(scores: ContestantScores, sigmas: tuple[float, ...], *, of: str) -> NullControl:
    """Fails iff at some rung G is above 0 at p < .01, one-sided, after Holm over the rungs.

    G below 0 happens where the held-out reals were drawn systematically.
    """
    placed = placements(scores)
    rungs = [separation(placed, rung) for rung in range(len(sigmas))]
    adjusted = holm([rung.p / 2 if rung.value > 0 else 1 - rung.p / 2 for rung in rungs])
    figures = contestant_figures(scores, sigmas, placed=placed)
    return NullControl(of=of, figures=figures, fails=min(adjusted) < LEVEL)


def power_control(scores: ContestantScores, sigmas: tuple[float, ...], *, share: float) -> PowerControl:
    """Fails iff the lower 95 % limit of G at the finest rung is not above 0."""
    figures = contestant_figures(scores, sigmas)
    return PowerControl(share=share, figures=figures, fails=figures.rungs[0].g.low <= 0)
