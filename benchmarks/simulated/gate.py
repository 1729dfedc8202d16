"""The gate between methods: how often it rings for unchanged methods, and for changed ones.

Two methods, "a" and "b", of five runs each, in the baseline and in the result. Judge i scores a test image
d'_i + e and a generator's sample b_j + e. The errors e of all judges on one image or sample have correlation
`SHARED`; the threshold lies where FN = FP = rate for d'_i = d' and b_j = 0. Runs are alike, or d'_i and b_j
vary from run to run with standard deviation `spread`. AUCs are those of the first `AUC_SAMPLES` scores;
the Fréchet distance is log-normal. Every figure that the gate knows of such results is compared, and nothing
is allowed.

Shape suffixes: R runs of both methods, N samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import nn

from gancross import Contestant, crosstest
from gancross.evaluator.estimates import Estimate, Measurement, Missing, Proportion
from gancross.evaluator.fidelity.figures import FidelityFigures
from gancross.evaluator.gate.comparison import gate
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.auc import auc_interval
from gancross.random_streams import Stream
from simulated.findings import Finding, rate

N = 10_000
AUC_SAMPLES = 500
SHARED = 0.5
RUNS = 5
METHODS = ("a", "b")
ALPHA = 0.05
FRECHET = "frechet_distance[identity]"
FRECHET_SD = 0.3  # of its logarithm, between runs

Scores = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true of both methods.

    Attributes:
        rates: FN and FP by method of the judge.
        spread: standard deviation of d' and of a generator's mean score between runs.
        with_auc: whether AUCs are computed, which takes most of the time.
    """

    rates: Mapping[str, float]
    spread: float = 0.0
    with_auc: bool = True


@cache
def template() -> Result:
    """A result of vectors, of which protocol and parts are taken."""
    judge = nn.Linear(2, 1)
    vectors = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    contestant = Contestant(name="x", samples=vectors[:20], discriminator=judge)
    return crosstest([contestant], data=vectors[20:], num_samples=20, controls=False, device="cpu")


def result_of(world: World, random: np.random.Generator, images_N: Scores) -> Result:
    """A result of five runs of each method; the test images are those of the baseline, too."""
    names = [f"{method}{i}" for method in METHODS for i in range(RUNS)]
    methods = [name[0] for name in names]
    cut_R = np.array([norm.isf(world.rates[method]) for method in methods])
    separation_R = 2 * cut_R + world.spread * random.normal(size=len(names))
    mean_R = world.spread * random.normal(size=len(names))
    reals = [np.float32(d) + images_N + _own(random) for d in separation_R]
    samples = [np.float32(mean) + _shared(random) for mean in mean_R]
    whole, cell = template(), template().cross[0]
    matrix = whole.confusion["x"]
    assert not isinstance(matrix, Missing)
    cells, confusion = [], {}
    for i, judge in enumerate(names):
        count = int((reals[i] <= cut_R[i]).sum())
        confusion[judge] = replace(matrix, fn=Proportion(count=count, n=N))
        for j, generator in enumerate(names):
            if i != j and methods[i] == methods[j]:
                continue  # which no gate between methods reads
            fakes = samples[j] + _own(random)
            auc = _auc(reals[i], fakes) if world.with_auc else Missing("not drawn")
            fp = Proportion(count=int((fakes > cut_R[i]).sum()), n=N)
            cells.append(replace(cell, judge=judge, generator=generator, fp=fp, auc=auc))
    contestants = tuple(
        replace(whole.contestants[0], name=name, method=method)
        for name, method in zip(names, methods, strict=True)
    )
    fidelity = {name: _frechet(10 * float(np.exp(FRECHET_SD * random.normal()))) for name in names}
    return replace(whole, contestants=contestants, cross=tuple(cells), confusion=confusion, fidelity=fidelity)


def number_of_alarms(
    old: World, new: World, draws: int, random: np.random.Generator,
    allowed: Mapping[str, float] | None = None,
) -> int:  # fmt: skip
    """How many of so many gates fail."""
    alarms = 0
    for _ in range(draws):
        images = _shared(random)
        baseline, result = (result_of(world, random, images) for world in (old, new))
        alarms += bool(gate(result, baseline, tolerances=allowed).regressions)
    return alarms


def false_alarms(draws: int) -> Iterator[Finding]:
    """Gates over all figures between results of unchanged methods."""
    for spread, level in product((0.0, 0.05), (0.01, 0.1, 0.3)):
        yield _false_alarms(World(rates=dict.fromkeys(METHODS, level), spread=spread), draws)
    # Rates around 0.01 that vary by half of themselves are skewed, and Student's t assumes normal figures.
    yield replace(_false_alarms(World(rates=dict.fromkeys(METHODS, 0.01), spread=0.2), draws), target=None)


def rare_errors(draws: int) -> Iterator[Finding]:
    """The same of nearly perfect judges, whose runs have 0 to a few errors in 10,000."""
    for level in (1e-5, 1e-4, 2e-4):
        yield _false_alarms(World(rates=dict.fromkeys(METHODS, level)), draws)


def planted_changes(draws: int) -> Iterator[Finding]:
    """Gates over all figures where the judges of one method err more often than before."""
    for before, after, spread in ((1e-4, 1e-3, 0.0), (0.01, 0.02, 0.05), (0.1, 0.2, 0.1)):
        old = World(rates=dict.fromkeys(METHODS, before), spread=spread)
        new = replace(old, rates={**old.rates, "a": after})
        alarms = number_of_alarms(old, new, draws, _random("planted", before, after))
        setting = f"5 against 5 runs, n={N}, FN = FP = {before:g} to {after:g}, runs vary by {spread} in d'"
        yield rate("gate of a method that became worse: alarms", setting, alarms, draws, (0.9, 1.0))


def tolerances(draws: int) -> Iterator[Finding]:
    """Gates over FN alone that allow a multiple of the true change of one method, .05 to .08."""
    old = World(rates=dict.fromkeys(METHODS, 0.05), spread=0.05, with_auc=False)
    new = replace(old, rates={**old.rates, "a": 0.08})
    targets = {0.0: (0.9, 1.0), 0.5: (0.9, 1.0), 1.0: (0.4, 0.6), 1.5: (0.0, ALPHA)}
    for multiple, target in targets.items():
        allowed = {"fn": multiple * 0.03}
        alarms = number_of_alarms(old, new, draws, _random("tolerance", multiple), allowed)
        setting = (
            f"5 against 5 runs, n={N}, FN .05 to .08, runs vary by .05 in d', tolerance {multiple} × .03"
        )
        yield rate("gate with a tolerance: alarms", setting, alarms, draws, target)


CLAIMS: dict[str, tuple[Callable[[int], Iterator[Finding]], int]] = {
    "gate-rare-errors": (rare_errors, 400),
    "gate-false-alarms": (false_alarms, 400),
    "gate-planted-changes": (planted_changes, 200),
    "gate-tolerances": (tolerances, 400),
}
"""Name → the function and its draws at full size."""


def _false_alarms(world: World, draws: int) -> Finding:
    level = world.rates["a"]
    alarms = number_of_alarms(world, world, draws, _random("false-alarms", level, world.spread))
    runs = f"runs vary by {world.spread} in d'" if world.spread else "runs alike"
    setting = f"5 against 5 runs, n={N}, FN = FP = {level:g}, {runs}"
    return rate("gate of unchanged methods: alarms", setting, alarms, draws, (0.0, ALPHA))


def _auc(real_N: Scores, fake_N: Scores) -> Estimate:
    real, fake = (scores_N[:AUC_SAMPLES].astype(np.float64) for scores_N in (real_N, fake_N))
    return _separated() if real.min() > fake.max() else auc_interval(real=real, fake=fake)


@cache
def _separated() -> Estimate:
    """AUC looks at ranks alone, so that of all perfect judges is one."""
    return auc_interval(real=np.ones(AUC_SAMPLES), fake=np.zeros(AUC_SAMPLES))


def _frechet(value: float) -> FidelityFigures:
    return FidelityFigures(n=N, figures={FRECHET: Measurement(value=value, ci95=Missing("not estimated"))})


def _shared(random: np.random.Generator) -> Scores:
    """What an image or sample gives to all judges."""
    return np.float32(SHARED**0.5) * random.standard_normal(N, dtype=np.float32)


def _own(random: np.random.Generator) -> Scores:
    """What one judge makes of each of them."""
    return np.float32((1 - SHARED) ** 0.5) * random.standard_normal(N, dtype=np.float32)


def _random(*words: object) -> np.random.Generator:
    return Stream(0, "simulations", "gate", *map(str, words)).numpy_generator()
