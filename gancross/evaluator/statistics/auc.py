"""Area under the ROC curve: how well a judge ranks reals above one generator's samples.

Shape suffixes: N reals, M generated samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.distributions import student_quantile
from gancross.evaluator.estimates import LEVEL, Estimate, Interval, Z, difference_reaches, rule_of_three
from gancross.evaluator.statistics.groups import Grouping, are_independent, number_of_groups, variance_of_mean

Scores = NDArray[np.float64]
FEW_DISCORDANT = 20
_ROUNDING = 1e-12


def components(*, real: Scores, fake: Scores) -> tuple[float, Scores, Scores]:
    """The AUC as a mean of structural components, by midranks: three sorts instead of N·M pairs.

    V = (rank among all − rank among reals)/M, W = 1 − (rank among all − rank among fakes)/N.

    Returns:
        The AUC, P(score of a real > score of a fake) + ½ P(tie): ½ is chance, 1 a perfect judge; V (N,), the
        share of fakes below each real; W (M,), the share of reals above each fake; ties count half.

    Source: Hanley and McNeil 1982; DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014.
    """
    from scipy.stats import rankdata

    n, m = len(real), len(fake)
    ranks = rankdata(np.concatenate([real, fake]))
    below_N = ranks[:n] - rankdata(real)
    above_M = n - (ranks[n:] - rankdata(fake))
    # Ranks are multiples of ½, so this sum is exact and equal scores give equal AUCs to the last bit.
    return float(below_N.sum()) / (n * m), below_N / m, above_M / n


def auc_interval(*, real: Scores, fake: Scores, group_size: int = 1) -> Estimate:
    """The AUC of samples in groups of one size, with its 95 % interval: see `grouped_auc_interval`."""
    return grouped_auc_interval(real=real, fake=fake, real_groups=group_size, fake_groups=group_size)


def grouped_auc_interval(
    *, real: Scores, fake: Scores, real_groups: Grouping, fake_groups: Grouping
) -> Estimate:
    """AUC with DeLong's 95 % interval on the logit scale.

    logit A ± z·s/(A(1−A)), s² = var V/N + var W/M, variances divided by N−1 and M−1. Where s is 0, at
    exactly 1 or 0 above all, A ∓ 3/min(N, M): so many pairs share no sample, and none was discordant. At
    1 and at 0 only one limit moves, and it is one-sided.

    Near 1 and 0 few samples are ever out of order, so that s² itself is uncertain: with min(N, M)·(1−A) below
    20 the interval is the union of DeLong's and Newcombe's. DeLong's alone covered 61–98 % there, the
    union 94–100 %.

    Args:
        real_groups, fake_groups: in which the samples were scored: groups take the place of samples, and
            Student's quantile that of z.

    Source: DeLong et al. 1988; Pepe 2003, §5.2 for the logit scale; Obuchowski 1997 for
        groups; Newcombe 2006.
    """
    from scipy.special import expit, logit

    value, of_reals_N, of_fakes_M = components(real=real, fake=fake)
    fewest = min(number_of_groups(len(real), real_groups), number_of_groups(len(fake), fake_groups))
    if fewest < 2:
        return Estimate(value=value, low=0.0, high=1.0)
    error = math.sqrt(variance_of_mean(of_reals_N, real_groups) + variance_of_mean(of_fakes_M, fake_groups))
    if error <= _ROUNDING:
        slack = rule_of_three(fewest)
        return Estimate(value=value, low=max(0.0, value - slack), high=min(1.0, value + slack))
    reach = _quantile(fewest, real_groups) * error / (value * (1 - value))
    low, high = float(expit(logit(value) - reach)), float(expit(logit(value) + reach))
    numbers = _effective(of_reals_N, real_groups), _effective(of_fakes_M, fake_groups)
    if _is_near_an_end(value, numbers):
        limits = newcombe_limits(value, *numbers)
        low, high = min(low, limits[0]), max(high, limits[1])
    return Estimate(value=value, low=low, high=high)


def newcombe_limits(value: float, n: float, m: float) -> Interval:
    """Score limits of an AUC: all A with |value − A| ≤ z √(A(1−A) (1 + k(1−A)/(2−A) + kA/(1+A))/(NM)).

    k = (N+M)/2 − 1. The variance is that of exponential scores, whatever their true spread, and does not
    vanish with the share of pairs out of order.

    Args:
        value: above 0 and below 1.
        n, m: reals and fakes, or how many independent ones tell as much.

    Source: Newcombe 2006, Statistics in Medicine 25:559–573, method 5; Hanley and McNeil 1982.
    """
    from scipy.optimize import brentq

    k = (n + m) / 2 - 1

    def excess(area: float) -> float:
        shape = 1 + k * (1 - area) / (2 - area) + k * area / (1 + area)
        return abs(value - area) - Z * math.sqrt(area * (1 - area) * shape / (n * m))

    return float(brentq(excess, 0.0, value)), float(brentq(excess, value, 1.0))


def _effective(components_N: Scores, groups: Grouping) -> float:
    """How many independent samples tell as much as N in groups: between the number of groups and N."""
    n = len(components_N)
    if are_independent(groups):
        return n
    grouped = variance_of_mean(components_N, groups)
    alike = n * variance_of_mean(components_N, 1) / grouped if grouped > 0 else 0.0
    return float(np.clip(alike, number_of_groups(n, groups), n))


def auc_difference(
    *, first_real: Scores, first_fake: Scores, second_real: Scores, second_fake: Scores,
    first_group_size: int = 1, second_group_size: int = 1,
) -> Estimate:  # fmt: skip
    """AUC of the first judge − AUC of the second, who share the reals but not the fakes.

    s² = var(V₁ − V₂)/N + var W₁/M₁ + var W₂/M₂: the reals are the same images under both judges, so their
    components are paired; the fakes come from two generators and are independent.

    Where one of the AUCs is so near 1 or 0 that `auc_interval` is a union, so is this: with the limits of
    both combined as if the reals were different ones, value ∓ √(δ₁² + δ₂²). DeLong's alone covered 65–95 %
    of AUCs that differ there, the union 97–100 %.

    Args:
        first_real, second_real: the same images in the same order.
        first_fake, second_fake: each judge's scores of the generator that it judges.
        first_group_size, second_group_size: as `group_size` of `auc_interval`; the reals are paired in groups
            of their least common multiple.

    Raises:
        ValueError: different numbers of reals.

    Source: DeLong et al. 1988, with the covariance of the fakes' components 0; Zou and Donner 2008.
    """
    if len(first_real) != len(second_real):
        raise ValueError(f"the judges saw {len(first_real)} and {len(second_real)} reals, not the same ones")
    first, first_reals_N, first_fakes_M = components(real=first_real, fake=first_fake)
    second, second_reals_N, second_fakes_M = components(real=second_real, fake=second_fake)
    value = first - second
    both = math.lcm(first_group_size, second_group_size)
    smallest = min(
        number_of_groups(len(first_real), both), number_of_groups(len(first_fake), first_group_size),
        number_of_groups(len(second_fake), second_group_size),
    )  # fmt: skip
    if smallest < 2:
        return Estimate(value=value, low=-1.0, high=1.0)
    error = math.sqrt(
        variance_of_mean(first_reals_N - second_reals_N, both)
        + variance_of_mean(first_fakes_M, first_group_size)
        + variance_of_mean(second_fakes_M, second_group_size)
    )
    reach = _quantile(smallest, both) * error if error > _ROUNDING else rule_of_three(smallest)
    below = above = reach
    first_numbers = (_effective(first_reals_N, first_group_size), _effective(first_fakes_M, first_group_size))
    second_numbers = (
        _effective(second_reals_N, second_group_size), _effective(second_fakes_M, second_group_size)
    )  # fmt: skip
    if _is_near_an_end(first, first_numbers) or _is_near_an_end(second, second_numbers):
        a = auc_interval(real=first_real, fake=first_fake, group_size=first_group_size)
        b = auc_interval(real=second_real, fake=second_fake, group_size=second_group_size)
        below, above = (max(reach, apart) for apart in difference_reaches(first, a.ci95, second, b.ci95))
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def _is_near_an_end(value: float, numbers: tuple[float, float]) -> bool:
    return min(numbers) * min(value, 1 - value) < FEW_DISCORDANT


def _quantile(groups: int, grouping: Grouping) -> float:
    return Z if are_independent(grouping) else student_quantile((1 + LEVEL) / 2, groups - 1)
