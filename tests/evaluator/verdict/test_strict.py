"""The `strict` verdict: the model that the rule about generators names, unless discriminators object."""

from __future__ import annotations

import pytest

from gancross.evaluator.verdict.strict import NO_REFEREES, strict_verdict
from gancross.evaluator.verdict.verdicts import RULES, Verdict


def named(winner: str | None) -> Verdict:
    return Verdict(winner=winner, reason="because")


@pytest.mark.parametrize(
    ("generator", "discriminator", "strict"),
    [
        ("a", "a", "a"), ("a", None, "a"), ("b", None, "b"), ("a", "b", None), ("b", "a", None),
        (None, "a", None), (None, None, None),
    ],
)  # fmt: skip
def test_a_model_is_named_where_neither_rule_names_another(
    generator: str | None, discriminator: str | None, strict: str | None
) -> None:
    verdict = strict_verdict(generator=named(generator), discriminator=named(discriminator))
    assert verdict.winner == strict and verdict.reason


def test_without_referees_nobody_is_named_whatever_discriminators_say() -> None:
    assert strict_verdict(generator=NO_REFEREES, discriminator=named("a")).winner is None


def test_every_claim_says_whose_of_what() -> None:
    for rule in RULES.values():
        claim = rule.claim.format(winner="one", loser="two")
        assert claim.startswith(("one's discriminator", "one's samples")) and "two's" in claim
