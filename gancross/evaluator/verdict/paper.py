"""What a pair of contestants' figures say, in words; and the paper's own verdict."""

from __future__ import annotations

from dataclasses import dataclass

from gancross.evaluator.statistics.confusion import Share, paper_rate

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
        own_fp: share of its own generator's samples that it calls real; None likewise or where unknown.
    """

    name: str
    cross_fp: Share | None
    fn: Share | None
    own_fp: Share | None = None


def paper_verdict(a: Standing, b: Standing) -> Verdict:
    """§5.5 of the paper: the discriminator with the lower cross-testing FP defines the better model.

    Equal FPs have no winner. Whether FN agrees is said beside it; the paper's "and/or lower FN" leaves
    open what follows when it does not.
    """
    for side in (a, b):
        if (reason := undecided(side)) is not None:
            return Verdict(winner=None, reason=f"{reason}. {SCOPE}")
    said = figures(a, b)
    if cross_fp(a).rate == cross_fp(b).rate:
        return Verdict(winner=None, reason=f"equal cross-testing FP: {said}. {reading(a, b)}{SCOPE}")
    winner, loser = lower_cross_fp(a, b)
    ours, theirs = held_out_fn(winner).rate, held_out_fn(loser).rate
    fns = f"{paper_rate(ours)} against {paper_rate(theirs)}"
    if ours < theirs:
        agreement = f"FN agrees ({fns})"
    elif ours == theirs:
        agreement = f"FN is equal ({fns})"
    else:
        agreement = f"FN disagrees ({fns})"
    return Verdict(
        winner=winner.name, reason=f"lower cross-testing FP: {said}; {agreement}. {reading(a, b)}{SCOPE}"
    )


def undecided(side: Standing) -> str | None:
    """Why a side cannot be compared, or None where it can."""
    if side.cross_fp is None or side.fn is None:
        return f"'{side.name}' makes no decisions: no discriminator or no threshold"
    return None


def cross_fp(side: Standing) -> Share:
    """Cross-testing FP of a side that makes decisions."""
    assert side.cross_fp is not None
    return side.cross_fp


def held_out_fn(side: Standing) -> Share:
    """FN of a side that makes decisions."""
    assert side.fn is not None
    return side.fn


def lower_cross_fp(a: Standing, b: Standing) -> tuple[Standing, Standing]:
    """(the side with the lower cross-testing FP, the other one)."""
    return (a, b) if cross_fp(a).rate < cross_fp(b).rate else (b, a)


def figures(a: Standing, b: Standing) -> str:
    """Both cross FPs in words."""
    return (
        f"'{a.name}' calls {paper_rate(cross_fp(a).rate)} of the samples of '{b.name}' real,"
        f" '{b.name}' calls {paper_rate(cross_fp(b).rate)} of those of '{a.name}' real"
    )


def reading(a: Standing, b: Standing) -> str:
    """What the two cross FPs together allow to say; nothing where a side has none."""
    if a.cross_fp is None or b.cross_fp is None:
        return ""
    rates = (a.cross_fp.rate, b.cross_fp.rate)
    if min(rates) >= TRANSFERS:
        return "Neither discriminator transfers; no evidence that either generator is good. "
    if max(rates) <= DETECTED:
        return "Both generators are detected; compare AUC and matched FN. "
    return ""
