"""Rates and differences where samples were scored in groups, so that those of one group depend on each other.

Under batch statistics a score depends on the samples beside it. Samples i·g … (i+1)·g − 1 make group i of
size g; the last one may be smaller. A group is then one observation: the group varies, not the sample.
Groups of two sizes nest in groups of their least common multiple.

Shape suffixes: N samples, G groups.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.distributions import student_quantile, student_tail
from gancross.evaluator.estimates import LEVEL, Estimate, Proportion, rule_of_three

FEWEST_GROUPS = 30

Values = NDArray[np.float64]


def number_of_groups(n: int, size: int) -> int:
    """How many groups of `size` hold n samples, the last one perhaps partly filled."""
    return -(-n // size)


def group_sums(values: NDArray[np.generic], size: int) -> Values:
    """Σ of the values (N,) of each group, (G,)."""
    return np.add.reduceat(values.astype(np.float64), np.arange(0, len(values), size))


def proportion(decisions: NDArray[np.bool_], size: int) -> Proportion:
    """The share of True among decisions (N,) in groups of `size`; with size 1 they are independent."""
    count, n = int(decisions.sum()), len(decisions)
    if size == 1:
        return Proportion(count=count, n=n)
    return Proportion(count=count, n=n, effective_n=effective_number(decisions, size))


def effective_number(decisions: NDArray[np.bool_], size: int) -> float:
    """n* = p(1−p)/v · (t_{n−1}/t_{G−1})², from G to n: the independent decisions that tell as much.

    v = G/(G−1) (Σ_g r_g² + u²) / n², r_g = y_g − p m_g, is the variance of the rate over groups with y_g of
    m_g; t are 97.5 % quantiles of Student's distribution. u stands for a group that was not drawn: it
    deviates as much as the farthest one, or by m/(K+1), m the size of groups and K how many hold the rarer
    decision, whichever is more. Where none does each group counts once.

    Without u the variance of rare decisions is missed wherever the groups that hold many of them were not
    drawn: of rates of .01 with intra-group correlation .5 the interval covered 80–90 %, with u 95–100 %
    (`benchmarks/simulated/groups.py`).

    Source: Korn and Graubard 1998, but for u.
    """
    n, groups = len(decisions), number_of_groups(len(decisions), size)
    p = float(decisions.mean())
    sums, sizes = group_sums(decisions, size), group_sums(np.ones(n), size)
    holding = int(min((sums > 0).sum(), (sums < sizes).sum()))
    if groups < 2 or holding == 0:
        return float(groups)
    squares = (sums - p * sizes) ** 2
    unseen = max(float(squares.max()), (size / (holding + 1)) ** 2)
    v = groups / (groups - 1) * (float(squares.sum()) + unseen) / n**2
    few = student_quantile((1 + LEVEL) / 2, n - 1) / student_quantile((1 + LEVEL) / 2, groups - 1)
    return float(np.clip(p * (1 - p) / v * few**2, groups, n))


def variance_of_mean(values: Values, size: int) -> float:
    """The variance of the mean of values (N,) in groups of `size`; divisor G−1, N−1 for size 1."""
    n = len(values)
    if size == 1:
        return float(values.var(ddof=1)) / n
    groups = number_of_groups(n, size)
    residuals = group_sums(values - values.mean(), size)
    return groups / (groups - 1) * float((residuals**2).sum()) / n**2


def mean_difference(differences: Values, size: int) -> tuple[Estimate, float]:
    """The mean of paired differences (N,) in [−1, 1], with Student's 95 % interval over groups and p.

    Where no variance is seen the interval reaches 3/G to either side, as the rule of three has it, and p is
    that of a sign test.

    Returns:
        The estimate, and the two-sided p of a mean of 0.
    """
    groups = number_of_groups(len(differences), size)
    value, error = float(differences.mean()), math.sqrt(variance_of_mean(differences, size))
    if error <= 1e-12:
        reach = rule_of_three(groups)
        p = 1.0 if abs(value) <= reach else 2.0 ** (1 - groups)  # all groups on one side, by a fair coin
    else:
        reach = student_quantile((1 + LEVEL) / 2, groups - 1) * error
        p = 2 * student_tail(abs(value) / error, groups - 1)
    return Estimate(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach)), p
