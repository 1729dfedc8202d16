"""Claims about methods from several training runs of each: the unit is the run, not the sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Estimate
from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.statistics.run_figures import paired_student, welch
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.evaluator.tournament.relabelling import permutation_p, sign_flip_p, smallest_p
from gancross.random_streams import Stream

ALPHA = 0.05
FEWEST_RUNS = 4
FEWEST_PAIRS = 6  # five pairs have no sign-flip p below 2/32
SIZE = (
    "claims about methods: the figures of runs share their opponents; simulated among equal methods of 4 to"
    " 12 runs, Welch's test on cross matrices finds a difference in 3 to 8 % where 5 % are meant"
)

Figures = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MethodClaim:
    """Two methods over all runs of each.

    Attributes:
        a, b: methods, in alphabetical order.
        runs: of a and of b that were compared.
        difference: mean cross FP of a's discriminators on b's generators − that of b's on a's; negative
            speaks for a. The interval is Welch's, or Student's over pairs.
        p: two-sided, of the test that decides: of the sign flips where runs are paired, otherwise the larger
            one of Welch's and the permutation's.
        holm_p: after Holm over all pairs of methods of the call.
        welch_p: of Welch's test of the runs' figures, see `run_figures`; each p is None where its test was
            not made.
        permutation_p: of the permutation of run labels, where both sides have as many runs.
        sign_flip_p: of labels exchanged within pairs of runs with one seed.
        exact: whether all labellings were counted; otherwise 99,999 random ones. True where none was asked.
        pairs: of runs with one seed, by which they were compared; 0 where they were not.
        flags: what a reader of the claim must know.
        winner: the method that the claim is about, None where there is none.
        reason: why not, or the figures.
    """

    a: str
    b: str
    runs: tuple[int, int]
    difference: Estimate
    p: float
    holm_p: float
    welch_p: float | None
    permutation_p: float | None
    sign_flip_p: float | None
    exact: bool
    pairs: int
    flags: tuple[str, ...]
    winner: str | None
    reason: str


def method_claims(
    table: CrossTable, methods: Mapping[str, str], *, seed: int, run_seeds: Mapping[str, int] | None = None
) -> list[MethodClaim]:
    """A claim for every pair of methods with runs that make decisions.

    Args:
        table: of all runs together, each judged by all.
        methods: method of each contestant; contestants without one, or that make no decisions, are left out.
        run_seeds: with which each contestant was trained, where that is known.
    """
    runs: dict[str, list[int]] = {}
    for i, name in enumerate(table.names):
        if name in methods and table.decides[i]:
            runs.setdefault(methods[name], []).append(i)
    seeds = [(run_seeds or {}).get(name) for name in table.names]
    compared = [_compared(table.fp, a, b, runs, seeds, seed) for a, b in combinations(sorted(runs), 2)]
    adjusted = holm([claim.p for claim in compared])
    claims = [replace(claim, holm_p=p) for claim, p in zip(compared, adjusted, strict=True)]
    # Holm rejects the smallest p first, times the number of claims, or none at all.
    smallest = len(claims) * min((_smallest(claim) for claim in claims), default=0.0)
    return [_concluded(claim, smallest, len(claims)) for claim in claims]


def run_figures(fp: Figures, a: Index, b: Index) -> tuple[Figures, Figures]:
    """One number a run: how much it is fooled by the other method's runs more than it fools them.

    h_rq = FP of r's discriminator on q's samples − FP of q's on r's, for runs r of a and q of b. D = mean h
    is the difference of the methods' mean cross FPs. A run's figure is its mean of h, turned and shifted so
    that the means of the two sides differ by D: x_r = mean_q h_rq − D/2, y_q = D/2 − mean_r h_rq.

    These are the structural components of D, as V and W are of an AUC: their variances add up to that of D
    whatever the generators' and the discriminators' own strengths. A run's mean FP alone leaves out how the
    opponents vary, which all runs of its side share; Welch's test on it rejected equal methods in 4–52 % of
    simulated draws, the more, the more generators vary (`benchmarks/simulated/methods.py`).

    Source: DeLong et al. 1988 for components of a mean over pairs.
    """
    h_AB = fp[np.ix_(b, a)].T - fp[np.ix_(a, b)]
    difference = h_AB.mean()
    return h_AB.mean(axis=1) - difference / 2, difference / 2 - h_AB.mean(axis=0)


def _compared(
    fp: Figures, a: str, b: str, runs: Mapping[str, Sequence[int]], seeds: Sequence[int | None], seed: int
) -> MethodClaim:
    """The figures of two methods; what is claimed of them waits for Holm."""
    index_a, index_b = np.array(runs[a]), np.array(runs[b])
    pairs = np.array(_pairs(runs[a], runs[b], seeds))
    names = f"'{a}' and '{b}'"
    if len(pairs) >= FEWEST_PAIRS:
        left = len(index_a) + len(index_b) - 2 * len(pairs)
        alone = f"{names}: {left} runs without a partner of the same seed were left out of the claim"
        tests = _paired(fp, pairs[:, 0], pairs[:, 1], Stream(seed, "method-sign-flip", a, b))
        flags: tuple[str, ...] = (alone,) if left else ()
    else:
        few = (
            f"{names}: {len(pairs)} seeds have a run of each method, too few to pair (at least"
            f" {FEWEST_PAIRS}): compared as if the runs were independent"
        )
        tests = _unpaired(fp, index_a, index_b, Stream(seed, "method-permutation", a, b))
        flags = (SIZE, few) if len(pairs) else (SIZE,)
    return MethodClaim(a=a, b=b, holm_p=tests.p, flags=flags, winner=None, reason="", **vars(tests))


def _pairs(a: Sequence[int], b: Sequence[int], seeds: Sequence[int | None]) -> list[tuple[int, int]]:
    """Runs of a and of b with one seed, where it has one run of each."""
    of_a, of_b = ({i: seeds[i] for i in side if seeds[i] is not None} for side in (a, b))
    once_a, once_b = Counter(of_a.values()), Counter(of_b.values())
    partners = {run_seed: i for i, run_seed in of_b.items() if once_b[run_seed] == 1}
    return [(i, partners[s]) for i, s in of_a.items() if once_a[s] == 1 and s in partners]


@dataclass(frozen=True, kw_only=True)
class _Tests:
    """What `MethodClaim` has of the same names."""

    runs: tuple[int, int]
    difference: Estimate
    p: float
    welch_p: float | None
    permutation_p: float | None
    sign_flip_p: float | None
    exact: bool
    pairs: int


def _unpaired(fp: Figures, a: Index, b: Index, stream: Stream) -> _Tests:
    x, y = run_figures(fp, a, b)
    permuted: float | None = None
    exact = True
    if len(a) == len(b):
        index = np.sort(np.concatenate([a, b]))
        label = np.isin(index, a).astype(np.float64)
        permuted, exact = permutation_p(fp[np.ix_(index, index)], label, random=stream.numpy_generator())
    single = min(len(a), len(b)) < 2
    difference, p = (_whole_range(x.mean() - y.mean()), 1.0) if single else welch(x, y)
    decisive = p if permuted is None else max(p, permuted)
    return _Tests(
        runs=(len(a), len(b)), difference=difference, p=decisive, welch_p=None if single else p,
        permutation_p=permuted, sign_flip_p=None, exact=exact, pairs=0,
    )  # fmt: skip


def _paired(fp: Figures, a: Index, b: Index, stream: Stream) -> _Tests:
    x, y = run_figures(fp, a, b)
    index, places = np.concatenate([a, b]), np.arange(2 * len(a))
    p, exact = sign_flip_p(
        fp[np.ix_(index, index)], places[: len(a)], places[len(a) :], random=stream.numpy_generator()
    )
    return _Tests(
        runs=(len(a), len(b)), difference=paired_student(x - y), p=p, welch_p=None, permutation_p=None,
        sign_flip_p=p, exact=exact, pairs=len(a),
    )  # fmt: skip


def _whole_range(value: float) -> Estimate:
    return Estimate(value=float(value), low=-1.0, high=1.0)


def _smallest(claim: MethodClaim) -> float:
    """The smallest p that so many runs can have; Welch's alone has none."""
    unequal = not claim.pairs and claim.runs[0] != claim.runs[1]
    return 0.0 if unequal else smallest_p(*claim.runs, pairs=claim.pairs)


def _concluded(claim: MethodClaim, smallest: float, claims: int) -> MethodClaim:
    if min(claim.runs) < FEWEST_RUNS:
        return replace(claim, flags=(), reason=f"fewer than {FEWEST_RUNS} runs a side: no claim is made")
    if smallest >= ALPHA:
        pairs = f"{claims} pairs of methods: no p after Holm can be below {smallest:.2g}"
        return replace(claim, reason=f"too few runs for {pairs}, however far apart they are")
    runs = f"{claim.pairs} pairs of runs" if claim.pairs else f"{claim.runs[0]} and {claim.runs[1]} runs"
    evidence = (
        f"mean cross-testing FP of '{claim.a}' − that of '{claim.b}' is {claim.difference.value:+.4f} over"
        f" {runs}, {_tests_in_words(claim)}; p {claim.holm_p:.2g} after Holm"
    )
    if claim.holm_p >= ALPHA:
        return replace(claim, reason=f"the methods do not differ beyond chance: {evidence}")
    return replace(claim, winner=claim.a if claim.difference.value < 0 else claim.b, reason=evidence)


def _tests_in_words(claim: MethodClaim) -> str:
    tests = {"sign-flip": claim.sign_flip_p, "Welch's": claim.welch_p, "permutation": claim.permutation_p}
    return ", ".join(f"{name} p {p:.2g}" for name, p in tests.items() if p is not None)
