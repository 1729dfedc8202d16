"""Everything `strict` and the record need of the pairs of a call, from scores or from counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.statistics.auc import auc_difference
from gancross.evaluator.statistics.confusion import PairedDecisions, paired_false_negatives
from gancross.evaluator.statistics.matched_fp import MatchedFp, matched_difference
from gancross.evaluator.statistics.proportions import Estimate, difference, fisher_p, holm, mcnemar_p
from gancross.evaluator.verdict.paper import Standing, cross_fp, undecided
from gancross.evaluator.verdict.strict import Evidence

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One contestant of a pair as a judge of the other.

    Attributes:
        standing: its counts.
        threshold: τ of its scores; None if it makes no decisions.
        real: its scores of the test reals, in the order of the images; None where only counts are known.
        cross_fake: its scores of the other generator's samples; None likewise.
        matched_fp: its FP at matched FN on the other generator; None likewise.
    """

    standing: Standing
    threshold: float | None = None
    real: Scores | None = None
    cross_fake: Scores | None = None
    matched_fp: MatchedFp | None = None


@dataclass(frozen=True, kw_only=True)
class PairTests:
    """The tests of a pair; every difference is a − b, and None what cannot be computed.

    Attributes:
        fisher_p, holm_p: of equal cross FPs, before and after Holm over `tests` pairs of the call.
        cross_fp: Newcombe's interval of the difference, descriptive.
        decisions: which test reals each of the two calls fake.
        mcnemar_p: of equal FN on the same test reals.
        auc, matched_fp: paired differences.
    """

    a: Standing
    b: Standing
    fisher_p: float | None
    holm_p: float | None
    tests: int
    cross_fp: Estimate | None
    decisions: PairedDecisions | None
    mcnemar_p: float | None
    auc: Estimate | None
    matched_fp: Estimate | None

    def evidence(self) -> Evidence:
        """What `strict_verdict` reads of it."""
        return Evidence(
            a=self.a, b=self.b, holm_p=self.holm_p, tests=self.tests, fn=self.decisions, auc=self.auc,
            matched_fp=self.matched_fp,
        )  # fmt: skip


def pair_tests(pairs: Sequence[tuple[Side, Side]]) -> list[PairTests]:
    """The tests of all pairs of one call, in the same order.

    Holm's adjustment is over all of them that can be tested: N(N−1)/2 where everybody decides.
    """
    raw = [cross_fp_p(a.standing, b.standing) for a, b in pairs]
    tested = [p for p in raw if p is not None]
    adjusted = iter(holm(tested))
    return [
        _tests(a, b, fisher_p=p, holm_p=None if p is None else next(adjusted), tests=len(tested))
        for (a, b), p in zip(pairs, raw, strict=True)
    ]


def cross_fp_p(a: Standing, b: Standing) -> float | None:
    """Fisher's two-sided p of equal cross-testing FPs; None where a side makes no decisions."""
    if undecided(a) or undecided(b):
        return None
    return fisher_p(cross_fp(a), cross_fp(b))


def _tests(a: Side, b: Side, *, fisher_p: float | None, holm_p: float | None, tests: int) -> PairTests:
    decisions = None
    if a.real is not None and b.real is not None and a.threshold is not None and b.threshold is not None:
        decisions = paired_false_negatives(
            first=a.real, second=b.real, first_threshold=a.threshold, second_threshold=b.threshold
        )
    fps = (a.standing.cross_fp, b.standing.cross_fp)
    return PairTests(
        a=a.standing,
        b=b.standing,
        fisher_p=fisher_p,
        holm_p=holm_p,
        tests=tests,
        cross_fp=difference(fps[0], fps[1]) if fps[0] and fps[1] else None,
        decisions=decisions,
        mcnemar_p=mcnemar_p(decisions) if decisions else None,
        auc=_auc(a, b),
        matched_fp=matched_difference(a.matched_fp, b.matched_fp) if a.matched_fp and b.matched_fp else None,
    )


def _auc(a: Side, b: Side) -> Estimate | None:
    if a.real is None or b.real is None or a.cross_fake is None or b.cross_fake is None:
        return None
    return auc_difference(
        first_real=a.real, first_fake=a.cross_fake, second_real=b.real, second_fake=b.cross_fake
    )
