"""What a section needs new runs or cross-tests for."""

from __future__ import annotations

from collections.abc import Sequence

from gancross.evaluator.tournament.methods import FEWEST_RUNS
from reproduction import rules
from reproduction.decisions import inequality, is_permutation
from reproduction.record import Record
from reproduction.tables import by, is_unfinished


def needs(record: Record, *, shortage: str) -> list[str]:
    """The reasons, of a record whose verdict compares groups of runs; empty where there are none.

    Args:
        shortage: of the groups that the verdict compares, from `decisions.shortage`.
    """
    reasons = []
    if record["missing"] or any(map(is_unfinished, record["runs"])):
        reasons.append("its runs to their last step")
    if shortage:
        reasons.append(f"at least {FEWEST_RUNS} runs of every method ({shortage} now)")
    if "verdicts" in record:
        unequal = inequality(by(record["runs"], "variant"))
        if unequal and any(map(is_permutation, record["claims"] or [])):
            reasons.append(f"equally many runs of both methods ({unequal})")
        if rules.discriminator_key(record["verdicts"]) == rules.FIRST_STEPS:
            reasons.append("a cross-test that counts all five steps of the rule about discriminators")
        if rules.has_invalid_tests(record):
            reasons.append("tests under batch statistics by groups")
    return reasons


def line(reasons: Sequence[str]) -> list[str]:
    """The end of a section: `Needs new runs: …`, or nothing."""
    return ["", f"**Needs new runs:** {'; '.join(reasons)}."] if reasons else []


def summary(reasons: dict[str, list[str]]) -> list[str]:
    """The list at the page's head, one line for each section that needs any."""
    if not any(reasons.values()):
        return []
    return [
        "", "**Needs new runs**, as at the end of each section:", "",
        *(f"- {heading}: {'; '.join(texts)}." for heading, texts in reasons.items() if texts),
    ]  # fmt: skip
