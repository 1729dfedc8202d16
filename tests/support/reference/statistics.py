"""Slow, obvious forms of the evaluator's statistics: definitions written as loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import variance

import numpy as np
from numpy.typing import NDArray

Scores = Sequence[float] | NDArray[np.float64]


def delong(real: Scores, fake: Scores) -> tuple[float, float, list[float], list[float]]:
    """AUC and its variance from all N·M pairs, as DeLong et al. 1988 define them; their components."""
    kernel = [[1.0 if r > f else 0.5 if r == f else 0.0 for f in fake] for r in real]
    of_real = [sum(row) / len(fake) for row in kernel]
    of_fake = [sum(row[k] for row in kernel) / len(real) for k in range(len(fake))]
    area = sum(of_real) / len(real)
    return area, variance(of_real) / len(real) + variance(of_fake) / len(fake), of_real, of_fake


def matched_threshold(scores: Sequence[float], level: float) -> float:
    """The largest score with share(score ≤ τ) ≤ level, −∞ if there is none."""
    fitting = [
        tau
        for tau in scores
        if sum(score <= tau for score in scores) * 100 <= round(level * 100) * len(scores)
    ]
    return max(fitting, default=-math.inf)


def fisher(k1: int, n1: int, k2: int, n2: int) -> float:
    """Two-sided p in whole numbers: the tables that are no likelier than the observed one."""
    both = k1 + k2
    ways = {
        k: math.comb(n1, k) * math.comb(n2, both - k)
        for k in range(max(0, both - n2), min(both, n1) + 1)
    }  # fmt: skip
    return sum(way for way in ways.values() if way <= ways[k1]) / sum(ways.values())


def permutation_p(fp: Sequence[Sequence[float]], label: Sequence[float]) -> float:
    """Two-sided p of the difference of cross FPs over all labellings."""

    def difference(ours: Sequence[int]) -> float:
        theirs = [i for i in range(len(fp)) if i not in ours]
        fooled = [fp[i][j] for i in theirs for j in ours]
        fools = [fp[i][j] for i in ours for j in theirs]
        return sum(fooled) / len(fooled) - sum(fools) / len(fools)

    observed = difference([i for i, side in enumerate(label) if side == 1])
    others = [difference(chosen) for chosen in combinations(range(len(fp)), int(sum(label)))]
    return sum(abs(other) >= abs(observed) - 1e-12 for other in others) / len(others)
