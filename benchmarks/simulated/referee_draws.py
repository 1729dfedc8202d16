"""Scores that referees give to reals and to two contestants' samples, in two models with known truths.

*Random effects*: referee h scores real i at d_h/2 + x_i + e and sample j at −d_h/2 + y_j + e; x and y are
shared by all rungs and referees, x by all contestants; e is new for each. d_h = d + τ·u_h, u_h half common to
all contestants' referees of a seed and half, half their own. *Trained*: a linear discriminant on a random
choice of inputs, common to a seed and half, learns from one half of reals and samples and is tested on the
other: so what it learned varies with the training half, and the halves with the whole.

Shape suffixes: K rungs, N reals or samples, P inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from gancross.evaluator.referees.scores import ContestantScores, RefereeScores

SEEDS = 2
SHARED = 0.5  # of the variance of a score, by the item itself; of that of a referee, by its seed and half
INPUTS, CHOSEN = 16, 12

Values = NDArray[np.float64]
Pair = tuple[ContestantScores, ContestantScores]


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true of two contestants' referees.

    Attributes:
        n: reals, and samples of each contestant.
        a_K, b_K: mean separation d of their scores by rung.
        spread: τ, the standard deviation of d between referees.
    """

    n: int
    a_K: Values
    b_K: Values
    spread: float

    def g(self, d_K: Values) -> Values:
        """G = 2 E Φ((d + τu)/√2) − 1 = 2Φ(d/√(2 + τ²)) − 1."""
        return np.asarray(2 * norm.cdf(d_K / np.sqrt(2 + self.spread**2)) - 1)

    def j(self, d_K: Values) -> Values:
        """J = 2 E Φ((d + τu)/2) − 1 = 2Φ(d/√(4 + τ²)) − 1."""
        return np.asarray(2 * norm.cdf(d_K / np.sqrt(4 + self.spread**2)) - 1)


def drawn_pair(world: World, random: np.random.Generator) -> Pair:
    """Scores of all referees of both, by random effects."""
    real_N = _items(random, world.n)
    halves = [random.permutation(world.n) < world.n // 2 for _ in range(SEEDS)]
    common = random.normal(size=(SEEDS, 2))
    first, second = (
        _random_effects(world, random, d_K, real_N, halves, common) for d_K in (world.a_K, world.b_K)
    )
    return first, second


def trained_pair(world: World, random: np.random.Generator) -> Pair:
    """Scores of linear discriminants; a_K and b_K are how far the samples' mean is from the reals', by rung.

    Every rung looks at the same points under fresh noise of variance 1, in training and in the test.
    """
    reals_NP = random.normal(size=(world.n, INPUTS))
    halves = [random.permutation(world.n) < world.n // 2 for _ in range(SEEDS)]
    chosen = [random.permutation(INPUTS)[:CHOSEN] for _ in range(2 * SEEDS)]
    first, second = (_trained(world, random, d_K, reals_NP, halves, chosen) for d_K in (world.a_K, world.b_K))
    return first, second


def _random_effects(
    world: World, random: np.random.Generator, d_K: Values, real_N: Values,
    halves: Sequence[NDArray[np.bool_]], common: Values,
) -> ContestantScores:  # fmt: skip
    fake_N, referees = _items(random, world.n), []
    for seed, in_first_half in enumerate(halves):
        cut = random.permutation(world.n) < world.n // 2
        for half in (0, 1):
            # Half 0 trains on the rows that are True, and is tested on the others.
            reals, samples = (np.flatnonzero(side == bool(half)) for side in (in_first_half, cut))
            effect = np.sqrt(SHARED) * common[seed, half] + np.sqrt(1 - SHARED) * random.normal()
            centre_K = (d_K + world.spread * effect)[:, None] / 2
            referees.append(
                RefereeScores(
                    seed=seed, half=half, reals=reals, samples=samples,
                    real_KN=(centre_K + real_N[reals] + _own(random, len(d_K), len(reals))).astype("f4"),
                    fake_KM=(-centre_K + fake_N[samples] + _own(random, len(d_K), len(samples))).astype("f4"),
                )
            )  # fmt: skip
    return ContestantScores(num_real=world.n, num_samples=world.n, referees=referees)


def _trained(
    world: World, random: np.random.Generator, shift_K: Values, reals_NP: Values,
    halves: Sequence[NDArray[np.bool_]], chosen: Sequence[NDArray[np.int64]],
) -> ContestantScores:  # fmt: skip
    samples_NP, referees = random.normal(size=(world.n, INPUTS)), []
    for seed, in_first_half in enumerate(halves):
        cut = random.permutation(world.n) < world.n // 2
        for half in (0, 1):
            inputs = chosen[2 * seed + half]
            reals, samples = in_first_half == bool(half), cut == bool(half)
            scores = [
                _discriminant(
                    random, reals_NP[:, inputs], samples_NP[:, inputs] + s / np.sqrt(INPUTS), reals, samples
                )
                for s in shift_K
            ]
            referees.append(
                RefereeScores(
                    seed=seed, half=half, reals=np.flatnonzero(reals), samples=np.flatnonzero(samples),
                    real_KN=np.array([real for real, _ in scores], np.float32),
                    fake_KM=np.array([fake for _, fake in scores], np.float32),
                )
            )  # fmt: skip
    return ContestantScores(num_real=world.n, num_samples=world.n, referees=referees)


def _discriminant(
    random: np.random.Generator, reals_NP: Values, samples_NP: Values, tested_reals: NDArray[np.bool_],
    tested_samples: NDArray[np.bool_],
) -> tuple[Values, Values]:  # fmt: skip
    """Fisher's, fitted to what is not tested: w = Σ⁻¹(m₁ − m₀), 0 half way between the means."""
    real, fake = (points + random.normal(size=points.shape) for points in (reals_NP, samples_NP))
    first, second = real[~tested_reals], fake[~tested_samples]
    pooled = (np.cov(first.T) + np.cov(second.T)) / 2
    w = np.linalg.solve(pooled, first.mean(0) - second.mean(0))
    centre = (first.mean(0) + second.mean(0)) / 2
    return (real[tested_reals] - centre) @ w, (fake[tested_samples] - centre) @ w


def _items(random: np.random.Generator, n: int) -> Values:
    return np.asarray(np.sqrt(SHARED) * random.normal(size=n))


def _own(random: np.random.Generator, rungs: int, n: int) -> NDArray[np.float32]:
    return np.float32(np.sqrt(1 - SHARED)) * random.standard_normal((rungs, n), dtype=np.float32)
