"""Figures with one number a training run: two methods compared by their runs.

Shape suffixes: A runs of one method, B of the other, P pairs of runs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.distributions import student_quantile, student_tail
from gancross.evaluator.estimates import LEVEL, Estimate

Figures = NDArray[np.float64]
_ROUNDING = 1e-12


def welch(first: Figures, second: Figures) -> tuple[Estimate, float]:
    """Mean of first (A,) − mean of second (B,), with Welch's 95 % interval, and its two-sided p.

    t = (x̄ − ȳ)/s, s² = var x/A + var y/B, variances divided by A−1 and B−1, degrees of freedom by
    Satterthwaite. Where neither varies, p is 1 for equal figures and 0 for others.
    `scipy.stats.ttest_ind` gives the same and warns where figures are nearly equal.

    Raises:
        ValueError: fewer than two runs on a side.

    Source: Welch 1947.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"need two runs a side, got {len(first)} and {len(second)}")
    of_first, of_second = first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)
    value, variance = float(first.mean() - second.mean()), float(of_first + of_second)
    if variance <= _ROUNDING**2:
        return _certain(value)
    freedom = variance**2 / (of_first**2 / (len(first) - 1) + of_second**2 / (len(second) - 1))
    return _student(value, math.sqrt(variance), float(freedom))


def paired_student(differences: Figures) -> Estimate:
    """Mean of paired differences (P,), P ≥ 2, with Student's 95 % interval on P−1 degrees of freedom."""
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if error <= _ROUNDING:
        return _certain(float(differences.mean()))[0]
    return _student(float(differences.mean()), error, len(differences) - 1)[0]


def _student(value: float, error: float, freedom: float) -> tuple[Estimate, float]:
    reach = student_quantile((1 + LEVEL) / 2, freedom) * error
    p = 2 * student_tail(abs(value) / error, freedom)
    return Estimate(value=value, low=value - reach, high=value + reach), p


def _certain(value: float) -> tuple[Estimate, float]:
    return Estimate(value=value, low=value, high=value), 1.0 if abs(value) <= _ROUNDING else 0.0
