"""The paper's own verdict of a pair, and what the two discriminators together allow to say."""

from __future__ import annotations

from gancross.evaluator.statistics.confusion import paper_rate
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.verdicts import Verdict

SCOPE = "This is about two frozen checkpoints."
TRANSFERS = 0.05  # of |J|: a discriminator that surely has less does not tell the other's samples from data
DETECTED = 0.9  # of J: one that surely has more tells nearly all of them


def paper_verdict(pair: Pair) -> Verdict:
    """§5.5 of the paper: the discriminator with the lower cross-testing FP defines the better model.

    Equal FPs have no winner. Whether FN agrees is said beside it; the paper's "and/or lower FN" leaves
    open what follows when it does not.
    """
    for name, judgement in pair.judgements.items():
        if not judgement.decides:
            return Verdict(winner=None, reason=f"{no_decisions(name)}. {SCOPE}")
    a, b = pair.cross_fps
    scope = f"{reading(pair)}{SCOPE}"
    if a.rate == b.rate:
        return Verdict(winner=None, reason=f"equal cross-testing FP: {cross_fp_text(pair)}. {scope}")
    ordered = pair.lower_cross_fp_first()
    winner, loser = (fn.rate for fn in ordered.fns)
    relation = "agrees" if winner < loser else "is equal" if winner == loser else "disagrees"
    agreement = f"FN {relation} ({paper_rate(winner)} against {paper_rate(loser)})"
    return Verdict(
        winner=ordered.a, reason=f"lower cross-testing FP: {cross_fp_text(pair)}; {agreement}. {scope}"
    )


def no_decisions(name: str) -> str:
    """Why a contestant cannot be compared."""
    return f"'{name}' makes no decisions: no discriminator or no threshold"


def cross_fp_text(pair: Pair) -> str:
    """Both cross FPs in words."""
    a, b = pair.cross_fps
    return (
        f"the discriminator of '{pair.a}' calls {paper_rate(a.rate)} of the samples of '{pair.b}' real,"
        f" that of '{pair.b}' calls {paper_rate(b.rate)} of those of '{pair.a}' real"
    )


def reading(pair: Pair) -> str:
    """What J of each discriminator on the other's samples allows to say, by its confidence limits."""
    a, b = pair.judgement_a.j, pair.judgement_b.j
    if a is None or b is None:
        return ""
    if max(-a.low, a.high, -b.low, b.high) < TRANSFERS:
        return "Neither discriminator transfers; no evidence that either generator is good. "
    if min(a.low, b.low) > DETECTED:
        return "Both generators are detected; compare AUC and matched FN. "
    return ""
