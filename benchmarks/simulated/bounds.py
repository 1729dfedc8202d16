"""The JSD bound: both limits, for ordinary judges and for those with rare catastrophes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from gancross.evaluator.estimates import Estimate
from gancross.evaluator.statistics.bounds import jensen_shannon_bound
from simulated.findings import Finding, N, Scores, normal, random_of, rate

RARE = 1e-4  # chance of a sample of which the judge is surely wrong
HALF = 0.025

Draw = Callable[[np.random.Generator, int], tuple[Scores, Scores]]


def jsd_bound(draws: int) -> Iterator[Finding]:
    """How often the limits of the JSD bound are beyond its expectation: at most 2.5 % each.

    The expectation is that of the clipped ratios, which depends on n and is below the divergence itself.
    """
    for n, share in ((300, 1.0), (1_000, 1.0), (N, 0.2)):
        for name, (draw, expectation) in _JUDGES.items():
            random, repeats = random_of("jsd-bound", n, name), max(1, round(share * draws))
            truth, above, below = expectation(math.log(n)), 0, 0
            for _ in range(repeats):
                real, fake = draw(random, n)
                bound = jensen_shannon_bound(real=real, fake=fake, score_kind="logit")
                assert isinstance(bound, Estimate)
                above += bound.low > truth
                below += bound.high < truth
            setting = f"n={n}, {name}"
            for limit, missed in (("lower limit above", above), ("upper limit below", below)):
                claim = f"JSD bound: {limit} the expectation"
                yield replace(rate(claim, setting, missed, repeats, (0.0, HALF)), errors=3.0)


def _gaussian(slope: float, gap: float) -> tuple[Draw, Callable[[float], float]]:
    """Reals from N(gap/2, 1), fakes from N(−gap/2, 1), and a score of slope · x; gap is its best slope."""

    def draw(random: np.random.Generator, n: int) -> tuple[Scores, Scores]:
        return slope * normal(random, gap / 2, n), slope * normal(random, -gap / 2, n)

    def expectation(largest: float) -> float:
        def integrand(x: float) -> float:
            r = min(max(slope * x, -largest), largest)
            lost = norm.pdf(x - gap / 2) * np.logaddexp(0, -r) + norm.pdf(x + gap / 2) * np.logaddexp(0, r)
            return float(-0.5 * lost)

        kink = min(largest / slope, 11.0)
        return math.log(2) + quad(integrand, -12, 12, points=[-kink, kink], limit=200)[0]

    return draw, expectation


def _catastrophic(random: np.random.Generator, n: int) -> tuple[Scores, Scores]:
    real, fake = np.full(n, 40.0), np.full(n, -40.0)
    real[random.random(n) < RARE], fake[random.random(n) < RARE] = -40.0, 40.0
    return real, fake


def _expected_catastrophe(largest: float) -> float:
    right, wrong = -0.5 * np.logaddexp(0, -largest), -0.5 * np.logaddexp(0, largest)
    return float(math.log(2) + 2 * ((1 - RARE) * right + RARE * wrong))


_JUDGES: dict[str, tuple[Draw, Callable[[float], float]]] = {
    "the best judge": _gaussian(1.0, 1.0),
    "scores five times too large": _gaussian(5.0, 1.0),
    "scores of a saturated judge": _gaussian(20.0, 2.0),
    f"surely right, surely wrong with chance {RARE}": (_catastrophic, _expected_catastrophe),
}
