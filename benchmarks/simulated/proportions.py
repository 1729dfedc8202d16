"""Rates: the Wilson interval, the paired difference, the power of Fisher's test."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.confusion import PairedDecisions
from gancross.evaluator.statistics.proportions import fisher_p, paired_difference
from simulated.findings import ALPHA, EXACT, Finding, N, Scores, Target, around, coverage, holds, random_of

GRID = 1_001


def wilson(draws: int, *, largest: int = N, grid: int = GRID) -> Iterator[Finding]:
    """Exact coverage of the Wilson interval: Σ_k Binomial(k; n, p) over the k whose interval holds p.

    Coverage jumps with p; the worst p of a fine grid stands for all where n·min(p, 1−p) ≥ 20.
    """
    for n in (100, 1_000, largest):
        limits = np.array([Proportion(count=k, n=n).ci95 for k in range(n + 1)])

        def covered(p: float, n: int = n, limits: Scores = limits) -> float:
            inside = (limits[:, 0] <= p) & (p <= limits[:, 1])
            return float(binom.pmf(np.arange(n + 1), n, p)[inside].sum())

        def finding(setting: str, value: float, target: Target) -> Finding:
            return Finding(
                claim="Wilson interval, exact coverage", setting=setting, value=value, standard_error=0.0,
                draws=None, target=target,
            )  # fmt: skip

        gated = [covered(p) for p in np.linspace(20 / n, 0.5, grid)]
        yield finding(f"n={n}, least over p from {20 / n} to 0.5", min(gated), EXACT)
        yield finding(f"n={n}, most over p from {20 / n} to 0.5", max(gated), EXACT)
        for count in (1, 5, 10):
            yield finding(f"n={n}, p={count / n}", covered(count / n), None)


def newcombe_paired(draws: int) -> Iterator[Finding]:
    """Coverage of Newcombe's paired interval, the judges' decisions correlated."""
    for first, second, both in ((0.05, 0.05, 0.02), (0.05, 0.03, 0.02), (0.4, 0.3, 0.2)):
        cells = [both, first - both, second - both, 1 - first - second + both]
        hits = 0
        for counts in random_of("newcombe", first, second).multinomial(N, cells, size=draws).tolist():
            decisions = PairedDecisions(
                both=counts[0], only_first=counts[1], only_second=counts[2], neither=counts[3]
            )
            hits += holds(paired_difference(decisions), first - second)
        yield coverage(
            "paired Newcombe interval of FN", f"n={N}, FN={first} and {second}, both {both}", hits, draws
        )


def power(draws: int) -> Iterator[Finding]:
    """Exact power of the Fisher step alone: a double sum over all counts within seven deviations."""
    rates = (0.01, 0.0143)
    firsts, seconds = (
        range(*np.asarray(binom.ppf([1e-10, 1 - 1e-10], N, p)).astype(int).tolist()) for p in rates
    )  # fmt: skip
    weights = np.asarray(binom.pmf(seconds, N, rates[1]))
    total = 0.0
    for first in firsts:

        def is_equal(second: int, first: int = first) -> bool:
            return fisher_p(Proportion(count=first, n=N), Proportion(count=second, n=N)) >= ALPHA

        # p falls with the distance of the counts, so those that are not told apart lie side by side.
        middle = bisect_left(seconds, first)
        low = bisect_left(seconds, True, hi=middle, key=is_equal)
        high = bisect_left(seconds, True, lo=middle, key=lambda second: not is_equal(second))
        total += float(binom.pmf(first, N, rates[0]) * (weights[:low].sum() + weights[high:].sum()))
    yield Finding(
        claim="power of the Fisher step", setting=f"n={N}, FP={rates[0]} against {rates[1]}", value=total,
        standard_error=0.0, draws=None, target=around(0.782, 0.02),
    )  # fmt: skip
