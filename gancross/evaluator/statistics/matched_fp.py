"""FP at matched FN: every judge's threshold set where it calls 5 % of the reals fake.

Judges place their thresholds differently, so their FPs are not comparable as they stand. Here half of the
test reals set τ and the other half shows what FN it brings; then the halves change places.

Shape suffixes: H reals of one half, R resamples, B resamples of a block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.codec.fields import Recorded, UnitFloat
from gancross.evaluator.estimates import LEVEL, Estimate
from gancross.evaluator.statistics.proportions import rule_of_three
from gancross.random_streams import Stream

FN_LEVEL = 0.05
FEW_REALS = 1000
RESAMPLES = 1999  # (R + 1)·2.5 % is whole, so that the limits are order statistics
_BLOCK = 16  # resamples that are counted at a time

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Half:
    """One half of the test reals: their indices (H,), and how often each resample holds each, (H, R)."""

    index: NDArray[np.int64]
    times: NDArray[np.uint8]


Halves = tuple[Half, Half]


@dataclass(frozen=True, kw_only=True)
class MatchedFp(Estimate):
    """FP at matched FN of one judge on one generator, with its bootstrap interval; lower is better.

    Attributes:
        fn: share of reals called fake that were not used to set τ; near 5 % by design.
        thresholds: τ set on the first and on the second half; None is −∞, where no score qualifies and every
            decision is "real".
        replicates: FP of every resample, for differences of two judges; in memory alone.
    """

    fn: Annotated[UnitFloat, Recorded(description="share of reals called fake that did not set τ")]
    thresholds: Annotated[tuple[float | None, ...], Recorded(description="null is −∞")]
    replicates: Annotated[Scores | None, Recorded(skipped=True)] = field(
        default=None, repr=False, compare=False
    )

    @property
    def is_unmatched(self) -> bool:
        """Whether a τ is −∞, so that FP is 1 by definition."""
        return None in self.thresholds


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What the test reals alone say of a judge, the same for every generator.

    Attributes:
        thresholds: τ set on the first and on the second half.
        fn: mean FN of each τ on the other half.
        resampled: τ of every resample of the first and of the second half, (R,) each.
    """

    thresholds: tuple[float, float]
    fn: float
    resampled: tuple[Scores, Scores]


def has_few_reals(halves: Halves) -> bool:
    """Whether fewer than 1,000 reals set a threshold."""
    return min(len(half.index) for half in halves) < FEW_REALS


def draw_halves(n: int, *, seed: int, resamples: int = RESAMPLES) -> Halves:
    """The calibration halves of n reals and their resamples: the same for every judge of a call.

    A function of (n, seed, resamples) alone. Each half is resampled with replacement within itself.

    Raises:
        ValueError: fewer than two reals have no halves.
    """
    if n < 2:
        raise ValueError(f"{n} test samples cannot be halved")
    order = Stream(seed, "matched-fn", "halves").permutation(n)
    random = Stream(seed, "matched-fn", "reals").numpy_generator()
    first, second = (_resampled(index, random, resamples) for index in (order[: n // 2], order[n // 2 :]))
    return first, second


def matched_threshold(calibration: Scores) -> float:
    """τ = the largest score with share(score ≤ τ) ≤ 5 %; −∞ where no score qualifies.

    Whole groups of tied scores stay on one side, so FN never exceeds 5 % on the calibration reals.
    """
    ordered = np.sort(calibration)
    # The lowest score that may not be called fake bounds τ from above.
    below = int(np.searchsorted(ordered, ordered[_allowed(len(ordered))], side="left"))
    return float(ordered[below - 1]) if below else -np.inf


def calibration(real: Scores, halves: Halves) -> Calibration:
    """The thresholds of a judge from its scores (N,) of the test reals, in the order that `halves` index."""
    assert len(halves[0].index) + len(halves[1].index) == len(real)
    first, second = (real[half.index] for half in halves)
    thresholds = (matched_threshold(first), matched_threshold(second))
    fn = np.mean([(second <= thresholds[0]).mean(), (first <= thresholds[1]).mean()])
    resampled = (
        _resampled_thresholds(first, halves[0].times), _resampled_thresholds(second, halves[1].times)
    )  # fmt: skip
    return Calibration(thresholds=thresholds, fn=float(fn), resampled=resampled)


def matched_fp(*, fake: Scores, calibrated: Calibration, seed: int, judge: str, generator: str) -> MatchedFp:
    """FP at matched FN, averaged over the two halves, with a 95 % percentile bootstrap interval.

    Every resample draws reals and fakes anew and repeats the calibration: a Wilson interval, which takes
    τ as known, covers 56–84 % where 95 % are meant. At an FP of exactly 0 or 1 the interval reaches at
    least to 3/M, which the bootstrap cannot see.

    Args:
        fake: scores (M,) of one generator's samples, high meaning real.
        seed, judge, generator: name the stream that resamples the fakes.
    """
    ordered, m = np.sort(fake), len(fake)
    not_above = [int(np.searchsorted(ordered, tau, side="right")) for tau in calibrated.thresholds]
    value = float(np.mean([1 - count / m for count in not_above]))
    random = Stream(seed, "matched-fn", "fakes", judge, generator).numpy_generator()
    replicates = _resampled_fp(ordered, *calibrated.resampled, random)
    low, high = percentile_interval(replicates)
    if value == 0:
        high = max(high, rule_of_three(m))
    if value == 1:
        low = min(low, 1 - rule_of_three(m))
    thresholds = tuple(tau if math.isfinite(tau) else None for tau in calibrated.thresholds)
    return MatchedFp(
        value=value, low=low, high=high, fn=calibrated.fn, thresholds=thresholds, replicates=replicates
    )


def matched_difference(first: MatchedFp, second: MatchedFp) -> Estimate:
    """FP at matched FN of the first judge − that of the second, with the same reals in every resample."""
    assert first.replicates is not None and second.replicates is not None
    low, high = percentile_interval(first.replicates - second.replicates)
    return Estimate(value=first.value - second.value, low=low, high=high)


def percentile_interval(replicates: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5 % and 97.5 % order statistics of R replicates: numbers k and R+1−k, k = (R+1)·2.5 %."""
    ordered = np.sort(replicates)
    k = max(1, int((len(ordered) + 1) * (1 - LEVEL) / 2 + 1e-9))
    return float(ordered[k - 1]), float(ordered[len(ordered) - k])


def _allowed(h: int) -> int:
    """How many of h reals may be called fake."""
    return int(h * FN_LEVEL + 1e-9)


def _resampled(index: NDArray[np.int64], random: np.random.Generator, resamples: int) -> Half:
    h = len(index)
    times_HR = np.empty((h, resamples), dtype=np.uint8)
    for start in range(0, resamples, _BLOCK):
        index_BH = random.integers(0, h, (min(_BLOCK, resamples - start), h))
        size = len(index_BH)
        index_BH += np.arange(size)[:, None] * h  # so that one count does for all
        counts_BH = np.bincount(index_BH.ravel(), minlength=size * h).reshape(size, h)
        times_HR[:, start : start + size] = counts_BH.T
    return Half(index=index, times=times_HR)


def _resampled_thresholds(scores: Scores, times: NDArray[np.uint8]) -> Scores:
    """`matched_threshold` of every resample, (R,), with one sort of the scores.

    Only the lowest scores matter: as many as it takes until every resample has used up its 5 %.
    """
    h, allowed = len(scores), _allowed(len(scores))
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    lowest = min(h, allowed + 8 * math.isqrt(allowed) + 20)
    while True:
        counts = np.cumsum(times[order[:lowest]], axis=0, dtype=np.int32)
        if counts[-1].min() > allowed:
            break
        lowest = min(h, 2 * lowest)
    bound = ordered[(counts <= allowed).sum(axis=0)]  # the lowest score that may not be called fake
    below = np.searchsorted(ordered, bound, side="left")  # how many originals lie below it
    used = np.where(below > 0, counts[np.maximum(below - 1, 0), np.arange(counts.shape[1])], 0)
    last = (counts < used).sum(axis=0)  # the highest of those that the resample holds
    return np.where(used > 0, ordered[last], -np.inf)


def _resampled_fp(
    ordered: Scores, first: Scores, second: Scores, random: np.random.Generator
) -> NDArray[np.float64]:
    """Mean share of resampled fakes above two thresholds, (R,).

    A resample of the fakes matters only through how many lie above the higher threshold, and how many
    between the two: a multinomial, drawn as two binomials.
    """
    m = len(ordered)
    above_both = m - np.searchsorted(ordered, np.maximum(first, second), side="right")
    above_one = m - np.searchsorted(ordered, np.minimum(first, second), side="right")
    count_both = random.binomial(m, above_both / m)
    rest = np.maximum(m - above_both, 1)
    count_between = random.binomial(m - count_both, (above_one - above_both) / rest)
    return np.asarray((2 * count_both + count_between) / (2 * m))
