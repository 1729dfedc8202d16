"""What a pair of contestants' figures say, in words."""

from __future__ import annotations

from dataclasses import dataclass

from gancross.evaluator.confusion import Share, paper_rate

SCOPE = "This is about two frozen checkpoints."
TRANSFERS = 0.5
DETECTED = 0.05


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The winner's name, or None, and why."""

    winner: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One side of a pair.

    Attributes:
        name: of the contestant.
        cross_fp: share of the *other* generator's samples that its discriminator calls real; None
            without a threshold or a discriminator.
        fn: share of test reals that it calls fake; None likewise.
    """

    name: str
    cross_fp: Share | None
    fn: Share | None


def paper_verdict(a: Standing, b: Standing) -> Verdict:
    """§5.5 of the paper: the discriminator with the lower cross-testing FP defines the better model.

    Equal FPs have no winner. Whether FN agrees is said beside it; the paper's "and/or lower FN" leaves
    open what follows when it does not.
    """
    for side in (a, b):
        if side.cross_fp is None or side.fn is None:
            return Verdict(winner=None, reason=f"'{side.name}' makes no decisions: no threshold on its score")
    assert a.cross_fp and b.cross_fp and a.fn and b.fn
    figures = (
        f"'{a.name}' calls {paper_rate(a.cross_fp.rate)} of the samples of '{b.name}' real,"
        f" '{b.name}' calls {paper_rate(b.cross_fp.rate)} of those of '{a.name}' real"
    )
    if a.cross_fp.rate == b.cross_fp.rate:
        return Verdict(winner=None, reason=f"equal cross-testing FP: {figures}. {_reading(a, b)}{SCOPE}")
    winner, loser = (a, b) if a.cross_fp.rate < b.cross_fp.rate else (b, a)
    assert winner.fn and loser.fn
    fns = f"{paper_rate(winner.fn.rate)} against {paper_rate(loser.fn.rate)}"
    if winner.fn.rate < loser.fn.rate:
        agreement = f"FN agrees ({fns})"
    elif winner.fn.rate == loser.fn.rate:
        agreement = f"FN is equal ({fns})"
    else:
        agreement = f"FN disagrees ({fns})"
    return Verdict(
        winner=winner.name, reason=f"lower cross-testing FP: {figures}; {agreement}. {_reading(a, b)}{SCOPE}"
    )


def _reading(a: Standing, b: Standing) -> str:
    """What the two cross FPs together allow to say."""
    assert a.cross_fp and b.cross_fp
    rates = (a.cross_fp.rate, b.cross_fp.rate)
    if min(rates) >= TRANSFERS:
        return "Neither discriminator transfers; no evidence that either generator is good. "
    if max(rates) <= DETECTED:
        return "Both generators are detected; compare AUC and matched FN. "
    return ""
