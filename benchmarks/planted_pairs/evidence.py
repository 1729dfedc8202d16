"""What the records show, the nearer contestant first, and which pairs are clear by their twins.

The truth about a pair is known by construction as far as its order goes. Its size is that of its *twins*: the
same pair in the other replicates of the data set, which are calls with other reals, samples and referees.

Shape suffixes: K rungs, T twins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

from gancross.evaluator.estimates import LEVEL
from gancross.evaluator.referees.comparison import ALPHA, POWER
from planted_pairs.records import Line

MEAN_ERRORS, G_ERRORS = 4.0, 8.0  # standard errors of a clear pair
TWO_SIDED = (1 + LEVEL) / 2

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Differences are G of the nearer (or first) contestant − G of the other, each with its standard error.

    Attributes:
        near_K, far_K: G of the two by rung.
        kappa_K: κ of the budget for G of the nearer.
    """

    mean: float
    mean_error: float
    d_K: Values
    d_error_K: Values
    near_K: Values
    near_error_K: Values
    far_K: Values
    far_error_K: Values
    kappa_K: Values


def evidence(line: Line) -> Evidence:
    """Of one record."""
    comparison, near = line["comparison"], line["nearer"] or line["first"]
    far = "b" if near == "a" else "a"
    sign = 1.0 if comparison["a"] == near else -1.0
    side = {comparison["a"]: "g_of_a", comparison["b"]: "g_of_b"}
    mean, rungs = comparison["mean"], comparison["rungs"]
    half = (mean["ci95"][1] - mean["ci95"][0]) / 2
    differences_K = np.array([rung["difference"]["value"] for rung in rungs])
    halves_K = np.array([np.ptp(rung["difference"]["ci95"]) for rung in rungs]) / 2
    one_sided_K = np.array([rung["upper"] - rung["lower"] for rung in rungs]) / 2
    return Evidence(
        mean=sign * mean["value"],
        mean_error=float(standard_errors(half, comparison["smallest_shown"] - half, level=POWER)),
        d_K=sign * differences_K, d_error_K=standard_errors(halves_K, one_sided_K, level=1 - ALPHA),
        near_K=_g(line, near), near_error_K=_g_errors(line, near, side[near]),
        far_K=_g(line, far), far_error_K=_g_errors(line, far, side[far]),
        kappa_K=np.array([rung[side[near]]["kappa"] for rung in rungs]),
    )  # fmt: skip


def standard_errors(reach: ArrayLike, one_sided: ArrayLike, *, level: float) -> Values:
    """SE of figures whose two-sided 95 % limits reach t_.975·SE, and one-sided ones t_level·SE.

    The ratio of the two is a monotone function of the degrees of freedom.
    """
    ratios, log_freedom = _ratios(level)
    measured = np.asarray(one_sided, dtype=np.float64) / np.asarray(reach, dtype=np.float64)
    freedom = np.exp(np.interp(measured, ratios, log_freedom))
    return np.asarray(np.asarray(reach) / t.ppf(TWO_SIDED, freedom))


@cache
def _ratios(level: float) -> tuple[Values, Values]:
    """t_level / t_.975, rising, and the logarithms of the degrees of freedom that give it."""
    freedom = np.geomspace(1, 1e6, 2000)
    ratios = np.asarray(t.ppf(level, freedom) / t.ppf(TWO_SIDED, freedom))
    rising = np.argsort(ratios)
    return ratios[rising], np.log(freedom)[rising]


def _g(line: Line, name: str) -> Values:
    return np.array(line["g"][name])[:, 0]


def _g_errors(line: Line, name: str, side: str) -> Values:
    """By the lower limits, since those of G near 1 are not cut off."""
    values_K, lows_K, _ = np.array(line["g"][name]).T
    rungs = line["comparison"]["rungs"]
    lowers_K = np.array([rung[side]["lower"] for rung in rungs])
    return standard_errors(values_K - lows_K, values_K - lowers_K, level=1 - ALPHA / len(rungs))


def twins(line: Line, lines: Sequence[Line]) -> list[Line]:
    """The records of the same pair in other replicates."""
    return [
        other for other in lines
        if (other["data"], other["pair"]) == (line["data"], line["pair"])
        and (other["part"], other["replicate"]) != (line["part"], line["replicate"])
    ]  # fmt: skip


def is_clear(own: Evidence, others: Sequence[Evidence]) -> bool:
    """Whether a nested pair is one that should be named, by its twins' mean figures and its own errors.

    1. The mean difference is at least 4 standard errors.
    2. At no rung is the farther contestant shown to be nearer, at a one-sided 5 %.
    3. At some rung G of the farther is above G of the nearer divided by κ by 8 standard errors.
    """
    if not others:
        return False
    d_K = np.mean([other.d_K for other in others], axis=0)
    d_error_K = np.sqrt(np.sum([other.d_error_K**2 for other in others], axis=0)) / len(others)
    near_K, far_K = (
        np.mean([getattr(other, side) for other in others], axis=0) for side in ("near_K", "far_K")
    )
    seen_K = np.maximum(near_K, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        room_K = far_K - np.where(own.kappa_K > 0, seen_K / own.kappa_K, np.inf)
        error_K = np.hypot(own.far_error_K, own.near_error_K / own.kappa_K)
        lasting = bool((room_K >= G_ERRORS * error_K).any())
    far_enough = float(np.mean([other.mean for other in others])) <= -MEAN_ERRORS * own.mean_error
    against = bool((d_K > norm.ppf(1 - ALPHA) * d_error_K).any())
    return far_enough and not against and lasting


def crosses(own: Evidence, others: Sequence[Evidence]) -> bool:
    """Whether a pair truly crosses: by its twins each is nearer by 4 standard errors at some rung."""
    if not others:
        return False
    d_K = np.mean([other.d_K for other in others], axis=0)
    reach_K = MEAN_ERRORS * own.d_error_K
    return bool((d_K >= reach_K).any() and (d_K <= -reach_K).any())
