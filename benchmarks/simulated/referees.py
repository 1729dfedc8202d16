"""Referees: intervals of G, J, D and σ½, of differences, and how often a contestant is named.

Shape suffixes: K rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.comparison import Contender, contrast
from gancross.evaluator.referees.decision import decided
from gancross.evaluator.referees.figures import antitonic, contestant_figures, half_detection_noise
from gancross.evaluator.referees.records import Answer, Contrast
from simulated.findings import Finding, N, Target, coverage, holds, random_of, rate
from simulated.referee_draws import SEEDS, SHARED, Pair, Values, World, drawn_pair, trained_pair

FEW = 596
COVERS = (0.95, 1.0)
ERRORS = 4.0  # standard errors between unequal contestants
EQUALS, UNEQUALS = (0.0, 0.06), (0.8, 1.0)
PREFERRED: tuple[Answer, ...] = ("named", "too close for this budget")
LADDER: tuple[float, ...] = tuple(np.geomspace(0.01, 10.0, 12).tolist())


def intervals(draws: int) -> Iterator[Finding]:
    """Coverage of G and J at four rungs, of D and of σ½."""
    d_K, sigmas = _separations((0.99, 0.7, 0.3, 0.02)), LADDER[::3]
    for n, spread, share in _settings(0.0, 0.05, 0.2):
        world = World(n=n, a_K=d_K, b_K=d_K, spread=spread)
        random, repeats = random_of("referee-intervals", n, spread), max(1, round(share * draws))
        drawn = [contestant_figures(drawn_pair(world, random)[0], sigmas) for _ in range(repeats)]
        g_K, j_K, setting = world.g(d_K), world.j(d_K), _setting(n, spread)
        for rung, (g, j) in enumerate(zip(g_K, j_K, strict=True)):
            yield _covered("referees' G", f"{setting}, G={g:.2f}", [f.rungs[rung].g for f in drawn], g)
            yield _covered("referees' J", f"{setting}, J={j:.2f}", [f.rungs[rung].j for f in drawn], j)
        yield _covered("detectability", setting, [f.detectability for f in drawn], float(g_K.mean()))
        exact = half_detection_noise(sigmas, [Estimate(value=g, low=g, high=g) for g in antitonic(g_K)])
        assert not isinstance(exact.value, Missing)
        noises = [f.half_detection_noise.ci95 for f in drawn]
        ranges = [Estimate(value=low, low=low, high=high) for low, high in noises]
        yield _covered("half-detection noise", setting, ranges, exact.value)


def differences(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two contestants' G at four rungs, and of its mean over them."""
    a_K, b_K = _separations((0.95, 0.5, 0.2, 0.0)), _separations((0.99, 0.6, 0.2, 0.02))
    for n, spread, share in _settings(0.0, 0.05, 0.2):
        world = World(n=n, a_K=a_K, b_K=b_K, spread=spread)
        random, repeats = random_of("referee-differences", n, spread), max(1, round(share * draws))
        drawn = [_contrast(drawn_pair(world, random), kappa=1.0) for _ in range(repeats)]
        true_K, setting = world.g(a_K) - world.g(b_K), _setting(n, spread)
        for rung, truth in enumerate(true_K):
            gaps = [c.rungs[rung].difference for c in drawn]
            yield _covered(
                "difference of referees' G", f"{setting}, {truth:+.2f}, rung {rung + 1}", gaps, truth
            )
        yield _covered("mean difference of G", setting, [c.mean for c in drawn], float(true_K.mean()))


def trained(draws: int) -> Iterator[Finding]:
    """Coverage where referees learn from the other half; the truth is the mean over all draws."""
    a_K, b_K = np.array([2.5, 1.0, 0.3, 0.0]), np.array([2.5, 1.2, 0.4, 0.1])
    for n, share in ((FEW, 1.0), (N, 0.2)):
        world = World(n=n, a_K=a_K, b_K=b_K, spread=0.0)
        random, repeats = random_of("referee-trained", n), max(2, round(share * draws))
        pairs = [trained_pair(world, random) for _ in range(repeats)]
        drawn = [contestant_figures(first, LADDER[::3]) for first, _ in pairs]
        gaps = [_contrast(pair, kappa=1.0) for pair in pairs]
        setting = f"n={n}, {SEEDS} seeds, linear discriminants"
        for rung in range(len(a_K)):
            yield _around_mean("referees' G", f"{setting}, rung {rung + 1}", [f.rungs[rung].g for f in drawn])
            yield _around_mean(
                "difference of referees' G", f"{setting}, rung {rung + 1}",
                [c.rungs[rung].difference for c in gaps],
            )  # fmt: skip
        yield _around_mean("detectability", setting, [f.detectability for f in drawn])
        yield _around_mean("mean difference of G", setting, [c.mean for c in gaps])


def equals(draws: int) -> Iterator[Finding]:
    """How often one of two equal contestants is named, with and without condition 3; κ is 1."""
    for n, spread, share in _settings(0.0, 0.05):
        for name, d_K in _PROFILES.items():
            world = World(n=n, a_K=d_K, b_K=d_K, spread=spread)
            drawn = _contrasts(world, random_of("referee-equals", n, spread, name), draws, share)
            setting = f"{_setting(n, spread)}, {name}"
            yield _answered("equal contestants: either is named", setting, drawn, ("named",), EQUALS)
            yield _answered("equal contestants: conditions 1 and 2 hold", setting, drawn, PREFERRED, EQUALS)


def unequals(draws: int) -> Iterator[Finding]:
    """How often the nearer of two is named where the mean difference is four standard errors.

    It is farther nowhere, and nearer at every rung or at three of twelve. No target where
    referees vary by .05: of 10,000 samples condition 1 then fails too often. Nor for the name where the
    difference lies at every rung, since it is too small at each of them for condition 3.
    """
    profile = "G from .99 to .01"
    same = World(n=FEW, a_K=_PROFILES[profile], b_K=_PROFILES[profile], spread=0.0)
    pilot = _contrasts(same, random_of("referee-unequals", "pilot"), max(20, draws), 1.0)
    items_error = float(np.std([each.mean.value for each in pilot], ddof=1))
    for n, spread, share in _settings(0.0, 0.02, 0.05):
        aim = UNEQUALS if spread < 0.05 else None
        for place, rungs in {"every rung": slice(None), "three rungs": slice(5, 8)}.items():
            world = _apart(replace(same, n=n, spread=spread), rungs, items_error)
            drawn = _contrasts(world, random_of("referee-unequals", n, spread, place), draws, share)
            setting = f"{_setting(n, spread)}, {ERRORS:g} SE, at {place}"
            nearer = [c for c in drawn if c.mean.value < 0]
            yield _answered("unequal contestants: conditions 1 and 2 hold", setting, drawn, PREFERRED, aim)
            for kappa in (1.0, 0.9, 0.7):
                target = aim if kappa == 1 and place == "three rungs" else None
                yield _answered(
                    "unequal contestants: the nearer is named", f"{setting}, κ={kappa}",
                    [_with_kappa(c, kappa) for c in drawn], ("named",), target,
                )  # fmt: skip
            yield rate(
                "unequal contestants: the nearer has the lower mean", setting, len(nearer), len(drawn),
                (0.99, 1.0),
            )  # fmt: skip


CLAIMS: dict[str, tuple[Callable[[int], Iterator[Finding]], int]] = {
    "referee-intervals": (intervals, 2_000),
    "referee-differences": (differences, 2_000),
    "referee-trained": (trained, 2_000),
    "referee-equals": (equals, 500),
    "referee-unequals": (unequals, 400),
}
"""Name → the function and its draws at full size."""


def _separations(g: Sequence[float]) -> Values:
    """d of referees that do not vary."""
    return np.asarray(np.sqrt(2) * norm.ppf((1 + np.asarray(g)) / 2))


_PROFILES: Mapping[str, Values] = {
    "G from .99 to .01": _separations(np.linspace(0.99, 0.01, len(LADDER)).tolist()),
    "G of .05": _separations([0.05] * len(LADDER)),
}


def _settings(*spreads: float) -> Iterator[tuple[int, float, float]]:
    for n, share in ((FEW, 1.0), (N, 0.2)):
        for spread in spreads:
            yield n, spread, share


def _setting(n: int, spread: float) -> str:
    return f"n={n}, {SEEDS} seeds, referees vary by {spread:g} in d"


def _contrast(pair: Pair, *, kappa: float) -> Contrast:
    rungs = len(pair[0].referees[0].real_KN)
    sigmas = LADDER[:: len(LADDER) // rungs]
    a, b = (
        Contender.of(name, scores, np.full(rungs, kappa)) for name, scores in zip("ab", pair, strict=True)
    )
    return contrast(a, b, sigmas=sigmas)


def _contrasts(world: World, random: np.random.Generator, draws: int, share: float) -> list[Contrast]:
    return [_contrast(drawn_pair(world, random), kappa=1.0) for _ in range(max(1, round(share * draws)))]


def _with_kappa(drawn: Contrast, kappa: float) -> Contrast:
    rungs = [
        replace(
            rung, g_of_a=replace(rung.g_of_a, kappa=kappa), g_of_b=replace(rung.g_of_b, kappa=kappa)
        )
        for rung in drawn.rungs
    ]  # fmt: skip
    return replace(drawn, rungs=tuple(rungs))


def _answered(
    claim: str, setting: str, drawn: Sequence[Contrast], answers: Sequence[Answer], target: Target
) -> Finding:
    """How often one of these is the answer about a pair that is the only one of its call."""
    decisions = [decided([each], budget="quick")[0] for each in drawn]
    hits = sum(decision.comparison.answer in answers for decision in decisions)
    return replace(rate(claim, setting, hits, len(drawn), target), errors=3.0)


def _apart(world: World, rungs: slice, items_error: float) -> World:
    """b is so much farther at the rungs that the mean difference is four standard errors."""
    d_K = world.a_K
    slope_K = np.sqrt(2) * norm.pdf(d_K / np.sqrt(2))
    own = 2 * (1 - SHARED) * world.spread**2 * slope_K.mean() ** 2  # of a and of b, by the referee
    error = np.sqrt(items_error**2 * FEW / world.n + own / (2 * SEEDS))

    def moved(by: float) -> World:
        b_K = d_K.copy()
        b_K[rungs] += by
        return replace(world, b_K=b_K)

    def excess(by: float) -> float:
        return float((world.g(moved(by).b_K) - world.g(d_K)).mean() - ERRORS * error)

    return moved(float(brentq(excess, 0.0, 10.0)))


def _covered(claim: str, setting: str, estimates: Sequence[Estimate], truth: float) -> Finding:
    hits = sum(bool(holds(estimate, truth)) for estimate in estimates)
    return replace(coverage(claim, setting, hits, len(estimates), COVERS), errors=3.0)


def _around_mean(claim: str, setting: str, estimates: Sequence[Estimate]) -> Finding:
    return _covered(claim, setting, estimates, float(np.mean([estimate.value for estimate in estimates])))
