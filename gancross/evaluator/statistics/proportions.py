"""Differences of proportions and tests of equal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Estimate, Proportion, difference_reaches
from gancross.evaluator.statistics.confusion import PairedDecisions


def difference(first: Proportion, second: Proportion) -> Estimate:
    """first − second with Newcombe's hybrid interval, for independent samples.

    Each limit is (p₁−p₂) ∓ √(δ₁² + δ₂²), δ the distances of the rates from their own limits. `statsmodels`
    gives the same where no samples are grouped, which it does not know, and takes two seconds to import.

    Source: Newcombe 1998, Statistics in Medicine 17:873–890, method 10.
    """
    value = first.rate - second.rate
    below, above = difference_reaches(first.rate, first.ci95, second.rate, second.ci95)
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def combined(terms: Sequence[tuple[float, Estimate]]) -> Estimate:
    """Σ w·θ of independent estimates, each limit Σ w·θ ∓ √Σ (w·δ)², δ the distance of θ from its limit.

    Args:
        terms: (w, θ); where w is negative the limits change places.

    Source: Zou and Donner 2008, the method of variance estimates recovery.
    """
    scaled = [
        (w * e.value, *sorted((w * e.low, w * e.high))) for w, e in terms
    ]  # fmt: skip
    value = math.fsum(v for v, _, _ in scaled)
    below = math.sqrt(math.fsum((v - low) ** 2 for v, low, _ in scaled))
    above = math.sqrt(math.fsum((high - v) ** 2 for v, _, high in scaled))
    return Estimate(value=value, low=value - below, high=value + above)


def paired_difference(decisions: PairedDecisions) -> Estimate:
    """first − second with Newcombe's hybrid score interval, for decisions on the same samples.

    lower = d − √(a² − 2φab + b²), a = p₁ − l₁, b = u₂ − p₂, and upper alike with the other limits, where
    (l, u) are the Wilson limits of the two rates. φ is the correlation of the two decisions, shrunk by
    n/2 in the numerator where it is positive; 0 where a margin is empty.

    Source: Newcombe 1998, Statistics in Medicine 17:2635–2650, method 10.
    """
    first, second = decisions.first, decisions.second
    value = (decisions.only_first - decisions.only_second) / decisions.n
    (low_1, high_1), (low_2, high_2) = first.ci95, second.ci95
    phi = _correlation(decisions)
    below = _combined(first.rate - low_1, high_2 - second.rate, phi)
    above = _combined(high_1 - first.rate, second.rate - low_2, phi)
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def fisher_p(first: Proportion, second: Proportion) -> float:
    """Two-sided exact p of equal rates in independent samples (Fisher 1935): all tables no likelier.

    The sum over all tables of the observed margins at once; `scipy.stats.fisher_exact` gives the same by
    a search that takes 0.1 s at 10,000 samples. Grouped samples count as their effective
    number, rounded down.
    """
    from scipy.special import logsumexp

    first, second = _effective(first), _effective(second)
    both = first.count + second.count
    possible = np.arange(max(0, both - second.n), min(both, first.n) + 1)
    log_chance = _log_choose(first.n, possible) + _log_choose(second.n, both - possible)
    no_likelier = log_chance <= log_chance[first.count - possible[0]] + 1e-7  # equal but for rounding
    return min(1.0, float(np.exp(logsumexp(log_chance[no_likelier]) - logsumexp(log_chance))))


def mcnemar_p(decisions: PairedDecisions) -> float:
    """Two-sided exact p of equal rates on the same samples, from the discordant ones (McNemar 1947)."""
    from scipy.stats import binomtest

    discordant = decisions.only_first + decisions.only_second
    return float(binomtest(decisions.only_first, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted for all tests of one call, in the same order: max_{j ≤ k} (m−j+1)·p_(j), at most 1.

    `statsmodels` gives the same and ends with a full garbage collection, up to a second beside torch.

    Source: Holm 1979.
    """
    raw, rising = np.asarray(p_values, dtype=np.float64), np.argsort(p_values, kind="stable")
    adjusted = np.empty_like(raw)
    adjusted[rising] = np.minimum(1.0, np.maximum.accumulate(raw[rising] * np.arange(len(raw), 0, -1)))
    return [float(p) for p in adjusted]


def _effective(rate: Proportion) -> Proportion:
    """The rate among the effective number of independent samples; what is not whole is left out."""
    if rate.effective_n is None:
        return rate
    n = rate.independent_n
    return Proportion(count=min(n, round(rate.rate * n)), n=n)


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    from scipy.special import gammaln

    logarithm: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logarithm


def _combined(a: float, b: float, phi: float) -> float:
    """√(a² − 2φab + b²), the same to the last bit for b and a, so that swapped sides find swapped limits."""
    return math.sqrt(max(0.0, (a * a + b * b) - 2 * phi * (a * b)))


def _correlation(decisions: PairedDecisions) -> float:
    """φ of method 10."""
    first, second, n = decisions.first.count, decisions.second.count, decisions.n
    margins = first * (n - first) * second * (n - second)
    if margins == 0:
        return 0.0
    surplus: float = decisions.both * decisions.neither - decisions.only_first * decisions.only_second
    if surplus > 0:
        surplus = max(0.0, surplus - n / 2)
    return surplus / math.sqrt(margins)
