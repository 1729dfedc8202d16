"""Area under the ROC curve: how well a judge ranks reals above one generator's samples.

Shape suffixes: N reals, M generated samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata

from gancross.evaluator.estimates import Estimate, Z
from gancross.evaluator.statistics.proportions import rule_of_three

Scores = NDArray[np.float64]


def components(*, real: Scores, fake: Scores) -> tuple[float, Scores, Scores]:
    """The AUC as a mean of structural components, by midranks: three sorts instead of N·M pairs.

    V = (rank among all − rank among reals)/M, W = 1 − (rank among all − rank among fakes)/N.

    Returns:
        The AUC, P(score of a real > score of a fake) + ½ P(tie): ½ is chance, 1 a perfect judge; V (N,), the
        share of fakes below each real; W (M,), the share of reals above each fake; ties count half.

    Source: Hanley and McNeil 1982; DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014.
    """
    n, m = len(real), len(fake)
    ranks = rankdata(np.concatenate([real, fake]))
    below_N = ranks[:n] - rankdata(real)
    above_M = n - (ranks[n:] - rankdata(fake))
    # Ranks are multiples of ½, so this sum is exact and equal scores give equal AUCs to the last bit.
    return float(below_N.sum()) / (n * m), below_N / m, above_M / n


def auc_interval(*, real: Scores, fake: Scores) -> Estimate:
    """AUC with DeLong's 95 % interval on the logit scale.

    logit A ± z·s/(A(1−A)), s² = var V/N + var W/M, variances divided by N−1 and M−1. Where s is 0, at
    exactly 1 or 0 above all, A ∓ 3/min(N, M): so many pairs share no sample, and none was discordant. At
    1 and at 0 only one limit moves, and it is one-sided.

    Source: DeLong et al. 1988; Pepe 2003, §5.2 for the logit scale.
    """
    value, of_reals_N, of_fakes_M = components(real=real, fake=fake)
    if min(len(real), len(fake)) < 2:
        return Estimate(value=value, low=0.0, high=1.0)
    error = math.sqrt(_variance_of_mean(of_reals_N) + _variance_of_mean(of_fakes_M))
    if error == 0:
        slack = rule_of_three(min(len(real), len(fake)))
        return Estimate(value=value, low=max(0.0, value - slack), high=min(1.0, value + slack))
    reach = Z * error / (value * (1 - value))
    return Estimate(
        value=value, low=float(expit(logit(value) - reach)), high=float(expit(logit(value) + reach))
    )


def auc_difference(
    *, first_real: Scores, first_fake: Scores, second_real: Scores, second_fake: Scores
) -> Estimate:
    """AUC of the first judge − AUC of the second, who share the reals but not the fakes.

    s² = var(V₁ − V₂)/N + var W₁/M₁ + var W₂/M₂: the reals are the same images under both judges, so their
    components are paired; the fakes come from two generators and are independent.

    Args:
        first_real, second_real: the same images in the same order.
        first_fake, second_fake: each judge's scores of the generator that it judges.

    Raises:
        ValueError: different numbers of reals.

    Source: DeLong et al. 1988, with the covariance of the fakes' components 0.
    """
    if len(first_real) != len(second_real):
        raise ValueError(f"the judges saw {len(first_real)} and {len(second_real)} reals, not the same ones")
    first, first_reals_N, first_fakes_M = components(real=first_real, fake=first_fake)
    second, second_reals_N, second_fakes_M = components(real=second_real, fake=second_fake)
    value = first - second
    smallest = min(len(first_real), len(first_fake), len(second_fake))
    if smallest < 2:
        return Estimate(value=value, low=-1.0, high=1.0)
    error = math.sqrt(
        _variance_of_mean(first_reals_N - second_reals_N)
        + _variance_of_mean(first_fakes_M)
        + _variance_of_mean(second_fakes_M)
    )
    reach = Z * error if error > 0 else rule_of_three(smallest)
    return Estimate(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach))


def _variance_of_mean(values: Scores) -> float:
    return float(values.var(ddof=1)) / len(values)
