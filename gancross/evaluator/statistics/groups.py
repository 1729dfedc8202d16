"""Rates and differences where samples were scored in groups, so that those of one group depend on each other.

Under batch statistics a score depends on the samples beside it. Samples i·g … (i+1)·g − 1 make group i of
size g; the last one may be smaller. A group is then one observation: the group varies, not the sample.
Groups of two sizes nest in groups of their least common multiple. A part of the samples, those of one class,
say, lies in the same groups, which hold fewer of them: these are given by the number of each sample's group.

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
# The size of consecutive groups; or the group of each sample, numbers from 0 that never fall.
Grouping = int | NDArray[np.int64]


def are_independent(groups: Grouping) -> bool:
    """Whether every sample was scored by itself."""
    return isinstance(groups, int) and groups == 1


def number_of_groups(n: int, groups: Grouping) -> int:
    """How many groups hold n samples, the last one perhaps partly filled."""
    return -(-n // groups) if isinstance(groups, int) else len(_starts(n, groups))


def groups_of_part(members: NDArray[np.intp], size: int) -> Grouping:
    """The groups of a part of the samples, of which the whole was scored in groups of `size`.

    Args:
        members: places of the part's samples among all, rising.
    """
    return 1 if size == 1 else (members // size).astype(np.int64)


def group_sums(values: NDArray[np.generic], groups: Grouping) -> Values:
    """Σ of the values (N,) of each group, (G,)."""
    return np.add.reduceat(values.astype(np.float64), _starts(len(values), groups))


def proportion(decisions: NDArray[np.bool_], groups: Grouping) -> Proportion:
    """The share of True among decisions (N,) in groups; with groups of 1 they are independent."""
    count, n = int(decisions.sum()), len(decisions)
    if are_independent(groups):
        return Proportion(count=count, n=n)
    return Proportion(count=count, n=n, effective_n=effective_number(decisions, groups))


def effective_number(decisions: NDArray[np.bool_], groups: Grouping) -> float:
    """The independent decisions that tell as much as these (N,) in groups: see `effective_number_of_sums`."""
    return effective_number_of_sums(
        group_sums(decisions, groups), group_sums(np.ones(len(decisions)), groups)
    )


def effective_number_of_sums(sums: Values, sizes: Values) -> float:
    """n* = p(1−p)/v · (t_{n−1}/t_{G−1})², from G to n: the independent decisions that tell as much.

    v = G/(G−1) (Σ_g r_g² + u²) / n², r_g = y_g − p m_g, is the variance of the rate over groups with y_g of
    m_g; t are 97.5 % quantiles of Student's distribution. u stands for a group that was not drawn: it
    deviates as much as the farthest one, or by m/(K+1), m the size of the largest group and K how many hold
    the rarer decision, whichever is more. Where none does each group counts once.

    Without u the variance of rare decisions is missed wherever the groups that hold many of them were not
    drawn: of rates of .01 with intra-group correlation .5 the interval covered 80–90 %, with u 95–100 %
    (`benchmarks/simulated/groups.py`).

    Args:
        sums, sizes: y_g and m_g, (G,); each m_g is at least 1.

    Source: Korn and Graubard 1998, but for u.
    """
    n, groups = int(sizes.sum()), len(sizes)
    p = float(sums.sum()) / n
    holding = int(min((sums > 0).sum(), (sums < sizes).sum()))
    if groups < 2 or holding == 0:
        return float(groups)
    squares = (sums - p * sizes) ** 2
    unseen = max(float(squares.max()), (float(sizes.max()) / (holding + 1)) ** 2)
    v = groups / (groups - 1) * (float(squares.sum()) + unseen) / n**2
    few = student_quantile((1 + LEVEL) / 2, n - 1) / student_quantile((1 + LEVEL) / 2, groups - 1)
    return float(np.clip(p * (1 - p) / v * few**2, groups, n))


def variance_of_mean(values: Values, grouping: Grouping) -> float:
    """The variance of the mean of values (N,) in groups; divisor G−1, N−1 for groups of 1."""
    n = len(values)
    if are_independent(grouping):
        return float(values.var(ddof=1)) / n
    groups = number_of_groups(n, grouping)
    residuals = group_sums(values - values.mean(), grouping)
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


def _starts(n: int, groups: Grouping) -> NDArray[np.intp]:
    """The first sample of each group."""
    return np.arange(0, n, groups) if isinstance(groups, int) else np.flatnonzero(np.diff(groups, prepend=-1))
