"""The `discriminator` verdict of a pair: whose discriminator tells real from generated better.

Five steps in order, the first failure gives the reason:

1. Both judges decide, neither is blind nor gives one answer to everything, and both batch-norm modes agree.
2. The cross-testing FPs differ: Fisher's p, adjusted by Holm over the call, is below 5 %.
3. No split: the winner's FN is not higher by more than 2 points, with 97.5 % confidence.
4. The winner is not worse in AUC nor in FP at matched FN, and better beyond chance in one of them.
5. On the same samples, the data and both generators' with equal weight, the winner's J is higher beyond
   chance. Two judges that decide alike make no winner, whatever generators stand behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.statistics.proportions import difference
from gancross.evaluator.verdict.pairs import NEEDS_SCORES, Judgement, Pair
from gancross.evaluator.verdict.paper import SCOPE, cross_fp_text, no_decisions, reading
from gancross.evaluator.verdict.verdicts import Verdict

ALPHA = 0.05
FN_MARGIN = 0.02


@dataclass(frozen=True, kw_only=True)
class Step:
    """Outcome of one step: passed, failed, or None where it cannot be tested; and why."""

    passed: bool | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class NormCheck:
    """The pair with batch norm in the other mode; `opposite` is None where that was not computed."""

    mode: str
    opposite_mode: str
    opposite: Pair | None


def discriminator_verdict(pair: Pair, *, norm: NormCheck | None = None) -> Verdict:
    """A winner only where nothing speaks against it; otherwise the first step that fails.

    The same for (a, b) and (b, a) but for the order of names in its reason.

    Args:
        norm: given if and only if one of the two judges has batch norm.
    """
    steps = discriminator_steps(pair, norm=norm)
    scope = f"{reading(pair)}{SCOPE}" if pair.decides else SCOPE
    for step in steps:
        if not step.passed:
            return Verdict(winner=None, reason=f"{step.reason}. {scope}")
    ordered = pair.lower_cross_fp_first()
    evidence = "; ".join(step.reason for step in steps[1:])
    claim = (
        f"the discriminator of '{ordered.a}' is fooled less than that of '{ordered.b}', not worse elsewhere"
    )
    return Verdict(winner=ordered.a, reason=f"{claim}: {evidence}. {scope}")


def discriminator_steps(pair: Pair, *, norm: NormCheck | None = None) -> list[Step]:
    """Steps 1 to 5 in order; the list ends where a failure leaves the rest without meaning.

    Without decisions nothing follows step 1; without a lower FP nothing follows step 2.
    """
    validity = valid_judges(pair)
    if not validity.passed:
        return [validity]
    return [validity if norm is None else modes_agree(pair, norm), *_comparison(pair)]


def valid_judges(pair: Pair) -> Step:
    """Step 1, without batch norm: both have thresholds; neither is blind nor gives all samples one answer."""
    for name, judgement in pair.judgements.items():
        if not judgement.decides:
            return Step(passed=False, reason=no_decisions(name))
        if (answer := _only_answer(judgement)) is not None:
            return Step(
                passed=False, reason=f"'{name}' calls every sample {answer}: the data and those of both"
            )
    for name, judgement in pair.judgements.items():
        if judgement.blind:
            return Step(passed=False, reason=f"'{name}' is blind: it calls most of uniform noise real")
    return Step(passed=True, reason="both judges tell samples apart")


def modes_agree(pair: Pair, norm: NormCheck) -> Step:
    """Step 1, with batch norm: steps 2–5 give the same winner with running averages and batch statistics."""
    if norm.opposite is None:
        return Step(passed=False, reason="batch-norm modes not compared")
    modes = {norm.mode: pair, norm.opposite_mode: norm.opposite}
    winners = {mode: _winner(compared) for mode, compared in modes.items()}
    if len(set(winners.values())) == 1:
        return Step(passed=True, reason="both batch-norm modes agree")
    for mode, compared in modes.items():
        if isinstance(compared.holm_p, Missing):
            return Step(
                passed=None, reason=f"batch-norm modes not comparable: {mode}: {compared.holm_p.reason}"
            )
    outcomes = ", ".join(
        f"{mode} names {'nobody' if winner is None else repr(winner)}" for mode, winner in winners.items()
    )
    return Step(passed=False, reason=f"the batch-norm modes disagree: {outcomes}")


def cross_fps_differ(pair: Pair) -> Step:
    """Step 2: Fisher's p after Holm is below 5 %."""
    if isinstance(pair.holm_p, Missing):
        return Step(passed=None, reason=pair.holm_p.reason)
    p = f"Fisher's p {pair.holm_p:.2g} after Holm over {pair.holm_tests}"
    a, b = pair.cross_fps
    text = f"{cross_fp_text(pair)} ({p})"
    if pair.holm_p < ALPHA and a.rate != b.rate:
        return Step(passed=True, reason=text)
    return Step(passed=False, reason=f"the cross-testing FPs do not differ beyond chance: {text}")


def no_split(pair: Pair) -> Step:
    """Step 3: FN of the winner − FN of the loser is at most 2 points, with 97.5 % confidence.

    From counts alone the two FNs count as independent, which widens the interval.
    """
    ordered = pair.lower_cross_fp_first()
    gap = ordered.fn_difference
    if isinstance(gap, Missing) and gap != NEEDS_SCORES:
        return Step(passed=None, reason=gap.reason)
    if isinstance(gap, Missing):
        gap = difference(*ordered.fns)
    text = f"FN of '{ordered.a}' − FN of '{ordered.b}' is {_interval(gap)}"
    if gap.high <= FN_MARGIN:
        return Step(passed=True, reason=text)
    if gap.low > 0:
        return Step(passed=False, reason=f"split between FP and FN: {text}")
    return Step(passed=False, reason=f"too few test images to exclude a split: {text}")


def not_worse(pair: Pair) -> Step:
    """Step 4: not worse in AUC nor in FP at matched FN, and one of the two differs beyond chance."""
    ordered = pair.lower_cross_fp_first()
    auc, matched = ordered.auc_difference, ordered.fp_at_fn5_difference
    for figure in (auc, matched):
        if isinstance(figure, Missing):
            return Step(passed=None, reason=_unavailable(figure, "AUC and FP at matched FN need scores"))
    assert not isinstance(auc, Missing) and not isinstance(matched, Missing)
    text = (
        f"'{ordered.a}' − '{ordered.b}' is {_interval(auc)} in AUC"
        f" and {_interval(matched)} in FP at matched FN"
    )
    worse = [name for name, bad in (("AUC", auc.value < 0), ("FP at matched FN", matched.value > 0)) if bad]
    if worse:
        both = " and a worse ".join(worse)
        return Step(passed=False, reason=f"the lower cross-testing FP goes with a worse {both}: {text}")
    if auc.excludes_zero or matched.excludes_zero:
        return Step(passed=True, reason=text)
    return Step(passed=False, reason=f"neither AUC nor FP at matched FN differs beyond chance: {text}")


def tells_better(pair: Pair) -> Step:
    """Step 5: J of the winner is higher beyond chance where both judge the data and both generators.

    Where uniform noise was not judged, whether a judge is blind is unknown, and nobody is named.
    """
    ordered = pair.lower_cross_fp_first()
    gap = ordered.j_difference
    if isinstance(gap, Missing):
        return Step(passed=None, reason=_unavailable(gap, "J on the same samples needs scores"))
    if any(judgement.blind is None for judgement in pair.judgements.values()):
        reason = "blindness not tested: uniform noise was not judged; judge the controls too"
        return Step(passed=None, reason=reason)
    text = f"J of '{ordered.a}' − J of '{ordered.b}' on the same samples is {_interval(gap)}"
    if gap.low > 0:
        return Step(passed=True, reason=text)
    if gap.high < 0:
        return Step(passed=False, reason=f"the lower cross-testing FP goes with a lower J: {text}")
    return Step(passed=False, reason=f"the two do not tell the same samples apart unequally well: {text}")


def _comparison(pair: Pair) -> list[Step]:
    """Steps 2–5."""
    differ = cross_fps_differ(pair)
    if not differ.passed:
        return [differ]
    return [differ, no_split(pair), not_worse(pair), tells_better(pair)]


def _unavailable(figure: Missing, needs: str) -> str:
    return f"not available: {needs}, and there are only counts" if figure == NEEDS_SCORES else figure.reason


def _winner(pair: Pair) -> str | None:
    """What steps 2–5 say; nobody where a judge gives one answer to everything in this mode."""
    if not valid_judges(pair).passed or not all(step.passed for step in _comparison(pair)):
        return None
    return pair.lower_cross_fp_first().a


def _only_answer(judgement: Judgement) -> str | None:
    fn, fps = judgement.fn, [fp for fp in (judgement.cross_fp, judgement.own_fp) if fp is not None]
    assert fn is not None
    if fn.count == 0 and all(fp.count == fp.n for fp in fps):
        return "real"
    if fn.count == fn.n and all(fp.count == 0 for fp in fps):
        return "fake"
    return None


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:+.4f} [{estimate.low:+.4f}, {estimate.high:+.4f}]"
