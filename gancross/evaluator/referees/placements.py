"""Placements and decisions of a contestant's referees, averaged over the referees that tested each item.

A real's placement is the share of the samples of the same test that score below it, a sample's the share of
the reals that score above it; ties count half. The mean of either is the AUC of that referee.

Shape suffixes: K rungs, N reals, M samples, R referees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.referees.scores import ContestantScores, RefereeScores
from gancross.evaluator.statistics.auc import components

Values = NDArray[np.float64]
Terms = tuple[Values, Values]


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemMeans:
    """One value in [0, 1] of every item at every rung: its mean over the referees that tested it.

    Attributes:
        real_KN, fake_KM: by row of the reals and of the samples at hand.
        real_RK, fake_RK: each referee's own means over the reals and over the samples that it tested.
        referees: (seed, half) of each, in the order of R.
    """

    real_KN: Values
    fake_KM: Values
    real_RK: Values
    fake_RK: Values
    referees: tuple[tuple[int, int], ...]

    def over_rungs(self) -> ItemMeans:
        """The means over all rungs, as one rung."""
        return ItemMeans(
            real_KN=self.real_KN.mean(axis=0, keepdims=True),
            fake_KM=self.fake_KM.mean(axis=0, keepdims=True),
            real_RK=self.real_RK.mean(axis=1, keepdims=True),
            fake_RK=self.fake_RK.mean(axis=1, keepdims=True), referees=self.referees,
        )  # fmt: skip


def placements(scores: ContestantScores) -> ItemMeans:
    """φ̄ of the reals, ψ̄ of the samples; real_RK and fake_RK are both the referees' AUCs.

    Source: DeLong, DeLong and Clarke-Pearson 1988, for one judge.
    """
    return _averaged(scores, _placements)


def decisions(scores: ContestantScores) -> ItemMeans:
    """Shares of the referees that call an item real, its score above 0: real_RK is 1 − FN, fake_RK is FP."""
    return _averaged(scores, _decisions)


def _placements(referee: RefereeScores) -> Terms:
    real_KN, fake_KM = (scores.astype(np.float64) for scores in (referee.real_KN, referee.fake_KM))
    rungs = [components(real=real_N, fake=fake_M) for real_N, fake_M in zip(real_KN, fake_KM, strict=True)]
    return np.stack([below_N for _, below_N, _ in rungs]), np.stack([above_M for _, _, above_M in rungs])


def _decisions(referee: RefereeScores) -> Terms:
    return (referee.real_KN > 0).astype(np.float64), (referee.fake_KM > 0).astype(np.float64)


def _averaged(scores: ContestantScores, terms: Callable[[RefereeScores], Terms]) -> ItemMeans:
    """Sums the terms of all referees by row.

    Raises:
        ValueError: a row that no referee tested, whose placement nobody knows.
    """
    rungs = scores.referees[0].real_KN.shape[0]
    sums = np.zeros((rungs, scores.num_real)), np.zeros((rungs, scores.num_samples))
    tests = np.zeros(scores.num_real, int), np.zeros(scores.num_samples, int)
    means: tuple[list[Values], list[Values]] = ([], [])
    for referee in scores.referees:
        for side, (rows, values) in enumerate(
            zip((referee.reals, referee.samples), terms(referee), strict=True)
        ):
            sums[side][:, rows] += values
            tests[side][rows] += 1
            means[side].append(values.mean(axis=1))
    for kind, counts in zip(("reals", "samples"), tests, strict=True):
        if (untested := int((counts == 0).sum())) > 0:
            raise ValueError(f"no referee tested {untested} of {len(counts)} {kind}")
    return ItemMeans(
        real_KN=sums[0] / tests[0], fake_KM=sums[1] / tests[1], real_RK=np.stack(means[0]),
        fake_RK=np.stack(means[1]),
        referees=tuple((referee.seed, referee.half) for referee in scores.referees),
    )  # fmt: skip
