"""Two contestants before the same referee protocol: differences of G, paired, with all limits that name one.

Two steps, since p is adjusted over all pairs of a call: `contrasts` of all pairs, then
`gancross.evaluator.referees.decision.decided`.

Shape suffixes: K rungs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.referees.figures import SIGNED, UNIT, separation
from gancross.evaluator.referees.intervals import Items, MeanFigure, mean_figure
from gancross.evaluator.referees.placements import ItemMeans, placements
from gancross.evaluator.referees.records import Contrast, GLimits, RungDifference
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.statistics.proportions import holm

ALPHA = 0.05
POWER = 0.8
LEAST_DELTA = 0.05
DELTA_ERRORS = 3.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """A contestant of comparisons.

    Attributes:
        placed: `placements` of its scores.
        kappa_K: κ of the budget by rung, as it holds for G of this contestant; 0 ≤ κ ≤ 1.
    """

    name: str
    placed: ItemMeans
    kappa_K: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, scores: ContestantScores, kappa_K: NDArray[np.float64]) -> Contender:
        """From the scores of its referees."""
        return cls(name=name, placed=placements(scores), kappa_K=kappa_K)

    @property
    def n(self) -> int:
        """Reals or samples at hand, whichever are fewer."""
        return min(len(values_KN[0]) for values_KN in (self.placed.real_KN, self.placed.fake_KM))


def contrasts(contenders: Sequence[Contender], *, sigmas: Sequence[float]) -> list[Contrast]:
    """Every pair in the order given, the earlier one as `a`."""
    return [contrast(a, b, sigmas=sigmas) for a, b in combinations(contenders, 2)]


def contrast(a: Contender, b: Contender, *, sigmas: Sequence[float]) -> Contrast:
    """d̄(σ) = Ḡ_a(σ) − Ḡ_b(σ) at every rung and its mean over them, all limits, and p before Holm.

    Args:
        sigmas: σ of the rungs, rising, in units of the networks' input.

    Raises:
        ValueError: different reals, rungs, seeds or halves: such figures are not comparable.
    """
    _check_same_protocol(a, b, rungs=len(sigmas))
    differences = [_difference(a.placed, b.placed, rung) for rung in range(len(sigmas))]
    adjusted = holm([difference.p for difference in differences])
    mean = _difference(a.placed.over_rungs(), b.placed.over_rungs(), 0)
    n = min(a.n, b.n)
    rungs = tuple(
        RungDifference(
            sigma=float(sigma), difference=difference.estimate, lower=difference.lower(1 - ALPHA),
            upper=difference.upper(1 - ALPHA), holm_p=adjusted[rung], g_of_a=_limits(a, rung),
            g_of_b=_limits(b, rung),
        )
        for rung, (sigma, difference) in enumerate(zip(sigmas, differences, strict=True))
    )  # fmt: skip
    return Contrast(
        a=a.name, b=b.name, n=n, delta=max(LEAST_DELTA, DELTA_ERRORS / math.sqrt(n)), rungs=rungs,
        mean=mean.estimate, p=mean.p, smallest_shown=mean.smallest_shown(power=POWER),
    )  # fmt: skip


def _difference(a: ItemMeans, b: ItemMeans, rung: int) -> MeanFigure:
    """G of a − G of b: reals are the same ones by row, samples are not, referees are paired."""
    return mean_figure(
        referees_R=2 * (a.real_RK[:, rung] - b.real_RK[:, rung]),
        items=[
            Items(values_N=a.real_KN[rung] - b.real_KN[rung], span=SIGNED),
            Items(values_N=a.fake_KM[rung], span=UNIT),
            Items(values_N=b.fake_KM[rung], span=UNIT),
        ],
        span=(-2.0, 2.0), scale=2,
    )  # fmt: skip


def _limits(contender: Contender, rung: int) -> GLimits:
    """One-sided limits of G, each at 5 % divided by the number of rungs."""
    g, level = separation(contender.placed, rung), 1 - ALPHA / len(contender.kappa_K)
    return GLimits(lower=g.lower(level), upper=g.upper(level), kappa=float(contender.kappa_K[rung]))


def _check_same_protocol(a: Contender, b: Contender, *, rungs: int) -> None:
    if a.placed.referees != b.placed.referees:
        raise ValueError(
            f"'{a.name}' and '{b.name}' have referees of other seeds or halves:"
            f" {a.placed.referees} and {b.placed.referees}"
        )
    if a.placed.real_KN.shape != b.placed.real_KN.shape:
        raise ValueError(
            f"'{a.name}' and '{b.name}' have (rungs, reals)"
            f" {a.placed.real_KN.shape} and {b.placed.real_KN.shape}"
        )
    if not len(a.placed.real_KN) == len(a.kappa_K) == len(b.kappa_K) == rungs:
        raise ValueError(f"need one κ a rung, {rungs}, got {len(a.kappa_K)} and {len(b.kappa_K)}")
