"""Claims about methods from several training runs of each: the unit is the run, not the sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Estimate
from gancross.evaluator.statistics.matched_fp import percentile_interval
from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.random_streams import Stream

ALPHA = 0.05
FEWEST_RUNS = 4
DESCRIPTIVE_BELOW = 20
EXACT_UP_TO = 1_000_000
RANDOM_LABELLINGS = 99_999
BOOTSTRAP = 1999
_BLOCK = 20_000

Labels = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MethodClaim:
    """Two methods over all runs of each.

    Attributes:
        a, b: methods, in alphabetical order.
        runs: of a and of b.
        difference: mean cross FP of a's discriminators on b's generators − that of b's on a's; negative
            speaks for a. The interval is a bootstrap over runs.
        p: two-sided, of the permutation of run labels.
        holm_p: after Holm over all pairs of methods of the call.
        exact: whether all labellings were counted; otherwise 99,999 random ones.
        descriptive: whether the interval is, with fewer than 20 runs on a side.
        winner: the method that the claim is about, None where there is none.
        reason: why not, or the figures.
    """

    a: str
    b: str
    runs: tuple[int, int]
    difference: Estimate
    p: float
    holm_p: float
    exact: bool
    descriptive: bool
    winner: str | None
    reason: str


def method_claims(table: CrossTable, methods: Mapping[str, str], *, seed: int) -> list[MethodClaim]:
    """A claim for every pair of methods with runs that make decisions.

    Args:
        table: of all runs together, each judged by all.
        methods: method of each contestant; contestants without one, or that make no decisions, are left out.
    """
    runs: dict[str, list[int]] = {}
    for i, name in enumerate(table.names):
        if name in methods and table.decides[i]:
            runs.setdefault(methods[name], []).append(i)
    compared = [_compared(table, a, b, runs, seed) for a, b in combinations(sorted(runs), 2)]
    adjusted = holm([claim.p for claim in compared])
    claims = [replace(claim, holm_p=p) for claim, p in zip(compared, adjusted, strict=True)]
    # Holm rejects the smallest p first, times the number of claims, or none at all.
    smallest = len(claims) * min((smallest_p(*claim.runs) for claim in claims), default=0.0)
    return [_concluded(claim, smallest, len(claims)) for claim in claims]


def cross_difference(fp: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """mean{FP_ij : i in b, j in a} − mean{FP_ij : i in a, j in b} for each labelling.

    Args:
        fp: (N, N), generators by judges; the diagonal never counts.
        labels: (L, N), 1 for a and 0 for b, with the same number of ones in each row.

    Returns:
        (L,); negative where a's discriminators are fooled less by b's generators than the other way round.
    """
    b = 1 - labels
    pairs = labels[0].sum() * b[0].sum()
    of_a = ((b @ fp) * labels).sum(axis=1)
    of_b = ((labels @ fp) * b).sum(axis=1)
    return np.asarray((of_a - of_b) / pairs)


def _compared(table: CrossTable, a: str, b: str, runs: dict[str, list[int]], seed: int) -> MethodClaim:
    index = sorted(runs[a] + runs[b])
    fp = table.fp[np.ix_(index, index)]
    label = np.isin(index, runs[a]).astype(np.float64)
    observed = float(cross_difference(fp, label[None])[0])
    p, exact = permutation_p(fp, label, random=Stream(seed, "method-permutation", a, b).numpy_generator())
    sides = (len(runs[a]), len(runs[b]))
    low, high = _bootstrap(fp, label, Stream(seed, "method-bootstrap", a, b).numpy_generator())
    return MethodClaim(
        a=a, b=b, runs=sides, difference=Estimate(value=observed, low=low, high=high), p=p, holm_p=p,
        exact=exact, descriptive=min(sides) < DESCRIPTIVE_BELOW, winner=None, reason="",
    )  # fmt: skip


def permutation_p(
    fp: NDArray[np.float64], label: Labels, *, random: np.random.Generator
) -> tuple[float, bool]:
    """Two-sided p of the labelling among all with as many runs a side, and whether it is exact.

    Each run carries its generator and its discriminator with it; under the null hypothesis that the two
    methods make the same kind of runs, every labelling is equally likely. Beyond a million labellings
    99,999 random ones stand for them, the observed one counted among them.

    Source: Phipson and Smyth 2010 for the random form.
    """
    observed = abs(float(cross_difference(fp, label[None])[0])) - 1e-12
    n, ones = len(label), int(label.sum())
    total = math.comb(n, ones)
    if total <= EXACT_UP_TO:
        extreme = sum(
            int((np.abs(cross_difference(fp, block)) >= observed).sum()) for block in _labellings(n, ones)
        )
        return extreme / total, True
    extreme = 1
    for start in range(0, RANDOM_LABELLINGS, _BLOCK):
        block = random.permuted(np.tile(label, (min(_BLOCK, RANDOM_LABELLINGS - start), 1)), axis=1)
        extreme += int((np.abs(cross_difference(fp, block)) >= observed).sum())
    return extreme / (RANDOM_LABELLINGS + 1), False


def _labellings(n: int, ones: int) -> Iterator[Labels]:
    """All labellings, a block at a time."""
    chosen = combinations(range(n), ones)
    while block := list(islice(chosen, _BLOCK)):
        labels = np.zeros((len(block), n))
        np.put_along_axis(labels, np.array(block), 1.0, axis=1)
        yield labels


def smallest_p(a: int, b: int) -> float:
    """The smallest two-sided p of so many runs; with equal sides the mirrored labelling is as extreme."""
    return (2 if a == b else 1) / math.comb(a + b, a)


def _bootstrap(fp: NDArray[np.float64], label: Labels, random: np.random.Generator) -> tuple[float, float]:
    """Runs drawn with replacement within each side; a drawn run brings its row and its column."""
    a, b = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    index_a, index_b = (random.choice(side, (BOOTSTRAP, len(side))) for side in (a, b))
    of_a = fp[index_b[:, :, None], index_a[:, None, :]].mean(axis=(1, 2))
    of_b = fp[index_a[:, :, None], index_b[:, None, :]].mean(axis=(1, 2))
    return percentile_interval(of_a - of_b)


def _concluded(claim: MethodClaim, smallest: float, claims: int) -> MethodClaim:
    if min(claim.runs) < FEWEST_RUNS:
        return replace(claim, reason=f"fewer than {FEWEST_RUNS} runs a side: no claim is made")
    if smallest >= ALPHA:
        pairs = f"{claims} pairs of methods: no p after Holm can be below {smallest:.2g}"
        return replace(claim, reason=f"too few runs for {pairs}, however far apart they are")
    evidence = (
        f"mean cross-testing FP of '{claim.a}' − that of '{claim.b}' is {claim.difference.value:+.4f} over"
        f" {claim.runs[0]} and {claim.runs[1]} runs, permutation p {claim.holm_p:.2g} after Holm"
    )
    if claim.holm_p >= ALPHA:
        return replace(claim, reason=f"the methods do not differ beyond chance: {evidence}")
    return replace(claim, winner=claim.a if claim.difference.value < 0 else claim.b, reason=evidence)
