"""Which contestant the referees name, if any: four conditions, six answers, each with its reason.

a is named before b iff

1. at every rung the upper one-sided 95 % limit of G_a − G_b is below δ (intersection–union: no correction);
2. the mean difference over the rungs favours a: two-sided p below 5 % after Holm over the pairs of the call;
3. at some rung the upper limit of G_a, divided by κ, is below the lower limit of G_b, so that longer
   training would not turn it;
4. no check withholds it.

Source: Berger 1982 for condition 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from gancross.evaluator.referees.comparison import ALPHA, POWER
from gancross.evaluator.referees.protocol import Budget
from gancross.evaluator.referees.records import Answer, Comparison, Contrast, RungDifference
from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.verdict.verdicts import SAMPLES, Verdict

FEWEST = 500
SCOPE = "What judges of another protocol would tell was not tested."
_NEXT_BUDGET: Mapping[Budget, str] = {
    "quick": "try the budget 'full'",
    "full": "try more seeds, more samples or a protocol of more steps",
}

Reasons = Mapping[tuple[str, str], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A comparison for the record, and the verdict about generators."""

    comparison: Comparison
    verdict: Verdict


def decided(
    contrasts: Sequence[Contrast], *, budget: Budget, withheld: Reasons | None = None, what: str = SAMPLES
) -> list[Decision]:
    """The decision about every pair of a call, in the same order.

    Dominance concerns only a contestant that would be named: decide without reasons, check those that are
    named, then decide again.

    Args:
        withheld: (the one to be named, the other) → why a check withholds it; a pair that is not there has
            passed every check.
        what: what the referees judge, in words.
    """
    adjusted = holm([contrast.p for contrast in contrasts])
    decisions = []
    for contrast, p in zip(contrasts, adjusted, strict=True):
        compared = _with_holm(contrast, p, len(contrasts))
        decisions.append(_decision(compared, budget, withheld or {}, what))
    return decisions


def nowhere_farther(contrast: Contrast) -> bool:
    """Condition 1 for a."""
    return all(rung.upper < contrast.delta for rung in contrast.rungs)


def favoured(comparison: Comparison) -> bool:
    """Condition 2 for a."""
    return comparison.mean.value < 0 and comparison.holm_p < ALPHA


def lasting(contrast: Contrast) -> bool:
    """Condition 3 for a."""
    return _room(_surest(contrast)) > 0


def _decision(comparison: Comparison, budget: Budget, withheld: Reasons, what: str) -> Decision:
    near = comparison.nearer_first()
    reasons = withheld.get((near.a, near.b), ())
    nearer, farther = _beyond_chance(near)
    answer: Answer
    if near.n < FEWEST:
        answer, reason = (
            "no name",
            f"nobody is named with fewer than {FEWEST} reals or samples: there are {near.n}.",
        )
    elif nowhere_farther(near) and favoured(near):
        if not lasting(near):
            answer, reason = "too close for this budget", _too_close(near, budget)
        elif reasons:
            answer, reason = "withheld", f"'{near.a}' would be named, but {'; '.join(reasons)}."
        else:
            answer, reason = "named", _named(near, what)
    elif nearer and farther:
        answer, reason = "crossing", _crossing(near, nearer, farther)
    else:
        answer, reason = "not told apart", _not_told_apart(near)
    return Decision(
        comparison=replace(comparison, answer=answer),
        verdict=Verdict(winner=near.a if answer == "named" else None, reason=reason),
    )


def _named(near: Comparison, what: str) -> str:
    return (
        f"judges of this protocol tell the {what} of '{near.b}' from held-out data more surely than those of"
        f" '{near.a}', at no resolution the reverse by more than {near.delta:.3f}: {_mean_text(near)}."
        f" Longer training would not turn it: {_rung_text(near, 'below')}. {SCOPE}"
    )


def _too_close(near: Comparison, budget: Budget) -> str:
    return (
        f"too close for this budget: {_mean_text(near)}, but longer training could turn it:"
        f" even {_rung_text(near, 'not below')}. To tell them apart, {_NEXT_BUDGET[budget]}."
    )


def _crossing(near: Comparison, nearer: Sequence[RungDifference], farther: Sequence[RungDifference]) -> str:
    places = "some resolutions", "other resolutions"
    if nearer[0].sigma > farther[-1].sigma:
        places = "coarse resolution", "fine resolution"
    elif nearer[-1].sigma < farther[0].sigma:
        places = "fine resolution", "coarse resolution"
    return (
        f"'{near.a}' is nearer to the data than '{near.b}' at {places[0]} ({_sigmas(nearer)}), farther at"
        f" {places[1]} ({_sigmas(farther)}), beyond chance after Holm over {len(near.rungs)} levels of noise."
    )


def _not_told_apart(near: Comparison) -> str:
    shown = (
        f"These seeds and samples would show a mean difference of {near.smallest_shown:.4f} in"
        f" {POWER:.0%} of calls."
    )
    worst = max(near.rungs, key=lambda rung: rung.upper - near.delta)
    if favoured(near):
        return (
            f"not told apart at every resolution: {_mean_text(near)}, but at σ = {worst.sigma:.3g} it is not"
            f" excluded that '{near.b}' is nearer by more than {near.delta:.3f}, since the upper limit of the"
            f" difference is {worst.upper:+.4f}. {shown}"
        )
    return f"not told apart: {_mean_text(near)}. {shown}"


def _mean_text(near: Comparison) -> str:
    pairs = "1 pair" if near.holm_tests == 1 else f"{near.holm_tests} pairs"
    return (
        f"G of '{near.a}' − G of '{near.b}', mean over all levels of noise, is {near.mean.value:+.4f}"
        f" [{near.mean.low:+.4f}, {near.mean.high:+.4f}] (p {near.holm_p:.2g} after Holm over {pairs})"
    )


def _rung_text(near: Comparison, relation: str) -> str:
    rung = _surest(near)
    return (
        f"at σ = {rung.sigma:.3g} the upper limit of G of '{near.a}', {max(0.0, rung.g_of_a.upper):.4f},"
        f" divided by κ = {rung.g_of_a.kappa:.2f} is {relation} the lower limit of G of '{near.b}',"
        f" {rung.g_of_b.lower:.4f}"
    )


def _sigmas(rungs: Sequence[RungDifference]) -> str:
    return "σ = " + ", ".join(f"{rung.sigma:.3g}" for rung in rungs)


def _beyond_chance(near: Contrast) -> tuple[list[RungDifference], list[RungDifference]]:
    """Rungs where a is nearer and where it is farther, each beyond chance after Holm over the rungs."""
    sure = [rung for rung in near.rungs if rung.holm_p < ALPHA]
    return (
        [rung for rung in sure if rung.difference.value < 0],
        [rung for rung in sure if rung.difference.value > 0],
    )


def _surest(near: Contrast) -> RungDifference:
    return max(near.rungs, key=_room)


def _room(rung: RungDifference) -> float:
    """By how much G of a stays below that of b after longer training; above 0 where condition 3 holds."""
    return rung.g_of_b.lower - rung.g_of_a.after_training


def _with_holm(contrast: Contrast, p: float, tests: int) -> Comparison:
    parts = {field.name: getattr(contrast, field.name) for field in fields(Contrast)}
    return Comparison(**parts, holm_p=p, holm_tests=tests, answer="not told apart")
