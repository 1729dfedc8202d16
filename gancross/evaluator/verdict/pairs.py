"""Everything that verdicts and the record need of a pair of contestants, from scores or from counts alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.codec.fields import Count, Recorded, UnitFloat, declared
from gancross.evaluator.estimates import Estimate, Interval, Missing, Proportion
from gancross.evaluator.statistics.auc import auc_difference
from gancross.evaluator.statistics.bounds import total_variation_bound
from gancross.evaluator.statistics.confusion import PairedDecisions, paired_decisions
from gancross.evaluator.statistics.groups import FEWEST_GROUPS, mean_difference, number_of_groups
from gancross.evaluator.statistics.matched_fp import MatchedFp, matched_difference
from gancross.evaluator.statistics.proportions import (
    combined,
    difference,
    fisher_p,
    holm,
    mcnemar_p,
    paired_difference,
)
from gancross.evaluator.verdict.verdicts import NO_VERDICTS, Verdicts

NEEDS_SCORES = Missing("needs scores")
NEEDS_DECISIONS = Missing("needs decisions of both judges")

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one contestant's discriminator makes of the test reals and of the other generator's samples.

    Attributes:
        cross_fp: share of the *other* generator's samples that it calls real; None without a threshold or a
            discriminator.
        fn: share of test reals that it calls fake; None likewise.
        own_fp: share of its own generator's samples that it calls real; None likewise or where unknown.
        threshold: τ of its scores; None if it makes no decisions.
        real: its scores of the test reals, in the order of the images; None where only counts are known.
        cross_fake, own_fake: its scores of the other generator's and of its own generator's samples; None
            likewise.
        matched_fp: its FP at matched FN on the other generator; None likewise.
        blind: whether it calls more than half of uniform noise real; None where that is not known.
        group_size: of the groups in which it saw samples; 1 where they do not depend on each other.
    """

    cross_fp: Proportion | None = None
    fn: Proportion | None = None
    own_fp: Proportion | None = None
    threshold: float | None = None
    real: Scores | None = None
    cross_fake: Scores | None = None
    own_fake: Scores | None = None
    matched_fp: MatchedFp | None = None
    blind: bool | None = None
    group_size: int = 1

    @property
    def decides(self) -> bool:
        """Whether it has a threshold, and so decisions to count."""
        return self.cross_fp is not None and self.fn is not None

    @property
    def j(self) -> Estimate | None:
        """1 − FN − FP on the other generator; None without decisions, or of samples that depend."""
        if self.cross_fp is None or self.fn is None or self.group_size > 1:
            return None
        return total_variation_bound(fn=self.fn, fp=self.cross_fp)

    def counted(self) -> Judgement:
        """Its rates alone: scores and resamples of all pairs are most of a large result's memory."""
        return replace(self, real=None, cross_fake=None, own_fake=None, matched_fp=None)

    def groups(self, size: int) -> int:
        """The smallest number of groups of a size that the samples of one source make."""
        sources = (self.real, self.cross_fake, self.own_fake)
        return min(
            (number_of_groups(len(scores), size) for scores in sources if scores is not None), default=0
        )


Unrecorded = Annotated[Judgement, Recorded(skipped=True)]
IN_TESTS = Recorded(within="tests")
PValue = Annotated[UnitFloat | Missing, IN_TESTS]
Difference = Annotated[Estimate | Missing, IN_TESTS]


@dataclass(frozen=True)
class Label:
    """What tables call a test."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two contestants; every difference is a − b, and missing what cannot be computed.

    Attributes:
        judgement_a, judgement_b: what each makes of the other; in memory alone.
        fisher_p, holm_p: of equal cross FPs, before and after Holm over `holm_tests` pairs of the call.
        newcombe95: interval of the difference of the cross FPs, descriptive.
        mcnemar_p: of equal FN on the same test reals.
        fn_difference, auc_difference, fp_at_fn5_difference: paired differences with their intervals.
        j_difference: of J = 1 − FN − FP where each judge's FP is that on both generators' samples, with equal
            weight: both judges on the same samples.
    """

    a: str
    b: str
    verdict: Annotated[Verdicts, Recorded(inline=True)] = NO_VERDICTS
    judgement_a: Unrecorded = field(default=Judgement(), compare=False, repr=False)
    judgement_b: Unrecorded = field(default=Judgement(), compare=False, repr=False)
    fisher_p: Annotated[PValue, Label("Cross-testing FP: Fisher's p")] = NEEDS_DECISIONS
    holm_p: Annotated[PValue, Label("… after Holm")] = NEEDS_DECISIONS
    holm_tests: Annotated[Count, IN_TESTS] = 0
    newcombe95: Annotated[
        Interval | Missing, IN_TESTS,
        Label("Cross-testing FP of a − that of b, Newcombe's 95 % limits"),
    ] = NEEDS_DECISIONS  # fmt: skip
    mcnemar_p: Annotated[PValue, Label("FN: McNemar's p")] = NEEDS_DECISIONS
    fn_difference: Annotated[Difference, Label("FN of a − that of b")] = NEEDS_SCORES
    auc_difference: Annotated[Difference, Label("AUC of a − that of b")] = NEEDS_SCORES
    fp_at_fn5_difference: Annotated[Difference, Label("FP at 5 % FN of a − that of b")] = NEEDS_SCORES
    j_difference: Annotated[
        Difference, Label("J of a on both generators' samples − that of b")
    ] = NEEDS_SCORES  # fmt: skip

    def swapped(self) -> Pair:
        """The two contestants in the other order."""
        limits = self.newcombe95
        return replace(
            self, a=self.b, b=self.a, judgement_a=self.judgement_b, judgement_b=self.judgement_a,
            newcombe95=limits if isinstance(limits, Missing) else (-limits[1], -limits[0]),
            fn_difference=_negative(self.fn_difference), auc_difference=_negative(self.auc_difference),
            fp_at_fn5_difference=_negative(self.fp_at_fn5_difference),
            j_difference=_negative(self.j_difference),
        )  # fmt: skip

    @property
    def cross_fps(self) -> tuple[Proportion, Proportion]:
        """Cross-testing FP of a and of b, where both make decisions."""
        assert self.judgement_a.cross_fp is not None and self.judgement_b.cross_fp is not None
        return self.judgement_a.cross_fp, self.judgement_b.cross_fp

    @property
    def fns(self) -> tuple[Proportion, Proportion]:
        """FN of a and of b, where both make decisions."""
        assert self.judgement_a.fn is not None and self.judgement_b.fn is not None
        return self.judgement_a.fn, self.judgement_b.fn

    @property
    def judgements(self) -> dict[str, Judgement]:
        """What a makes of b, and b of a, by the judge's name."""
        return {self.a: self.judgement_a, self.b: self.judgement_b}

    @property
    def decides(self) -> bool:
        """Whether both make decisions."""
        return self.judgement_a.decides and self.judgement_b.decides

    def test(self, key: str) -> float | Interval | Estimate | Missing:
        """The figure of a key of `PAIR_TESTS`."""
        figure: float | Interval | Estimate | Missing = getattr(self, key)
        return figure

    def lower_cross_fp_first(self) -> Pair:
        """The same pair with the lower cross-testing FP as a; b where they are equal."""
        a, b = self.cross_fps
        return self if a.rate < b.rate else self.swapped()


PAIR_TESTS: Mapping[str, str] = {name: label.text for name, label in declared(Pair, Label).items()}


def compared(
    pairs: Sequence[tuple[tuple[str, Judgement], tuple[str, Judgement]]], *,
    in_order: Callable[[Callable[[Pair], Pair], Iterable[Pair]], Iterable[Pair]] = map,
) -> list[Pair]:  # fmt: skip
    """All pairs of one call, given as (name, judgement) of a and of b, with their tests, in the same order.

    Holm's adjustment is over all of them that can be tested: N(N−1)/2 where everybody decides.

    Args:
        in_order: applies a function to every pair, as `map` or the threads of a `Crew` do.
    """
    bare = [Pair(a=a, b=b, judgement_a=of_a, judgement_b=of_b) for (a, of_a), (b, of_b) in pairs]
    untested = [_few_groups(pair) if pair.decides else NEEDS_DECISIONS for pair in bare]
    p_values = [
        None if isinstance(reason, Missing) else fisher_p(*pair.cross_fps)
        for pair, reason in zip(bare, untested, strict=True)
    ]
    adjusted = iter(holm([p for p in p_values if p is not None]))
    tests = sum(p is not None for p in p_values)
    tested = []
    for pair, p, reason in zip(bare, p_values, untested, strict=True):
        counted = replace(pair, holm_tests=tests)
        if pair.decides:
            counted = replace(counted, newcombe95=difference(*pair.cross_fps).ci95)
        if p is not None:
            counted = replace(counted, fisher_p=p, holm_p=next(adjusted))
        elif isinstance(reason, Missing):
            counted = replace(counted, fisher_p=reason, holm_p=reason)
        tested.append(counted)
    return list(in_order(_with_differences, tested))


def _few_groups(pair: Pair, *, paired: bool = False) -> Missing | None:
    """Whether there are too few groups, where samples of a group depend on each other.

    Args:
        paired: both judges on the same samples, in groups of the least common multiple of their sizes.
    """
    both = math.lcm(pair.judgement_a.group_size, pair.judgement_b.group_size)
    for judgement in pair.judgements.values():
        size = both if paired else judgement.group_size
        groups = FEWEST_GROUPS if size == 1 else judgement.groups(size)
        if groups < FEWEST_GROUPS:
            return Missing(
                f"{groups} groups of {size} samples that depend on each other: nothing is tested below"
                f" {FEWEST_GROUPS}"
            )
    return None


def _with_differences(pair: Pair) -> Pair:
    """The paired differences, each missing for its own reason."""
    a, b = pair.judgement_a, pair.judgement_b
    few = _few_groups(pair, paired=True)
    if few is not None:
        return replace(
            pair, mcnemar_p=few, fn_difference=few, auc_difference=few, fp_at_fn5_difference=few,
            j_difference=few,
        )  # fmt: skip
    reason = NEEDS_SCORES if pair.decides else NEEDS_DECISIONS
    pair = replace(pair, mcnemar_p=reason, fn_difference=reason, j_difference=reason)
    if a.matched_fp and b.matched_fp:
        pair = replace(pair, fp_at_fn5_difference=matched_difference(a.matched_fp, b.matched_fp))
    if a.real is None or b.real is None or a.cross_fake is None or b.cross_fake is None:
        return pair
    area = auc_difference(
        first_real=a.real, first_fake=a.cross_fake, second_real=b.real, second_fake=b.cross_fake,
        first_group_size=a.group_size, second_group_size=b.group_size,
    )  # fmt: skip
    pair = replace(pair, auc_difference=area)
    if a.threshold is None or b.threshold is None:
        return pair
    fn, p = _decision_difference(pair, a.real, b.real)
    pair = replace(pair, mcnemar_p=p, fn_difference=fn)
    if a.own_fake is None or b.own_fake is None:
        return pair
    # Each source's samples are the same under both judges; a's opponent is b's own generator.
    of_b, _ = _decision_difference(pair, a.cross_fake, b.own_fake)
    of_a, _ = _decision_difference(pair, a.own_fake, b.cross_fake)
    return replace(pair, j_difference=combined([(-1.0, fn), (0.5, of_b), (0.5, of_a)]))


def _decision_difference(pair: Pair, scores_a: Scores, scores_b: Scores) -> tuple[Estimate, float]:
    """Share that a calls fake − share that b calls fake of the same samples, and p of equal shares."""
    a, b = pair.judgement_a, pair.judgement_b
    assert a.threshold is not None and b.threshold is not None
    size = math.lcm(a.group_size, b.group_size)
    if size == 1:
        decisions: PairedDecisions = paired_decisions(scores_a <= a.threshold, scores_b <= b.threshold)
        return paired_difference(decisions), mcnemar_p(decisions)
    first, second = (scores_a <= a.threshold), (scores_b <= b.threshold)
    return mean_difference(first.astype(np.float64) - second, size)


def _negative(difference: Estimate | Missing) -> Estimate | Missing:
    return difference if isinstance(difference, Missing) else -difference
