"""The `discriminator` verdict among equals and unequals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from gancross.evaluator.estimates import Missing
from gancross.evaluator.statistics.confusion import false_negatives, false_positives
from gancross.evaluator.statistics.matched_fp import calibration, matched_fp
from gancross.evaluator.statistics.resampling import Half, draw_halves
from gancross.evaluator.verdict.discriminator import ALPHA, discriminator_verdict
from gancross.evaluator.verdict.pairs import Judgement, compared
from simulated.findings import NATIVE_FN, Finding, N, random_of, rate, separation, shared_samples, size


def discriminator_equals(draws: int) -> Iterator[Finding]:
    """How often `discriminator` names a winner among distinct networks with equal population rates."""
    halves = draw_halves(np.arange(N), seed=0)
    for fp in (0.01, 0.1, 0.5):
        random = random_of("discriminator-equals", fp)
        winners = sum(
            _winner(random, separation(fp), separation(fp), halves, draw) is not None for draw in range(draws)
        )
        setting = f"n={N}, FP={fp}"
        yield size("discriminator among equals: any winner", setting, winners, draws)


def discriminator_unequals(draws: int) -> Iterator[Finding]:
    """How often `discriminator` names the better of d' 3.3 and 2.7."""
    halves, random = draw_halves(np.arange(N), seed=0), random_of("discriminator-unequals")
    won = [_winner(random, 3.3, 2.7, halves, draw) for draw in range(draws)]
    setting = f"n={N}, d' 3.3 against 2.7, native FN {NATIVE_FN}"
    yield rate("discriminator among unequals: the better wins", setting, won.count("a"), draws, (0.9, 1.0))
    yield rate("discriminator among unequals: the worse wins", setting, won.count("b"), draws, None)


def _winner(
    random: np.random.Generator, a: float, b: float, halves: tuple[Half, Half], seed: int
) -> str | None:
    """The verdict of one draw. What only steps 3 to 5 need is left out where step 2 fails anyway."""
    real = shared_samples(random, a, b)
    # Each generator's samples, like the reals, are the same under both judges.
    of_a, of_b = shared_samples(random, 0, 0), shared_samples(random, 0, 0)
    fake = [(of_b[0], of_a[0]), (of_a[1], of_b[1])]
    thresholds = [d + norm.ppf(NATIVE_FN) for d in (a, b)]
    counts = [
        Judgement(
            cross_fp=false_positives(cross, tau), fn=false_negatives(scores, tau),
            own_fp=false_positives(own, tau), blind=False,
        )
        for scores, (cross, own), tau in zip(real, fake, thresholds, strict=True)
    ]  # fmt: skip
    (pair,) = compared([(("a", counts[0]), ("b", counts[1]))])
    assert not isinstance(pair.holm_p, Missing)
    if pair.holm_p >= ALPHA:
        return discriminator_verdict(pair).winner
    first, second = (
        replace(
            judgement, threshold=tau, real=scores, cross_fake=cross, own_fake=own,
            matched_fp=matched_fp(
                fake=cross, calibrated=calibration(scores, halves), seed=seed, judge=name, generator=""
            ),
        )
        for name, judgement, tau, scores, (cross, own) in zip(
            "ab", counts, thresholds, real, fake, strict=True
        )
    )  # fmt: skip
    (pair,) = compared([(("a", first), ("b", second))])
    return discriminator_verdict(pair).winner
