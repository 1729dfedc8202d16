"""Quantiles: of replicates as an interval, of samples with distribution-free limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import LEVEL, Interval


def quantile_limits(scores: NDArray[np.float64], p: float) -> Interval:
    """The order statistics of N scores between which their p-quantile lies with about 95 %.

    The r-th score stands at or below the quantile with chance I_p(r, N−r+1). The limits are those r, not
    whole, at which it is 97.5 % and 2.5 %, interpolated between neighbours; below the first score −∞, above
    the last ∞.

    Source: Hutson 1999, Journal of Applied Statistics 26:343–353.
    """
    ordered, n = np.sort(scores), len(scores)
    low, high = (_rank(n, p, chance) for chance in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
    ranks = np.arange(1, n + 1)
    return (
        float(np.interp(low, ranks, ordered)) if low >= 1 else -np.inf,
        float(np.interp(high, ranks, ordered)) if high <= n else np.inf,
    )


def percentile_interval(replicates: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5 % and 97.5 % order statistics of R replicates: numbers k and R+1−k, k = (R+1)·2.5 %."""
    ordered = np.sort(replicates)
    k = max(1, int((len(ordered) + 1) * (1 - LEVEL) / 2 + 1e-9))
    return float(ordered[k - 1]), float(ordered[len(ordered) - k])


def _rank(n: int, p: float, chance: float) -> float:
    """r with I_p(r, n−r+1) = chance, by halving: the chance falls as r rises."""
    from scipy.special import betainc

    low, high = 0.0, n + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if betainc(middle, n - middle + 1, p) > chance else (low, middle)
    return (low + high) / 2
