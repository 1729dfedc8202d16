"""AUC: DeLong's interval, its difference, and both near 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import norm

from gancross.evaluator.statistics.auc import auc_difference, auc_interval
from simulated.findings import (
    AT_LEAST,
    Finding,
    N,
    Scores,
    coverage,
    holds,
    normal,
    random_of,
    shared_samples,
)


def delong(draws: int) -> Iterator[Finding]:
    """Coverage of the logit-scale DeLong interval of AUC Φ(d'/√2)."""
    for area in (0.55, 0.7, 0.8, 0.9, 0.95, 0.99):
        random = random_of("delong", area)
        separation = np.sqrt(2) * norm.ppf(area)
        hits = 0
        for _ in range(draws):
            hits += holds(auc_interval(real=normal(random, separation), fake=normal(random)), area)
        yield coverage("logit-DeLong interval", f"n={N}, AUC={area}", hits, draws)


def delong_paired(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two AUCs with shared reals, in which one judge is better."""
    for first, second in ((0.9, 0.9), (0.95, 0.8), (0.99, 0.98)):
        random = random_of("delong-paired", first, second)
        separations = [np.sqrt(2) * norm.ppf(area) for area in (first, second)]
        hits = 0
        for _ in range(draws):
            real = shared_samples(random, *separations)
            hits += holds(
                auc_difference(
                    first_real=real[0], first_fake=normal(random), second_real=real[1],
                    second_fake=normal(random),
                ),
                first - second,
            )  # fmt: skip
        yield coverage("paired DeLong difference", f"n={N}, AUC={first} and {second}", hits, draws)


def auc_near_one(draws: int) -> Iterator[Finding]:
    """Coverage of the interval of one AUC near 1, where few samples are out of order.

    Scores: normal of one width, normal with fakes three times as wide, exponential.
    """
    for n, share in ((300, 1.0), (1_000, 1.0), (N, 0.5)):
        for area in (0.95, 0.99, 0.999, 0.9999):
            for kind, scores in _KINDS.items():
                random, repeats = random_of("auc-near-one", n, area, kind), max(1, round(share * draws))
                hits = 0
                for _ in range(repeats):
                    real, fake = scores(random, area, n)
                    hits += holds(auc_interval(real=real, fake=fake), area)
                yield coverage("AUC near 1", f"n={n}, AUC={area}, {kind}", hits, repeats, AT_LEAST)


def auc_difference_near_one(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two AUCs near 1, the reals' scores correlated."""
    for n in (300, 1_000):
        for areas in ((0.99, 0.99), (0.999, 0.99), (0.9999, 0.999)):
            for width in (1.0, 3.0):
                random = random_of("auc-difference-near-one", n, areas, width)
                first, second = (float(np.hypot(1, width) * norm.ppf(area)) for area in areas)
                hits = 0
                for _ in range(draws):
                    real = shared_samples(random, first, second, n)
                    gap = auc_difference(
                        first_real=real[0], first_fake=width * normal(random, n=n), second_real=real[1],
                        second_fake=width * normal(random, n=n),
                    )  # fmt: skip
                    hits += holds(gap, areas[0] - areas[1])
                setting = f"n={n}, AUC={areas[0]} and {areas[1]}, fakes' width {width:g}"
                yield coverage("difference of two AUCs near 1", setting, hits, draws, AT_LEAST)


def _normal_pair(random: np.random.Generator, area: float, n: int) -> tuple[Scores, Scores]:
    return normal(random, np.sqrt(2) * float(norm.ppf(area)), n), normal(random, n=n)


def _unequal_pair(random: np.random.Generator, area: float, n: int) -> tuple[Scores, Scores]:
    return normal(random, np.sqrt(10) * float(norm.ppf(area)), n), 3 * normal(random, n=n)


def _exponential_pair(random: np.random.Generator, area: float, n: int) -> tuple[Scores, Scores]:
    """P(real > fake) = s/(1 + s) where reals have s times the fakes' scale."""
    return random.exponential(area / (1 - area), n), random.exponential(1.0, n)


_KINDS: dict[str, Callable[[np.random.Generator, float, int], tuple[Scores, Scores]]] = {
    "normal": _normal_pair, "normal of unequal width": _unequal_pair, "exponential": _exponential_pair,
}  # fmt: skip
