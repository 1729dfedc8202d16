"""Differences of rates of independent samples and of the same ones, of J, and the tests of equal rates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.statistics.bounds import total_variation_bound
from gancross.evaluator.statistics.confusion import PairedDecisions, false_negatives, false_positives
from gancross.evaluator.statistics.proportions import fisher_p, mcnemar_p
from gancross.evaluator.verdict.pairs import Judgement, compared
from simulated.findings import (
    ALPHA,
    NATIVE_FN,
    Finding,
    N,
    Scores,
    coverage,
    holds,
    random_of,
    shared_samples,
    size,
)

FEW = 600  # samples, as many as the digits have test images


def newcombe(draws: int) -> Iterator[Finding]:
    """Coverage of J and of any difference of two rates in independent samples: transfer gaps are such too."""
    for n in (FEW, N):
        for fn, fp in ((0.05, 0.05), (0.02, 0.4), (0.3, 0.6)):
            random = random_of("newcombe-unpaired", n, fn, fp)
            counts = random.binomial(n, (fn, fp), size=(draws, 2)).tolist()
            hits = sum(
                holds(_j(Proportion(count=a, n=n), Proportion(count=b, n=n)), 1 - fn - fp) for a, b in counts
            )
            yield coverage("J, Newcombe interval", f"n={n}, FN={fn}, FP={fp}", hits, draws)


def j_difference(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two judges' J on the same samples, and of how often equals differ."""
    for n in (FEW, N):
        for a, b in ((2.5, 2.5), (2.5, 2.0), (3.3, 2.7)):
            random = random_of("j-difference", n, a, b)
            taus = [d + norm.ppf(NATIVE_FN) for d in (a, b)]
            truth = float(norm.sf(taus[1]) - norm.sf(taus[0]))  # FN is the native one of both
            gaps = [_j_difference(random, (a, b), taus, n) for _ in range(draws)]
            hits = sum(holds(gap, truth) for gap in gaps)
            setting = f"n={n}, d' {a} and {b}"
            yield coverage("difference of J on the same samples", setting, hits, draws)


def sizes_of_tests(draws: int) -> Iterator[Finding]:
    """How often Fisher's and McNemar's test reject equal rates."""
    for n, rate in ((FEW, 0.01), (FEW, 0.3), (N, 0.01), (N, 0.3)):
        random = random_of("test-sizes", n, rate)
        pairs = random.binomial(n, rate, size=(draws, 2)).tolist()
        fisher = sum(fisher_p(Proportion(count=a, n=n), Proportion(count=b, n=n)) < ALPHA for a, b in pairs)
        yield size("Fisher's test: rejections", f"n={n}, rate {rate}", fisher, draws)
        discordant = rate / 2
        cells = (rate - discordant, discordant, discordant, 1 - rate - discordant)
        mcnemar = sum(
            mcnemar_p(PairedDecisions(both=both, only_first=a, only_second=b, neither=neither)) < ALPHA
            for both, a, b, neither in random.multinomial(n, cells, size=draws).tolist()
        )
        yield size("McNemar's test: rejections", f"n={n}, rate {rate}", mcnemar, draws)


def _j_difference(
    random: np.random.Generator, separations: tuple[float, float], taus: list[float], n: int
) -> Estimate:
    """Of two judges that share what an image gives both."""
    real = shared_samples(random, *separations, n=n)
    of_a, of_b = shared_samples(random, 0, 0, n=n), shared_samples(random, 0, 0, n=n)
    a = _judgement(real[0], of_b[0], of_a[0], taus[0])
    b = _judgement(real[1], of_a[1], of_b[1], taus[1])
    (pair,) = compared([(("a", a), ("b", b))])
    assert not isinstance(pair.j_difference, Missing)
    return pair.j_difference


def _j(fn: Proportion, fp: Proportion) -> Estimate:
    return total_variation_bound(fn=fn, fp=fp)


def _judgement(real: Scores, cross: Scores, own: Scores, tau: float) -> Judgement:
    return Judgement(
        cross_fp=false_positives(cross, tau), fn=false_negatives(real, tau), own_fp=false_positives(own, tau),
        threshold=tau, real=real, cross_fake=cross, own_fake=own, blind=False,
    )  # fmt: skip
