"""Everything that verdicts and the record need of a pair of contestants, from scores or from counts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.codec.fields import Count, Recorded, Text, UnitFloat, declared
from gancross.evaluator.estimates import Estimate, Interval, Missing, Proportion
from gancross.evaluator.statistics.auc import auc_difference
from gancross.evaluator.statistics.confusion import paired_false_negatives
from gancross.evaluator.statistics.matched_fp import MatchedFp, matched_difference
from gancross.evaluator.statistics.proportions import difference, fisher_p, holm, mcnemar_p, paired_difference

NEEDS_SCORES = Missing("needs scores")
NEEDS_DECISIONS = Missing("needs decisions of both judges")

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The winner's name, or None, and why."""

    winner: str | None
    reason: Text


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
        cross_fake: its scores of the other generator's samples; None likewise.
        matched_fp: its FP at matched FN on the other generator; None likewise.
    """

    cross_fp: Proportion | None = None
    fn: Proportion | None = None
    own_fp: Proportion | None = None
    threshold: float | None = None
    real: Scores | None = None
    cross_fake: Scores | None = None
    matched_fp: MatchedFp | None = None

    @property
    def decides(self) -> bool:
        """Whether it has a threshold, and so decisions to count."""
        return self.cross_fp is not None and self.fn is not None


Unrecorded = Annotated[Judgement, Recorded(skipped=True)]
IN_TESTS = Recorded(within="tests")
PValue = Annotated[UnitFloat | Missing, IN_TESTS]
Difference = Annotated[Estimate | Missing, IN_TESTS]
NOT_JUDGED = Verdict(winner=None, reason="not judged")


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
    """

    a: str
    b: str
    paper: Verdict = NOT_JUDGED
    strict: Verdict = NOT_JUDGED
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

    def swapped(self) -> Pair:
        """The two contestants in the other order."""
        limits = self.newcombe95
        return replace(
            self, a=self.b, b=self.a, judgement_a=self.judgement_b, judgement_b=self.judgement_a,
            newcombe95=limits if isinstance(limits, Missing) else (-limits[1], -limits[0]),
            fn_difference=_negative(self.fn_difference), auc_difference=_negative(self.auc_difference),
            fp_at_fn5_difference=_negative(self.fp_at_fn5_difference),
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


def compared(pairs: Sequence[tuple[tuple[str, Judgement], tuple[str, Judgement]]]) -> list[Pair]:
    """All pairs of one call, given as (name, judgement) of a and of b, with their tests, in the same order.

    Holm's adjustment is over all of them that can be tested: N(N−1)/2 where everybody decides.
    """
    bare = [Pair(a=a, b=b, judgement_a=of_a, judgement_b=of_b) for (a, of_a), (b, of_b) in pairs]
    p_values = [fisher_p(*pair.cross_fps) if pair.decides else None for pair in bare]
    tested = [p for p in p_values if p is not None]
    adjusted = iter(holm(tested))
    return [
        replace(pair, holm_tests=len(tested)) if p is None
        else _tested(pair, fisher=p, holm=next(adjusted), tests=len(tested))
        for pair, p in zip(map(_with_scores, bare), p_values, strict=True)
    ]  # fmt: skip


def _tested(pair: Pair, *, fisher: float, holm: float, tests: int) -> Pair:
    """What decisions alone can tell, and what they can tell of the same test reals."""
    pair = replace(
        pair, fisher_p=fisher, holm_p=holm, holm_tests=tests,
        newcombe95=difference(*pair.cross_fps).ci95, mcnemar_p=NEEDS_SCORES,
    )  # fmt: skip
    a, b = pair.judgement_a, pair.judgement_b
    if a.real is None or b.real is None or a.threshold is None or b.threshold is None:
        return pair
    decisions = paired_false_negatives(
        first=a.real, second=b.real, first_threshold=a.threshold, second_threshold=b.threshold
    )
    return replace(pair, mcnemar_p=mcnemar_p(decisions), fn_difference=paired_difference(decisions))


def _with_scores(pair: Pair) -> Pair:
    """What needs scores and no thresholds; missing for another reason where there are no decisions either."""
    a, b = pair.judgement_a, pair.judgement_b
    reason = NEEDS_SCORES if pair.decides else NEEDS_DECISIONS
    auc: Estimate | Missing = reason
    if a.real is not None and b.real is not None and a.cross_fake is not None and b.cross_fake is not None:
        auc = auc_difference(
            first_real=a.real, first_fake=a.cross_fake, second_real=b.real, second_fake=b.cross_fake
        )
    matched = matched_difference(a.matched_fp, b.matched_fp) if a.matched_fp and b.matched_fp else reason
    return replace(pair, fn_difference=reason, auc_difference=auc, fp_at_fn5_difference=matched)


def _negative(difference: Estimate | Missing) -> Estimate | Missing:
    return difference if isinstance(difference, Missing) else -difference
