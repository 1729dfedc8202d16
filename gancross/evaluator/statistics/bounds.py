"""Lower bounds on the distance between data and generator; transfer gaps.

A judge that tells reals from fakes is a witness: its success bounds a distance between the two
distributions from below. The bounds hold in expectation, so it is their lower limits that say something.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import LEVEL, Estimate, Missing, Proportion
from gancross.evaluator.statistics.proportions import difference
from gancross.score_kinds import SCORE_KINDS

Scores = NDArray[np.float64]


def total_variation_bound(*, fn: Proportion, fp: Proportion) -> Estimate:
    """J = 1 − FN − FP, |J| ≤ TV(data, generator), with Newcombe's interval of (1 − FN) − FP.

    A negative J is a witness too: a judge that calls more samples real than data tells the two apart.

    Returns:
        In [−1, 1]; the further from 0, the further the samples are from the data. An interval that holds 0 is
        uninformative.

    Source: Youden 1950.
    """
    return difference(Proportion(count=fn.n - fn.count, n=fn.n), fp)


def jensen_shannon_bound(*, real: Scores, fake: Scores, score_kind: str) -> Estimate | Missing:
    """ln 2 + ½ E_P[ln σ(r)] + ½ E_Q[ln(1−σ(r))] ≤ JSD(P, Q), r the judge's log-ratio.

    r is clipped to ±ln n, n the smaller number of samples: the bound holds for any function of a sample, and
    nobody can know from n samples that a ratio is beyond n. So the two terms have a range of ½ ln n each.

    Each limit is the empirical Bernstein bound of both expectations,
    value ∓ Σ [√(2 V ln(2/δ)/n) + 7 R ln(2/δ)/(3(n−1))], V the variance of a term (divisor n−1), R its range,
    δ = 1.25 %. It holds at 97.5 % for every distribution and size, and is wider than the central limit's,
    which a judge that is nearly always right and rarely, but then surely, wrong broke in most draws.

    Args:
        real, fake: scores v, high meaning real.
        score_kind: as `Contestant.score_kind`.

    Returns:
        In nats, at most ln 2; higher means further from the data. A lower limit at or below 0 is
        uninformative.

    Source: Goodfellow et al. 2014, Theorem 1: the maximum over all r is the divergence itself; Maurer and
    Pontil 2009, Theorem 4, for the limits.
    """
    ratio_real, ratio_fake = log_ratio(real, score_kind), log_ratio(fake, score_kind)
    if ratio_real is None or ratio_fake is None:
        return Missing("its score is no density ratio")
    n = min(len(real), len(fake))
    if n < 2:
        return Missing("one sample has no interval")
    largest = math.log(n)
    real_terms = -0.5 * np.logaddexp(0.0, -np.clip(ratio_real, -largest, largest))
    fake_terms = -0.5 * np.logaddexp(0.0, np.clip(ratio_fake, -largest, largest))
    value = math.log(2) + float(real_terms.mean() + fake_terms.mean())
    reach = sum(bernstein_reach(terms, span=largest / 2) for terms in (real_terms, fake_terms))
    return Estimate(value=value, low=value - reach, high=min(math.log(2), value + reach))


def bernstein_reach(terms: Scores, *, span: float, delta: float = (1 - LEVEL) / 4) -> float:
    """√(2 V ln(2/δ)/n) + 7 R ln(2/δ)/(3(n−1)): the mean of n ≥ 2 terms is so near to their expectation.

    Each side is missed with a chance of at most δ, whatever the distribution; V divides by n−1.

    Args:
        span: R, between the largest and the smallest value that a term can have.

    Source: Maurer and Pontil 2009, Theorem 4.
    """
    n, logarithm = len(terms), math.log(2 / delta)
    return math.sqrt(2 * float(terms.var(ddof=1)) * logarithm / n) + 7 * span * logarithm / (3 * (n - 1))


def transfer_gap(*, cross_fp: Proportion, own_fp: Proportion) -> Estimate:
    """FP_ij − FP_jj of judge j: how much more another generator fools it than the one it trained against."""
    return difference(cross_fp, own_fp)


def generalisation_gap(*, train_fn: Proportion, test_fn: Proportion) -> Estimate:
    """TPR on training reals − TPR on test reals; positive where the judge knows its training data."""
    return difference(test_fn, train_fn)


def log_ratio(scores: Scores, score_kind: str) -> Scores | None:
    """r = ln f*'(g_f(v)), the ln p/q that a score claims, in nats; None where its kind claims none.

    Probabilities were converted to logits on entry.

    −∞ is a ratio of zero: such a judge says "never real".
    """
    ratio = SCORE_KINDS[score_kind].log_ratio
    if ratio is None:
        return None
    import torch

    return np.asarray(ratio(torch.from_numpy(scores)))
