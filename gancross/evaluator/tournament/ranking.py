"""Rankings of more than two contestants: generators by how surely others tell them, discriminators by J.

Shape suffixes: R reals, F samples of one generator, J judges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.distributions import normal_tail
from gancross.evaluator.estimates import Estimate, Missing, Z
from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.tournament.cross_table import CrossTable

NO_DECISIONS = "makes no decisions: no discriminator or no threshold"
TWO = "two contestants have no judge that is neither's own"
NO_JUDGE = "no judge that is neither's own, decides, is not blind and judges each sample by itself"
GROUPS = "under batch statistics a judge's J tells groups of samples apart, not samples"
ALPHA = 0.05

Decisions = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class JudgeDecisions:
    """What one judge calls real: of the test reals (R,), and of every generator's samples (F,).

    `usable`: whether it decides, is not blind, and judges each sample by itself.
    """

    name: str
    usable: bool
    real: Decisions
    fakes: Mapping[str, Decisions]


@dataclass(frozen=True, kw_only=True)
class RankedGenerator:
    """One generator's place.

    Attributes:
        distance: detectability before referees; without them the mean over judges other than its own of
            Ĵ² − SE², J = 1 − FN − FP. 0 where no judge tells its samples from data; lower is better. It may
            be negative by chance.
        judges: how many they are.
        unresolved: generators of which it is not sure, at 5 % for the whole ranking, that they belong on that
            side of it.
    """

    name: str
    distance: Estimate
    judges: int
    unresolved: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RankedDiscriminator:
    """Mean and minimum of J = 1 − FN − FP over generators other than its own; higher is better."""

    name: str
    mean_j: float
    min_j: float
    hardest: str
    blind: bool


def generator_ranking(
    names: Sequence[str], judges: Sequence[JudgeDecisions], *, batch_statistics: bool
) -> tuple[RankedGenerator, ...] | Missing:
    """Generators, those that are told from data least surely first.

    |J| of any judge bounds the total variation between data and generator, so a generator equal to the data
    has J = 0 before every judge and nobody stands before it. Ĵ² − SE² is unbiased for J², |Ĵ| is not for |J|.
    A generator's own discriminator does not count, since it trained against it; nor do judges that are blind.

    Two generators are compared by the judges that are neither's own, Holm over all pairs; where that leaves
    the order open, or there is no such judge, the order is not resolved.

    Args:
        batch_statistics: whether judges normalised by the statistics of groups.
    """
    if batch_statistics:
        return Missing(GROUPS)
    usable = [judge for judge in judges if judge.usable]
    if not any(_common(usable, a, b) for a, b in combinations(names, 2)):
        return Missing(TWO if len(names) < 3 else NO_JUDGE)
    ranked = [
        RankedGenerator(
            name=name, distance=_estimate(_SquaredJ.of(name, foreign_judges)), judges=len(foreign_judges),
            unresolved=(),
        )
        for name in sorted(names) if (foreign_judges := [judge for judge in usable if judge.name != name])
    ]  # fmt: skip
    ranked.sort(key=lambda entry: (entry.distance.value, entry.name))
    pairs = list(combinations([entry.name for entry in ranked], 2))
    adjusted = holm([_order_p(usable, before, after) for before, after in pairs])
    open_pairs = [pair for pair, p in zip(pairs, adjusted, strict=True) if p >= ALPHA]
    return tuple(
        replace(entry, unresolved=tuple(
            name for pair in open_pairs if entry.name in pair for name in pair if name != entry.name
        ))
        for entry in ranked
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _SquaredJ:
    """Mean of Ĵ² − SE² over judges, and what each sample contributes to its error.

    Attributes:
        real: (R,) influence of each real, its mean 0.
        fake: (F,) influence of each sample of the generator, its mean 0.
        squared: variance that remains where J is 0: of the squares of errors.
        mean_square: mean Ĵ², to which the variance of the influences is proportional.
    """

    value: float
    real: NDArray[np.float64]
    fake: NDArray[np.float64]
    squared: float
    mean_square: float

    @classmethod
    def of(cls, generator: str, judges: Sequence[JudgeDecisions]) -> _SquaredJ:
        real_JR = np.array([judge.real for judge in judges], dtype=np.float64)
        fake_JF = np.array([judge.fakes[generator] for judge in judges], dtype=np.float64)
        j_J = real_JR.mean(axis=1) - fake_JF.mean(axis=1)
        noise_J = np.diag(_covariance(_centred(real_JR)) + _covariance(_centred(fake_JF)))
        real_JR, fake_JF = _centred(_with_ends(real_JR)), _centred(_with_ends(fake_JF))
        covariance_JJ = _covariance(real_JR) + _covariance(fake_JF)
        k = len(judges)
        return cls(
            value=float((j_J**2 - noise_J).mean()),
            real=2 / k * (j_J @ real_JR), fake=-2 / k * (j_J @ fake_JF),
            squared=2 * float((covariance_JJ**2).sum()) / k**2, mean_square=float((j_J**2).mean()),
        )  # fmt: skip


def _with_ends(decisions_JN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two pseudo-samples more, 0 and 1: rates of exactly 0 and 1 have an error too."""
    ends = np.broadcast_to(np.array([0.0, 1.0]), (len(decisions_JN), 2))
    return np.concatenate([decisions_JN, ends], axis=1)


def _centred(values_JN: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values_JN - values_JN.mean(axis=1, keepdims=True))


def _covariance(centred_JN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the means over N samples, (J, J); divisor N−1."""
    n = centred_JN.shape[1]
    return np.asarray(centred_JN @ centred_JN.T / (max(1, n - 1) * n))


def _estimate(squared_j: _SquaredJ) -> Estimate:
    """With the score interval: all θ with (x − θ)² ≤ z² (cθ + q).

    x is the estimate, q its variance at J = 0, and c the variance that its influences add for every unit
    of θ. Wald's interval, with the variance at x in place of that at θ, covers 87–100 % for J up to .05 and
    600 samples; this one 93–96 %.
    """
    x, q = squared_j.value, Z**2 * squared_j.squared
    slope = _of_mean(squared_j.real) + _of_mean(squared_j.fake)
    c = Z**2 * slope / squared_j.mean_square if squared_j.mean_square > 0 else 0.0
    reach = math.sqrt(max(0.0, c * x + c**2 / 4 + q))
    # Where no θ fits, far below 0, the estimate itself is the nearest limit.
    return Estimate(value=x, low=min(x, x + c / 2 - reach), high=min(1.0, max(x, x + c / 2 + reach)))


def _of_mean(influence_N: NDArray[np.float64]) -> float:
    n = len(influence_N)
    return float((influence_N**2).sum()) / (max(1, n - 1) * n)


def _common(judges: Sequence[JudgeDecisions], a: str, b: str) -> list[JudgeDecisions]:
    return [judge for judge in judges if judge.name not in (a, b)]


def _order_p(judges: Sequence[JudgeDecisions], before: str, after: str) -> float:
    """Two-sided p of equal mean J² before common judges; 1 where they say the reverse, or there are none."""
    common = _common(judges, before, after)
    if not common:
        return 1.0
    first, second = (_SquaredJ.of(name, common) for name in (before, after))
    error = math.sqrt(
        _of_mean(first.real - second.real) + _of_mean(first.fake) + _of_mean(second.fake)
        + first.squared + second.squared
    )  # fmt: skip
    gap = second.value - first.value
    return 1.0 if gap <= 0 else 2 * normal_tail(gap / error)


def discriminator_ranking(table: CrossTable) -> tuple[RankedDiscriminator, ...] | Missing:
    """Discriminators, the best first: by mean J, then by minimum J."""
    if len(table.names) < 2:
        return Missing("no generator but its own")
    ranked = []
    for j in np.flatnonzero(table.decides):
        opponents = np.arange(len(table.names)) != j
        witnessed = 1 - table.fn[j] - table.fp[:, j]
        hardest = int(np.argmin(np.where(opponents, witnessed, np.inf)))
        ranked.append(
            RankedDiscriminator(
                name=table.names[j], mean_j=float(witnessed[opponents].mean()),
                min_j=float(witnessed[hardest]), hardest=table.names[hardest], blind=bool(table.blind[j]),
            )
        )  # fmt: skip
    if not ranked:
        return Missing("nobody makes decisions: no discriminator has a threshold")
    return tuple(sorted(ranked, key=lambda entry: (-entry.mean_j, -entry.min_j, entry.name)))
