"""Intervals of means over fresh reals, samples and referees, where referees share what they were tested on.

Shape suffixes: N items, R referees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.distributions import student_quantile, student_tail
from gancross.evaluator.estimates import LEVEL, Estimate, Interval

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Items:
    """Values (N,) of items that vary independently, each a mean over referees; between the ends of `span`."""

    values_N: Values
    span: Interval

    @property
    def variance(self) -> float:
        """Divisor N+1, with two pseudo-items, one at either end of the span: never 0.

        Without them items that happen to be all alike, as those of a referee that is always right, would
        have an interval of no width.
        """
        n, mean = len(self.values_N), float(self.values_N.mean())
        low, high = self.span
        centre = (n * mean + (low + high)) / (n + 2)
        squares = float(np.square(self.values_N - mean).sum()) + n * (mean - centre) ** 2
        return (squares + ((low - centre) ** 2 + (high - centre) ** 2)) / (n + 1)


@dataclass(frozen=True, kw_only=True)
class MeanFigure:
    """A figure with its standard error and Student's degrees of freedom, by Satterthwaite.

    Attributes:
        span: the ends of the figure's range, beyond which no limit lies.
    """

    value: float
    standard_error: float
    df: float
    span: Interval

    def upper(self, level: float) -> float:
        """The one-sided upper limit: the expectation is above it with a chance of 1 − `level`."""
        return float(np.clip(self.value + self._reach(level), *self.span))

    def lower(self, level: float) -> float:
        """The one-sided lower limit."""
        return float(np.clip(self.value - self._reach(level), *self.span))

    @property
    def estimate(self) -> Estimate:
        """The figure with its two-sided 95 % interval."""
        level = (1 + LEVEL) / 2
        return Estimate(value=self.value, low=self.lower(level), high=self.upper(level))

    @property
    def p(self) -> float:
        """Two-sided p of an expectation of 0."""
        return 2 * student_tail(abs(self.value) / self.standard_error, self.df)

    def smallest_shown(self, *, power: float) -> float:
        """(t_.975 + t_power)·SE: an expectation of this size is told from 0 at 5 % so often."""
        return self._reach((1 + LEVEL) / 2) + self._reach(power)

    def _reach(self, level: float) -> float:
        return student_quantile(level, self.df) * self.standard_error


def mean_figure(
    *, referees_R: Values, items: Sequence[Items], span: Interval, scale: float = 1.0
) -> MeanFigure:
    """The mean over referees; SE² = c² Σ Var(items)/N + s²/R, s² the variance of the R figures.

    Items are those of all referees, so the first term has what they share; the second has what referees
    differ in. The figures of referees that tested different halves differ by their items, too: that part
    counts twice, and the interval is a little wide. Degrees of freedom are N − 1 of a variance of items,
    R − 1 of s².

    Args:
        referees_R: the figures of all referees, two for every seed; differences where two contestants are
            compared, referees of the same seed and half paired.
        items: independent sources of variance, each scaled by c.
        span: the ends of the figure's range.
        scale: c, 2 for G = 2·AUC − 1.

    Raises:
        ValueError: fewer than two referees or items.

    Source: Satterthwaite 1946.
    """
    fewest = min(len(referees_R), *(len(source.values_N) for source in items))
    if fewest < 2:
        raise ValueError(f"need two referees and two items of each kind, got {fewest}")
    terms = [scale**2 * source.variance / len(source.values_N) for source in items]
    freedom = [len(source.values_N) - 1 for source in items]
    terms.append(float(referees_R.var(ddof=1)) / len(referees_R))
    freedom.append(len(referees_R) - 1)
    # Sums that are exact, so that two contestants in the other order have the same limits to the last bit.
    variance = math.fsum(terms)
    df = variance**2 / math.fsum(term**2 / number for term, number in zip(terms, freedom, strict=True))
    return MeanFigure(
        value=float(referees_R.mean()), standard_error=math.sqrt(variance), df=df, span=span
    )  # fmt: skip
