"""The `strict` verdict of a pair: four steps in order, the first failure gives the reason.

1. Both judges decide, neither gives one answer to everything, and both batch-norm modes agree.
2. The cross-testing FPs differ: Fisher's p, adjusted by Holm over the call, is below 5 %.
3. No split: the winner's FN is not higher by more than 2 points, with 97.5 % confidence.
4. The winner is not worse in AUC nor in FP at matched FN, and better beyond chance in one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gancross.evaluator.statistics.confusion import PairedDecisions
from gancross.evaluator.statistics.proportions import Estimate, difference, paired_difference
from gancross.evaluator.verdict.paper import (
    SCOPE,
    Standing,
    Verdict,
    cross_fp,
    figures,
    held_out_fn,
    lower_cross_fp,
    reading,
    undecided,
)

ALPHA = 0.05
FN_MARGIN = 0.02
MODES_NOT_COMPARED = "batch-norm modes not compared"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a pair in one batch-norm mode; differences are a − b.

    Attributes:
        a, b: with `own_fp` where known, since a judge that decides about its own samples gives two answers.
        holm_p: Fisher's p of the two cross FPs after Holm; None where one judge makes no decisions.
        tests: how many tests Holm's adjustment is over.
        fn: decisions of both judges on the same test images; None where only counts are known.
        auc, matched_fp: paired differences; None where only counts are known.
    """

    a: Standing
    b: Standing
    holm_p: float | None
    tests: int = 1
    fn: PairedDecisions | None = None
    auc: Estimate | None = None
    matched_fp: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """Outcome of one step: passed, failed, or None where it cannot be tested; and why."""

    passed: bool | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class NormCheck:
    """The pair with batch norm in the other mode; `other` is None where that was not computed."""

    mode: str
    other_mode: str
    other: Evidence | None


def strict_verdict(evidence: Evidence, *, norm: NormCheck | None = None) -> Verdict:
    """A winner only where nothing speaks against it; otherwise the first step that fails.

    Args:
        evidence: of the pair in the mode of the call.
        norm: given if and only if one of the two judges has batch norm.

    Returns:
        The verdict, the same for (a, b) and (b, a) but for the order of names in its reason.
    """
    steps = strict_steps(evidence, norm=norm)
    scope = f"{reading(evidence.a, evidence.b)}{SCOPE}"
    for step in steps:
        if not step.passed:
            return Verdict(winner=None, reason=f"{step.reason}. {scope}")
    winner, loser = lower_cross_fp(evidence.a, evidence.b)
    said = "; ".join(step.reason for step in steps[1:])
    return Verdict(
        winner=winner.name,
        reason=f"'{winner.name}' is fooled less than '{loser.name}' and not worse elsewhere: {said}. {scope}",
    )


def strict_steps(evidence: Evidence, *, norm: NormCheck | None = None) -> list[Step]:
    """Steps 1 to 4 in order; the list ends where a failure leaves the rest without meaning.

    Without decisions nothing follows step 1; without a lower FP nothing follows step 2.
    """
    first = valid_judges(evidence)
    if not first.passed:
        return [first]
    later = _comparison(evidence)
    if norm is not None:
        first = modes_agree(evidence, norm)
    return [first, *later]


def valid_judges(evidence: Evidence) -> Step:
    """Step 1, without batch norm: both have thresholds, and neither gives all samples one answer."""
    for side in (evidence.a, evidence.b):
        if (reason := undecided(side)) is not None:
            return Step(passed=False, reason=reason)
        if (answer := _only_answer(side)) is not None:
            return Step(passed=False, reason=f"'{side.name}' calls every sample {answer}")
    return Step(passed=True, reason="both judges tell samples apart")


def modes_agree(evidence: Evidence, norm: NormCheck) -> Step:
    """Step 1, with batch norm: steps 2–4 give the same winner with running averages and batch statistics."""
    if norm.other is None:
        return Step(passed=False, reason=MODES_NOT_COMPARED)
    winners = [_winner(evidence), _winner(norm.other)]
    if winners[0] == winners[1]:
        return Step(passed=True, reason="both batch-norm modes agree")
    said = [
        f"{mode} says {'no winner' if winner is None else repr(winner)}"
        for mode, winner in zip((norm.mode, norm.other_mode), winners, strict=True)
    ]
    return Step(passed=False, reason=f"the batch-norm modes disagree: {', '.join(said)}")


def cross_fps_differ(evidence: Evidence) -> Step:
    """Step 2: Fisher's p after Holm is below 5 %."""
    assert evidence.holm_p is not None
    p = f"Fisher's p {evidence.holm_p:.2g} after Holm over {evidence.tests}"
    said = figures(evidence.a, evidence.b)
    if evidence.holm_p < ALPHA and cross_fp(evidence.a).rate != cross_fp(evidence.b).rate:
        return Step(passed=True, reason=f"{said} ({p})")
    return Step(passed=False, reason=f"the cross-testing FPs do not differ beyond chance: {said} ({p})")


def no_split(evidence: Evidence) -> Step:
    """Step 3: FN of the winner − FN of the loser is at most 2 points, with 97.5 % confidence."""
    winner, loser = lower_cross_fp(evidence.a, evidence.b)
    if evidence.fn is None:
        gap = difference(held_out_fn(winner), held_out_fn(loser))
    else:
        gap = paired_difference(evidence.fn if winner is evidence.a else evidence.fn.swapped())
    said = f"FN of '{winner.name}' − FN of '{loser.name}' is {_interval(gap)}"
    if gap.high <= FN_MARGIN:
        return Step(passed=True, reason=said)
    if gap.low > 0:
        return Step(passed=False, reason=f"split between FP and FN: {said}")
    return Step(passed=False, reason=f"too few test images to exclude a split: {said}")


def not_worse(evidence: Evidence) -> Step:
    """Step 4: not worse in AUC nor in FP at matched FN, and one of the two differs beyond chance."""
    if evidence.auc is None or evidence.matched_fp is None:
        return Step(
            passed=None,
            reason="not available: AUC and FP at matched FN need scores, and there are only counts",
        )
    winner, loser = lower_cross_fp(evidence.a, evidence.b)
    ours = winner is evidence.a
    auc = evidence.auc if ours else -evidence.auc
    matched = evidence.matched_fp if ours else -evidence.matched_fp
    said = (
        f"'{winner.name}' − '{loser.name}' is {_interval(auc)} in AUC"
        f" and {_interval(matched)} in FP at matched FN"
    )
    worse = [name for name, bad in (("AUC", auc.value < 0), ("FP at matched FN", matched.value > 0)) if bad]
    if worse:
        return Step(
            passed=False,
            reason=f"the lower cross-testing FP goes with a worse {' and a worse '.join(worse)}: {said}",
        )
    if auc.excludes_zero or matched.excludes_zero:
        return Step(passed=True, reason=said)
    return Step(passed=False, reason=f"neither AUC nor FP at matched FN differs beyond chance: {said}")


STEPS_AFTER_FP: tuple[Callable[[Evidence], Step], ...] = (no_split, not_worse)


def _comparison(evidence: Evidence) -> list[Step]:
    """Steps 2–4."""
    differ = cross_fps_differ(evidence)
    return [differ, *(step(evidence) for step in STEPS_AFTER_FP)] if differ.passed else [differ]


def _winner(evidence: Evidence) -> str | None:
    """What steps 2–4 say; nobody where a judge gives one answer to everything in this mode."""
    if not valid_judges(evidence).passed or not all(step.passed for step in _comparison(evidence)):
        return None
    return lower_cross_fp(evidence.a, evidence.b)[0].name


def _only_answer(side: Standing) -> str | None:
    fn = held_out_fn(side)
    fps = [cross_fp(side)] if side.own_fp is None else [cross_fp(side), side.own_fp]
    if fn.count == 0 and all(share.count == share.n for share in fps):
        return "real"
    if fn.count == fn.n and all(share.count == 0 for share in fps):
        return "fake"
    return None


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} [{estimate.low:+.4f}, {estimate.high:+.4f}]"
