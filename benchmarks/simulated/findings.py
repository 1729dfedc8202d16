"""Findings and the draws that all claims share.

Scores are normal with unit variance; every fake is drawn from N(0, 1) and every real from N(d', 1), so that
all population figures are known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from gancross.evaluator.estimates import Estimate
from gancross.random_streams import Stream

N = 10_000
TOLERANCE = 0.015
ALPHA = 0.05
NATIVE_FN = 0.05
SHARED = 0.5  # correlation of two judges' scores of the same real image

Scores = NDArray[np.float64]
Target = tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One figure against its target [low, high]; without a target it is reported only.

    Attributes:
        errors: standard errors by which the figure may be beyond its target, at any number of draws.
    """

    claim: str
    setting: str
    value: float
    standard_error: float
    draws: int | None
    target: tuple[float, float] | None
    errors: float = 0.0

    def within_target(self, *, errors: float = 0.0) -> bool | None:
        """Whether the figure lies within its target, give or take so many standard errors, or its own."""
        if self.target is None:
            return None
        room = max(errors, self.errors) * self.standard_error
        return self.target[0] - room <= self.value <= self.target[1] + room


def random_of(*words: object) -> np.random.Generator:
    """A stream of its own for every claim and setting."""
    return Stream(0, "simulations", *map(str, words)).numpy_generator()


def normal(random: np.random.Generator, mean: float = 0.0, n: int = N) -> Scores:
    """Scores (n,) of one judge."""
    return random.normal(mean, 1.0, n)


def shared_samples(random: np.random.Generator, a: float, b: float, n: int = N) -> tuple[Scores, Scores]:
    """Two judges' scores of the same images: what the image gives both, and what each makes of it."""
    image = random.normal(0, np.sqrt(SHARED), n)
    own = random.normal(0, np.sqrt(1 - SHARED), (2, n))
    return a + image + own[0], b + image + own[1]


def separation(fp: float) -> float:
    """d' of a judge with this FP at the native FN."""
    return float(norm.isf(fp) - norm.ppf(NATIVE_FN))


def holds(interval: Estimate, truth: float) -> bool:
    """Whether the interval covers the truth."""
    return interval.low <= truth <= interval.high


def around(centre: float, tolerance: float) -> tuple[float, float]:
    """The target of a figure that may lie on either side."""
    return centre - tolerance, centre + tolerance


EXACT = around(0.95, TOLERANCE)
AT_LEAST = (0.95 - TOLERANCE, 1.0)
"""Where a floor or a bound without assumptions must cover too much."""


def size(claim: str, setting: str, rejections: int, draws: int) -> Finding:
    """A test's size: at most 5 % and three standard errors."""
    return replace(rate(claim, setting, rejections, draws, (0.0, ALPHA)), errors=3.0)


def coverage(claim: str, setting: str, hits: int, draws: int, target: Target = EXACT) -> Finding:
    """Share of draws in which an interval covered the truth."""
    return rate(f"{claim}, coverage", setting, hits, draws, target)


def rate(claim: str, setting: str, count: int, draws: int, target: Target) -> Finding:
    """A share of draws, its standard error that of the nearest share within the target."""
    value = count / draws
    expected = value if target is None else min(max(value, target[0]), target[1])
    error = float((expected * (1 - expected) / draws) ** 0.5)
    return Finding(
        claim=claim, setting=setting, value=value, standard_error=error, draws=draws, target=target
    )


def bias(claim: str, setting: str, deviations: Scores, room: float | None) -> Finding:
    """The mean deviation from the truth, at most `room` and three standard errors; None: reported only."""
    error = float(deviations.std(ddof=1) / len(deviations) ** 0.5)
    return Finding(
        claim=claim, setting=setting, value=float(deviations.mean()), standard_error=error,
        draws=len(deviations), target=None if room is None else (-room, room), errors=3.0,
    )  # fmt: skip
