"""Figures with their uncertainty: a proportion, an estimate with its interval, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LEVEL = 0.95
Z = 1.959963984540054  # the normal distribution's quantile at (1 + LEVEL) / 2

Interval = tuple[float, float]
Better = Literal["higher", "lower"] | None  # the end of a figure's range where its owner does well
ARROWS: Mapping[Better, str] = {"higher": "↑", "lower": "↓", None: ""}


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """`count` of `n` samples.

    Attributes:
        effective_n: how many independent samples tell as much, where those of one group depend on each other
            (`gancross.evaluator.statistics.groups`); None: all are independent.
    """

    count: int
    n: int
    effective_n: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.n or self.n == 0:
            raise ValueError(f"need 0 ≤ count ≤ n and n > 0, got {self.count} of {self.n}")
        if self.effective_n is not None and not 0 < self.effective_n <= self.n:
            raise ValueError(f"need 0 < effective_n ≤ n, got {self.effective_n} of {self.n}")

    @property
    def rate(self) -> float:
        """`count` / `n`."""
        return self.count / self.n

    @property
    def independent_n(self) -> int:
        """How many independent samples tell as much, whole and at least one."""
        return self.n if self.effective_n is None else max(1, int(self.effective_n))

    @property
    def ci95(self) -> Interval:
        """The 95 % interval of the rate.

        Independent samples: the score interval without continuity correction,
        (2np + z² ∓ z√(4np(1−p) + z²)) / (2(n + z²)). `scipy.stats.binomtest` gives the same after a test that
        takes ten times as long, and a tournament of eight has hundreds of rates.

        Groups: the exact limits of p·n* successes in n* trials, n* = `effective_n`; n* need not be whole.

        Source: Wilson 1927; Korn and Graubard 1998, Survey Methodology 24:193–201.
        """
        if self.effective_n is not None:
            return self._exact_limits(self.effective_n)
        n, p, doubled = self.n, self.rate, 2 * (self.n + Z**2)
        centre = (2 * n * p + Z**2) / doubled
        reach = Z / doubled * math.sqrt(4 * n * p * (1 - p) + Z**2)
        low, high = centre - reach, centre + reach
        return 0.0 if self.count == 0 else low, 1.0 if self.count == self.n else high

    def _exact_limits(self, n: float) -> Interval:
        """Clopper and Pearson's limits, quantiles of beta distributions."""
        from scipy.special import betaincinv

        successes, tail = self.rate * n, (1 - LEVEL) / 2
        low = 0.0 if self.count == 0 else float(betaincinv(successes, n - successes + 1, tail))
        high = 1.0 if self.count == self.n else float(betaincinv(successes + 1, n - successes, 1 - tail))
        return low, high


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval; each limit is one of 97.5 % read by itself."""

    value: float
    low: float
    high: float

    def __neg__(self) -> Estimate:
        return Estimate(value=-self.value, low=-self.high, high=-self.low)

    @property
    def ci95(self) -> Interval:
        """(low, high)."""
        return self.low, self.high

    @property
    def excludes_zero(self) -> bool:
        """Whether the figure differs from 0 beyond chance."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Missing:
    """A figure that does not exist, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A figure whose interval may be missing."""

    value: float
    ci95: Interval | Missing


def rule_of_three(n: int) -> float:
    """3/n, at most 1: the one-sided 95 % limit of a rate of which n trials showed none.

    (1 − 3/n)ⁿ ≈ e⁻³ ≈ 0.05 is the chance of none where the rate is 3/n.

    Source: Hanley and Lippman-Hand 1983.
    """
    return min(1.0, 3.0 / n)


def difference_reaches(
    first: float, first_limits: Interval, second: float, second_limits: Interval
) -> Interval:
    """How far the interval of first − second reaches below and above: √(δ₁² + δ₂²), δ to their own limits.

    For independent figures with any intervals.

    Source: Newcombe 1998, Statistics in Medicine 17:873–890, method 10; Zou and Donner 2008.
    """
    (low_1, high_1), (low_2, high_2) = first_limits, second_limits
    return math.hypot(first - low_1, high_2 - second), math.hypot(high_1 - first, second - low_2)


Figure = Proportion | Estimate | Missing
