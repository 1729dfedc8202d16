"""The two verdicts of the first screen in a sentence each: whose samples, and whose discriminator.

Reasons in full, and what was not tested, are in the verdicts of the pairs.
"""

from __future__ import annotations

from collections import Counter

from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.referees.decision import FEWEST, favoured
from gancross.evaluator.referees.records import Comparison
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.paper import SCOPE
from gancross.evaluator.verdict.verdicts import RULES
from gancross.report import formatting
from gancross.report.text.class_sentences import headline_sentence
from gancross.report.text.referee_checks import FAILED, checks

ALONE = "One contestant alone has no verdict."
UNTOLD = "own discriminators cannot tell whose samples are nearer to the data"


def verdict_sentences(result: Result) -> list[str]:
    """Whose samples are nearer to the data; whose discriminator is fooled less by the paper's rule.

    Where classes differ, the one that differs most surely.
    """
    about_classes = headline_sentence(result)
    return [*_verdicts(result), *([] if about_classes is None else [about_classes])]


def _verdicts(result: Result) -> list[str]:
    if not result.pairs:
        return [ALONE]
    if len(result.pairs) == 1:
        return [generator_sentence(result, result.pairs[0]), paper_sentence(result, result.pairs[0])]
    return [generators_sentence(result), papers_sentence(result)]


# Two contestants


def generator_sentence(result: Result, pair: Pair) -> str:
    """Whose samples are nearer to the data, beyond which chance; or why nobody is named."""
    comparison = _comparison(result, pair)
    if comparison is None:
        return f"{_nobody('generator')}: {_unrefereed(result)}."
    near = comparison.nearer_first()
    if near.answer == "named":
        outcome = formatting.outcome(pair, formatting.rules(result)["generator"], pair.verdict.generator)
        return f"{outcome} ({_p(near.holm_p, near.holm_tests)})."
    if near.answer == "no name":
        return f"{_nobody('generator')} with fewer than {FEWEST} reals or samples: there are {near.n}."
    return f"{_nobody('generator')}: {_why_nobody(result, near)}."


def paper_sentence(result: Result, pair: Pair) -> str:
    """Whose discriminator the paper's rule names, by which rates; or why it names none."""
    fps = cross_rates(result, pair)
    winner = pair.verdict.paper.winner
    if winner is None or fps is None:
        equal = None if fps is None else f"both have the cross-testing FP {paper_rate(fps[pair.a][0])}"
        return _paper_names_nobody(result, equal)
    loser = formatting.unnamed(pair, winner)
    (fp, fn), (other_fp, other_fn) = fps[winner], fps[loser]
    chance = "" if isinstance(pair.holm_p, Missing) else f" ({_p(pair.holm_p, pair.holm_tests)})"
    return (
        f"By the paper's rule {winner}'s discriminator is fooled less than {loser}'s: cross-testing FP"
        f" {paper_rate(fp)} against {paper_rate(other_fp)}{chance}, FN {paper_rate(fn)} against"
        f" {paper_rate(other_fn)}."
    )


def cross_rates(result: Result, pair: Pair) -> dict[str, tuple[float, float]] | None:
    """Cross-testing FP and FN of both contestants by name; None where one makes no decisions."""
    rates = {}
    for judge, generator in ((pair.a, pair.b), (pair.b, pair.a)):
        cell, matrix = result.cells.get((judge, generator)), result.confusion[judge]
        if cell is None or not isinstance(cell.fp, Proportion) or isinstance(matrix, Missing):
            return None
        rates[judge] = (cell.fp.rate, matrix.fn.rate)
    return rates


# More than two


def generators_sentence(result: Result) -> str:
    """Whose samples are nearer to the data than those of all others; or who comes nearest to that."""
    referees = result.referees
    if isinstance(referees, Missing):
        return f"{_nobody('generator')}: {_unrefereed(result)}."
    what = referees.what
    lowest = min(referees.contestants, key=lambda name: referees.contestants[name].detectability.value)
    before = times_named(result, "generator")
    others = len(result.names) - 1
    leader = max([lowest, *before], key=lambda name: before.get(name, 0))
    if before.get(leader, 0) == others:
        p = max(entry.holm_p for entry in referees.comparisons if leader in (entry.a, entry.b))
        return (
            f"{leader}'s {what} are nearer to the data than those of each of the {others} others, at no"
            f" resolution the reverse ({_p(p, referees.comparisons[0].holm_tests)}, or less)."
        )
    return (
        f"{_nobody('generator')} before all others: {lowest}'s {what} have the lowest D, and are"
        f" named nearer to the data in {before.get(lowest, 0)} of their {others} pairs."
    )


def papers_sentence(result: Result) -> str:
    """Whose discriminator the paper's rule names in most pairs, beyond which chance in the least sure one."""
    named = times_named(result, "paper")
    if not named:
        return _paper_names_nobody(result)
    most, others = max(named.values()), len(result.names) - 1
    first, *alike = (name for name in result.names if named.get(name) == most)
    who, each = f"{first}'s discriminator is", "its"
    if alike:
        who, each = (
            f"{first}'s and {len(alike)} other discriminator{'s' * (len(alike) > 1)} are each",
            "their",
        )
    share = f"{'all' if most == others else most} of {each} {others} pairs"
    told = [pair for pair in result.pairs if pair.verdict.paper.winner in (first, *alike)]
    ps = [pair.holm_p for pair in told if not isinstance(pair.holm_p, Missing)]
    chance = f" ({_p(max(ps), told[0].holm_tests)}, or less)" if len(ps) == len(told) else ""
    return f"By the paper's rule {who} fooled less than the other's in {share}, the most of all{chance}."


def times_named(result: Result, rule: str) -> dict[str, int]:
    """In how many pairs a rule names each contestant; those that it never names are not there."""
    winners = Counter(pair.verdict.of(rule).winner for pair in result.pairs)
    return {name: count for name, count in winners.items() if name is not None}


def _comparison(result: Result, pair: Pair) -> Comparison | None:
    if isinstance(result.referees, Missing):
        return None
    both = {pair.a, pair.b}
    return next((entry for entry in result.referees.comparisons if {entry.a, entry.b} == both), None)


def _nobody(rule: str) -> str:
    return formatting.sentence(RULES[rule].nobody)


def _paper_names_nobody(result: Result, reason: str | None = None) -> str:
    if reason is None:
        reason = result.pairs[0].verdict.paper.reason.removesuffix(SCOPE).rstrip(". ")
    reason = reason if result.judges else "no discriminator judged"
    return f"By the paper's rule {RULES['paper'].nobody}: {reason}."


def _unrefereed(result: Result) -> str:
    reason = result.referees.reason if isinstance(result.referees, Missing) else "not compared by referees"
    return f"{reason}, and {UNTOLD}"


def _why_nobody(result: Result, near: Comparison) -> str:
    p, what = _p(near.holm_p, near.holm_tests), formatting.refereed_things(result)
    lower = f"{near.a}'s {what} have a lower D than {near.b}'s ({p})"
    if near.answer == "too close for this budget":
        return f"{lower}, but longer training of the referees could turn it"
    if near.answer == "withheld":
        return f"{lower}, but {_failed_checks(result)}"
    if near.answer == "crossing":
        return (
            f"{near.a}'s {what} are nearer to the data than {near.b}'s at some levels of noise, farther at"
            " others"
        )
    if favoured(near):
        return f"{lower}, but {near.b}'s may be nearer to the data at some level of noise"
    return f"D of {near.a}'s {what} and that of {near.b}'s do not differ beyond chance ({p})"


def _failed_checks(result: Result) -> str:
    assert not isinstance(result.referees, Missing)
    failed = dict.fromkeys(
        check.title.lower() for check in checks(result.referees) if check.outcome == FAILED
    )
    return f"the referees fail the check{'' if len(failed) == 1 else 's'} of {', '.join(failed)}"


def _p(p: float, tests: int) -> str:
    """`p 3e-05`, and that it is adjusted where there were several tests."""
    return f"p {formatting.p_value(p)}" + (f", adjusted for {tests} pairs" if tests > 1 else "")
