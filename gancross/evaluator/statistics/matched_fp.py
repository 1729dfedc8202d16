"""FP at matched FN: every judge's threshold set where it calls 5 % of the reals fake.

Judges place their thresholds differently, so their FPs are not comparable as they stand. Here half of the
test reals set τ and the other half shows what FN it brings; then the halves change places.

Shape suffixes: H reals of one half, M fakes, R resamples, G groups, B groups of a block, L thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.codec.fields import Recorded, UnitFloat
from gancross.evaluator.distributions import student_quantile
from gancross.evaluator.estimates import (
    LEVEL,
    Estimate,
    Interval,
    Proportion,
    Z,
    difference_reaches,
    rule_of_three,
)
from gancross.evaluator.statistics.groups import number_of_groups
from gancross.evaluator.statistics.quantiles import percentile_interval, quantile_limits
from gancross.evaluator.statistics.resampling import Half, Halves, times_drawn
from gancross.random_streams import Stream

FN_LEVEL = 0.05
FEW_REALS = 1000
_GROUPS = 256  # groups that are counted at a time

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MatchedFp(Estimate):
    """FP at matched FN of one judge on one generator, with its bootstrap interval; lower is better.

    Attributes:
        fn: share of reals called fake that were not used to set τ; near 5 % by design.
        thresholds: τ set on the first and on the second half; None is −∞, where no score qualifies and every
            decision is "real".
        group_size, widening: of the groups in which the judge scored, see `Calibration`; in memory alone.
        counts, trials: FP of every resample, `counts` / `trials`, for differences of two judges; in memory
            alone, and no longer than until these are known.
    """

    fn: Annotated[UnitFloat, Recorded(description="share of reals called fake that did not set τ")]
    thresholds: Annotated[tuple[float | None, ...], Recorded(description="null is −∞")]
    group_size: Annotated[int, Recorded(skipped=True)] = field(default=1, repr=False, compare=False)
    widening: Annotated[float, Recorded(skipped=True)] = field(default=1.0, repr=False, compare=False)
    counts: Annotated[NDArray[Any] | None, Recorded(skipped=True)] = field(
        default=None, repr=False, compare=False
    )
    trials: Annotated[int, Recorded(skipped=True)] = field(default=1, repr=False, compare=False)

    @property
    def replicates(self) -> Scores | None:
        """FP of every resample, (R,); None where it is not known any more."""
        return None if self.counts is None else np.asarray(self.counts / self.trials)

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
        limits: of the 5 % quantile of the reals' scores, where they are few and independent; None elsewhere.
        widening: of the bootstrap's interval where samples are grouped: √(G/(G−1)) t_{G−1}/z for the G groups
            of half the reals, since a resample of G groups varies less than new groups would; else 1.
    """

    group_size: int  # of the groups in which the judge scored them
    thresholds: tuple[float, float]
    fn: float
    resampled: tuple[Scores, Scores]
    limits: Interval | None
    widening: float


def has_few_reals(num_real: int) -> bool:
    """Whether fewer than 1,000 of so many reals set a threshold."""
    return num_real // 2 < FEW_REALS


def matched_threshold(calibration: Scores) -> float:
    """τ = the largest score with share(score ≤ τ) ≤ 5 %; −∞ where no score qualifies.

    Whole groups of tied scores stay on one side, so FN never exceeds 5 % on the calibration reals.
    """
    ordered = np.sort(calibration)
    # The lowest score that may not be called fake bounds τ from above.
    below = int(np.searchsorted(ordered, ordered[_allowed(len(ordered))], side="left"))
    return float(ordered[below - 1]) if below else -np.inf


def calibration(real: Scores, halves: Halves, *, group_size: int = 1) -> Calibration:
    """The thresholds of a judge from its scores (N,) of the test reals, in the order that `halves` index.

    Args:
        group_size: of the groups in which it scored them, which must be the units of `halves`.
    """
    assert len(halves[0].index) + len(halves[1].index) == len(real)
    first, second = (real[half.index] for half in halves)
    thresholds = (matched_threshold(first), matched_threshold(second))
    fn = np.mean([(second <= thresholds[0]).mean(), (first <= thresholds[1]).mean()])
    resampled = (_resampled_thresholds(first, halves[0]), _resampled_thresholds(second, halves[1]))
    bounded = has_few_reals(len(real)) and group_size == 1 and all(map(math.isfinite, thresholds))
    return Calibration(
        group_size=group_size, thresholds=thresholds, fn=float(fn), resampled=resampled,
        limits=quantile_limits(real, FN_LEVEL) if bounded else None,
        widening=_widening(number_of_groups(len(second), group_size)) if group_size > 1 else 1.0,
    )  # fmt: skip


def matched_fp(*, fake: Scores, calibrated: Calibration, seed: int, judge: str, generator: str) -> MatchedFp:
    """FP at matched FN, averaged over the two halves, with a 95 % interval.

    From 2,000 reals on a percentile bootstrap: every resample draws reals and fakes anew and repeats the
    calibration. A Wilson interval, which takes τ as known, covers 56–84 % where 95 % are meant. At an FP of
    exactly 0 or 1 the interval reaches at least to 3/M, which the bootstrap cannot see.

    With fewer reals the bootstrap inherits that floor(5 %·H) of H reals is below 5 %, and covered 86–98 %.
    There the limits are value ∓ √(δ_τ² + δ_FP²), δ_τ the distance to the FP at a limit of the 5 % quantile
    of all reals, δ_FP that to Wilson's limit of the FP.

    Args:
        fake: scores (M,) of one generator's samples, high meaning real.
        seed, judge, generator: name the stream that resamples the fakes.

    Source: Zou and Donner 2008 for the limits.
    """
    ordered, m = np.sort(fake), len(fake)
    not_above = [int(np.searchsorted(ordered, tau, side="right")) for tau in calibrated.thresholds]
    value = float(np.mean([1 - count / m for count in not_above]))
    random = Stream(seed, "matched-fn", "fakes", judge, generator).numpy_generator()
    if calibrated.group_size == 1:
        trials, counts = 2 * m, _resampled_counts(ordered, *calibrated.resampled, random)
    else:
        trials, counts = 1, _resampled_groups_fp(fake, calibrated, random)
    low, high = percentile_interval(counts / trials)
    if calibrated.group_size > 1:
        low, high = _widened(value, (low, high), calibrated.widening, least=0.0)
    if calibrated.limits is not None:
        low, high = _interval_of_few(value, ordered, calibrated.limits)
    slack = rule_of_three(number_of_groups(m, calibrated.group_size))
    if value == 0:
        high = max(high, slack)
    if value == 1:
        low = min(low, 1 - slack)
    thresholds = tuple(tau if math.isfinite(tau) else None for tau in calibrated.thresholds)
    return MatchedFp(
        value=value, low=low, high=high, fn=calibrated.fn, thresholds=thresholds,
        group_size=calibrated.group_size, widening=calibrated.widening, counts=counts, trials=trials,
    )  # fmt: skip


def _widened(value: float, limits: Interval, factor: float, *, least: float) -> Interval:
    low, high = (value + factor * (limit - value) for limit in limits)
    return max(least, min(value, low)), min(1.0, max(value, high))


def _widening(groups: int) -> float:
    groups = max(2, groups)
    return student_quantile((1 + LEVEL) / 2, groups - 1) / Z * math.sqrt(groups / (groups - 1))


def _interval_of_few(value: float, ordered: Scores, limits: Interval) -> Interval:
    """Limits of an FP of M sorted fakes, from the limits of τ."""
    m = len(ordered)
    most = 1 - int(np.searchsorted(ordered, limits[0], side="left")) / m
    least = 1 - int(np.searchsorted(ordered, limits[1], side="right")) / m
    low, high = Proportion(count=round(value * m), n=m).ci95
    below = math.hypot(max(0.0, value - least), max(0.0, value - low))
    above = math.hypot(max(0.0, most - value), max(0.0, high - value))
    return max(0.0, value - below), min(1.0, value + above)


def matched_difference(first: MatchedFp, second: MatchedFp) -> Estimate:
    """FP at matched FN of the first judge − that of the second.

    The two have the same reals in every resample, where both scored them in groups of one size. Otherwise the
    limits are combined as if the reals were different ones.
    """
    of_first, of_second = first.replicates, second.replicates
    assert of_first is not None and of_second is not None
    value = first.value - second.value
    if first.group_size == second.group_size:
        low, high = percentile_interval(of_first - of_second)
        if first.group_size > 1:
            low, high = _widened(value, (low, high), first.widening, least=-1.0)
        return Estimate(value=value, low=low, high=high)
    below, above = difference_reaches(first.value, first.ci95, second.value, second.ci95)
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def _allowed(h: int) -> int:
    """How many of h reals may be called fake."""
    return int(_allowed_of(np.array(h)))


def _allowed_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same for each of some lengths."""
    return np.asarray((lengths * FN_LEVEL + 1e-9).astype(np.int64))


def _resampled_thresholds(scores: Scores, half: Half) -> Scores:
    """`matched_threshold` of every resample, (R,), with one sort of the scores.

    Only the lowest scores matter: as many as it takes until every resample has used up its 5 %.
    """
    h, allowed_R = len(scores), _allowed_of(half.lengths)
    most = int(allowed_R.max())
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    lowest = min(h, most + 8 * math.isqrt(most) + 20)
    while True:
        counts = np.cumsum(half.times_of(order[:lowest]), axis=0, dtype=np.int32)
        if (counts[-1] > allowed_R).all() or lowest == h:
            break
        lowest = min(h, 2 * lowest)
    bound = ordered[(counts <= allowed_R).sum(axis=0)]  # the lowest score that may not be called fake
    below = np.searchsorted(ordered, bound, side="left")  # how many originals lie below it
    used = np.where(below > 0, counts[np.maximum(below - 1, 0), np.arange(counts.shape[1])], 0)
    last = (counts < used).sum(axis=0)  # the highest of those that the resample holds
    return np.where(used > 0, ordered[last], -np.inf)


def _resampled_counts(
    ordered: Scores, first: Scores, second: Scores, random: np.random.Generator
) -> NDArray[Any]:
    """How many of M resampled fakes lie above each of two thresholds, together: (R,), of 2M.

    In the smallest integers, since all judges' are kept until their pairs are compared.

    A resample of the fakes matters only through how many lie above the higher threshold, and how many
    between the two: a multinomial, drawn as two binomials.
    """
    m = len(ordered)
    above_both = m - np.searchsorted(ordered, np.maximum(first, second), side="right")
    above_one = m - np.searchsorted(ordered, np.minimum(first, second), side="right")
    count_both = random.binomial(m, above_both / m)
    rest = np.maximum(m - above_both, 1)
    count_between = random.binomial(m - count_both, (above_one - above_both) / rest)
    return (2 * count_both + count_between).astype(np.min_scalar_type(2 * m))


def _resampled_groups_fp(
    fake: Scores, calibrated: Calibration, random: np.random.Generator
) -> NDArray[np.float64]:
    """As `_resampled_fp`, (R,), where whole groups are drawn.

    Resamples have few different thresholds, so the fakes above each are counted once, group by group.
    """
    groups = np.arange(len(fake)) // calibrated.group_size
    sizes = np.bincount(groups)
    resamples = len(calibrated.resampled[0])
    times_GR = times_drawn(len(sizes), random, resamples)
    levels_L = np.unique(np.concatenate(calibrated.resampled))
    levels_below_M = np.searchsorted(levels_L, fake, side="left")
    first, second = (np.searchsorted(levels_L, tau) for tau in calibrated.resampled)
    above_both, drawn = np.zeros((2, resamples), dtype=np.int64)
    for start in range(0, len(sizes), _GROUPS):
        block = slice(start, start + _GROUPS)
        inside = slice(start * calibrated.group_size, (start + _GROUPS) * calibrated.group_size)
        above_BL = _above(levels_below_M[inside], groups[inside] - start, len(levels_L))
        times_BR = times_GR[block].astype(np.int64)
        above_both += ((above_BL[:, first] + above_BL[:, second]) * times_BR).sum(axis=0)
        drawn += sizes[block] @ times_BR
    return np.asarray(above_both / (2 * drawn))


def _above(levels_below: NDArray[np.int64], groups: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """How many samples of each group lie above each of L rising levels, (G, L).

    Args:
        levels_below: (M,) how many levels lie below each sample.
        groups: (M,) of the samples, rising from 0.
    """
    width = levels + 1
    counts = np.bincount(groups * width + levels_below, minlength=(int(groups[-1]) + 1) * width)
    not_above = np.cumsum(counts.reshape(-1, width), axis=1)
    return np.asarray(not_above[:, -1:] - not_above[:, :-1])
