"""Intervals of the figures in a cross-test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

from gancross.evaluator.confusion import Share

LEVEL = 0.95


def wilson_interval(share: Share) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927), without continuity correction."""
    interval = binomtest(share.count, share.n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def auc(*, real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """P(score of a real > score of a fake) + ½ P(tie), estimated from all pairs by midranks.

    Args:
        real, fake: finite scores, high meaning real.

    Returns:
        In [0, 1]; ½ is chance, 1 a perfect judge.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982.
    """
    ranks = rankdata(np.concatenate([real, fake]))[: len(real)]
    return float((ranks.sum() - len(real) * (len(real) + 1) / 2) / (len(real) * len(fake)))
