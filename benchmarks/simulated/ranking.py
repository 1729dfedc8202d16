"""The ranking of generators by mean J², and the duality gap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.tournament.cross_table import CrossTable, cross_table
from gancross.evaluator.tournament.duality import duality_gaps
from gancross.evaluator.tournament.ranking import generator_ranking
from gancross.evaluator.tournament.squared_j import JudgeDecisions, OrderTests
from simulated.findings import (
    ALPHA,
    AT_LEAST,
    Finding,
    N,
    bias,
    coverage,
    holds,
    random_of,
    size,
)  # fmt: skip

TPR = 0.9
SHARED = 0.5  # of what makes a judge decide, by the sample itself
JUDGES = "cdef"


def ranked_distance(draws: int) -> Iterator[Finding]:
    """Mean J² of two equal generators: its bias, its interval's coverage, and the size of the test of order.

    Judges call 90 % of the reals and J less of the samples real, and decide alike on the same sample.
    """
    for n, k, j in product((600, N), (2, 4), (0.0, 0.02, 0.05, 0.1, 0.5)):
        random, repeats = (
            random_of("ranked-distance", n, k, j),
            max(2, round(draws * (1.0 if n < N else 0.2))),
        )
        values, inside, ordered = np.empty(repeats), 0, 0
        for draw in range(repeats):
            real = _decide(random, n, k, TPR)
            fakes = {name: _decide(random, n, k, TPR - j) for name in "ab"}
            judges = [
                JudgeDecisions(
                    name=JUDGES[i], usable=True, real=real[i],
                    fakes={name: decided[i] for name, decided in fakes.items()},
                )
                for i in range(k)
            ]  # fmt: skip
            ranked = generator_ranking("ab", judges, batch_statistics=False)
            assert not isinstance(ranked, Missing)
            (first,) = (entry for entry in ranked if entry.name == "a")
            values[draw] = first.distance.value - j**2
            inside += holds(first.distance, j**2)
            # p is 1 where the reverse is seen, so the ranked order is the smaller of the two.
            ordered += OrderTests.of("ab", judges).p(ranked[0].name, ranked[1].name) < ALPHA
        setting = f"n={n}, {k} judges, J={j}"
        yield bias("mean J²: bias", setting, values, 0.0)
        yield coverage("mean J²", setting, inside, repeats, AT_LEAST)
        yield size("order of equal generators: rejections", setting, ordered, repeats)


def duality(draws: int) -> Iterator[Finding]:
    """Bias of the duality gap as measured and corrected, at a saddle point and at a gap of .05.

    All figures tie but that, in the second setting, two judges detect generator a better by .05.
    """
    ties = np.full((4, 4), 0.5)
    apart = ties.copy()
    apart[0, 2:] = 0.4
    for n, (name, fp, truth) in product((600, N), (("saddle point", ties, 0.0), ("gap .05", apart, 0.05))):
        random = random_of("duality", n, name)
        measured, corrected = np.empty(draws), np.empty(draws)
        for draw in range(draws):
            gap = duality_gaps(_counted(random, fp, n), seed=draw)["a"]
            assert not isinstance(gap, Missing) and gap.corrected is not None
            measured[draw], corrected[draw] = gap.value - truth, gap.corrected - truth
        setting = f"n={n}, four contestants, {name}"
        yield bias("duality gap: bias as measured", setting, measured, None)
        yield bias("duality gap: bias when corrected", setting, corrected, 0.001)


def _decide(random: np.random.Generator, n: int, judges: int, share: float) -> NDArray[np.bool_]:
    sample, own = random.normal(0, 1, n), random.normal(0, 1, (judges, n))
    return np.asarray(np.sqrt(SHARED) * sample + np.sqrt(1 - SHARED) * own < norm.ppf(share))


def _counted(random: np.random.Generator, fp: NDArray[np.float64], n: int) -> CrossTable:
    names = "abcd"
    rates = {
        (judge, generator): Proportion(count=int(random.binomial(n, fp[i, j])), n=n)
        for i, generator in enumerate(names) for j, judge in enumerate(names)
    }  # fmt: skip
    fn = {name: Proportion(count=int(random.binomial(n, 0.05)), n=n) for name in names}
    return cross_table(names, fp=rates, fn=fn)
