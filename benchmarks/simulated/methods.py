"""Claims about methods: the size of each test among methods that make the same kind of runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from gancross.evaluator.statistics.run_figures import welch
from gancross.evaluator.tournament.methods import run_figures
from gancross.evaluator.tournament.relabelling import permutation_p, sign_flip_p
from simulated.findings import ALPHA, Finding, Scores, random_of, rate, size

LEVEL = -1.0  # FP of average runs is Φ(LEVEL), about 16 %
PAIRING = 0.7  # correlation of the strengths of two runs with one seed
QUIET = 0.2  # spread of a quiet method's runs over that of a noisy one's


def permutation(draws: int) -> Iterator[Finding]:
    """Size of the exact permutation test: runs with their own strengths, no difference of methods."""
    for side in (4, 5):
        random = random_of("permutation", side)
        label = np.repeat([1.0, 0.0], side)
        rejected = 0
        for _ in range(draws):
            strengths = random.normal(0, 1, (2, 2 * side))
            fp = norm.cdf(strengths[0][:, None] - strengths[1][None, :])
            rejected += permutation_p(fp, label, random=random)[0] < ALPHA
        claim = "permutation of run labels: rejections under the null"
        yield size(claim, f"{side} runs a side", rejected, draws)


def method_tests(draws: int) -> Iterator[Finding]:
    """Size of Welch's test of the runs' figures, of a claim, and of Welch's test of mean FPs alone.

    Runs have strengths of their own as generator and as discriminator, and a cell some of its own; methods do
    not differ. A quiet method's runs spread a fifth as far. Where sides are equal a claim needs the
    permutation too.
    """
    for setting, a, b, spreads, generator, discriminator in _SETTINGS:
        random = random_of("method-tests", setting)
        first, second = np.arange(a), a + np.arange(b)
        label, spread = np.repeat([1.0, 0.0], [a, b]), np.repeat(spreads, [a, b])
        rejected = np.zeros(3, dtype=int)
        for _ in range(draws):
            fp = _cross_fp(random, spread * generator, spread * discriminator)
            _, p = welch(*run_figures(fp, first, second))
            alone = welch(fp[np.ix_(second, first)].mean(axis=0), fp[np.ix_(first, second)].mean(axis=0))[1]
            claimed = p < ALPHA and (a != b or permutation_p(fp, label, random=random)[0] < ALPHA)
            rejected += [p < ALPHA, claimed, alone < ALPHA]
        for claim, count in zip(_TESTS, rejected[:2].tolist(), strict=True):
            gated = size(claim, setting, count, draws)
            yield gated if a == b else rate(claim, setting, count, draws, None)
        yield rate("Welch's test of runs' mean FP alone", setting, int(rejected[2]), draws, None)


def sign_flips(draws: int) -> Iterator[Finding]:
    """Size of the sign-flip test where runs of two methods share seeds, and of Welch's that ignores it."""
    for pairs in (6, 8):
        random, places = random_of("sign-flips", pairs), np.arange(2 * pairs)
        first, second = places[:pairs], places[pairs:]
        rejected = np.zeros(2, dtype=int)
        for _ in range(draws):
            fp = _cross_fp(random, np.ones(2 * pairs), np.ones(2 * pairs), pairing=PAIRING)
            flipped = sign_flip_p(fp, first, second, random=random)[0]
            unpaired = welch(*run_figures(fp, first, second))[1]
            rejected += [flipped < ALPHA, unpaired < ALPHA]
        setting = f"{pairs} pairs, strengths of one seed correlated {PAIRING}"
        yield size("sign flips: rejections", setting, int(rejected[0]), draws)
        yield size("Welch's test that ignores pairs", setting, int(rejected[1]), draws)


def _cross_fp(
    random: np.random.Generator, generator: Scores, discriminator: Scores, *, pairing: float = 0.0
) -> Scores:
    """FP (N, N) of generators by judges, whose strengths have these deviations."""
    n = len(generator)
    own, of_seed = random.normal(0, 1, (2, n)), np.tile(random.normal(0, 1, (2, n // 2)), 2)
    mixed = own if pairing == 0 else np.sqrt(1 - pairing) * own + np.sqrt(pairing) * of_seed
    cell = 0.15 * (generator[:, None] + discriminator[None, :]) * random.normal(0, 1, (n, n))
    strengths = (mixed[0] * generator)[:, None] - (mixed[1] * discriminator)[None, :]
    return np.asarray(norm.cdf(LEVEL + strengths + cell))


_TESTS = ("Welch's test of runs' figures: rejections", "a claim among equal methods")
_Setting = tuple[str, int, int, tuple[float, float], float, float]
_SETTINGS: list[_Setting] = [
    *((f"{n} runs a side, {kind}", n, n, spreads, 1.0, 1.0)
      for n in (4, 5, 8) for kind, spreads in (("alike", (1.0, 1.0)), ("noisy and quiet", (1.0, QUIET)))),
    ("5 runs a side, alike, generators vary most", 5, 5, (1.0, 1.0), 1.0, 0.3),
    ("5 runs a side, alike, discriminators vary most", 5, 5, (1.0, 1.0), 0.3, 1.0),
    ("4 against 12 runs, alike", 4, 12, (1.0, 1.0), 1.0, 1.0),
    ("4 against 12 runs, alike, generators vary most", 4, 12, (1.0, 1.0), 1.0, 0.3),
    ("4 against 12 runs, alike, discriminators vary most", 4, 12, (1.0, 1.0), 0.3, 1.0),
    ("4 noisy against 12 quiet runs", 4, 12, (1.0, QUIET), 1.0, 1.0),
    ("4 quiet against 12 noisy runs", 4, 12, (QUIET, 1.0), 1.0, 1.0),
]  # fmt: skip
"""Words, runs of either side, spread of either side, deviations of generators' and judges' strengths."""
