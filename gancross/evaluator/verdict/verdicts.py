"""The verdicts of a pair as a table: what each is about, and what it says of the one it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from gancross.evaluator.codec.fields import Text, declared

SAMPLES, PAIRS = "samples", "(sample, class) pairs"  # what referees judge that see no labels, or see them


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The winner's name, or None, and why."""

    winner: str | None
    reason: Text


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way to compare two contestants.

    Attributes:
        title: what reports call it.
        subject: whom or what it names, in a heading: "whose discriminator …".
        claim: what it says where it names {winner}, with {loser} for the other.
        nobody: what it says where it names nobody.
    """

    title: str
    subject: str
    claim: str
    nobody: str


NOT_JUDGED = Verdict(winner=None, reason="not judged")


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What each rule says of two contestants. A rule is one line here."""

    paper: Annotated[Verdict, Rule(
        title="The paper's rule", subject="whose discriminator is fooled less, as the paper counts",
        claim="{winner}'s discriminator calls fewer of {loser}'s samples real than {loser}'s of {winner}'s",
        nobody="no discriminator is named",
    )] = NOT_JUDGED  # fmt: skip
    discriminator: Annotated[Verdict, Rule(
        title="Discriminator", subject="whose discriminator tells real from generated better, beyond chance",
        claim="{winner}'s discriminator tells real from generated better than {loser}'s, beyond chance",
        nobody="no discriminator is named",
    )] = NOT_JUDGED  # fmt: skip
    generator: Annotated[Verdict, Rule(
        title="Generator", subject="whose samples are nearer to the data at every resolution",
        claim="{winner}'s samples are nearer to the data than {loser}'s, at no resolution the reverse",
        nobody="no generator is named",
    )] = NOT_JUDGED  # fmt: skip
    strict: Annotated[Verdict, Rule(
        title="Strict", subject="whose samples are nearer, where no discriminator speaks against it",
        claim="{winner}'s samples are nearer to the data, and {loser}'s discriminator is not the named one",
        nobody="no model is named",
    )] = NOT_JUDGED  # fmt: skip

    def of(self, rule: str) -> Verdict:
        """The verdict of a key of `RULES`."""
        verdict: Verdict = getattr(self, rule)
        return verdict


NO_VERDICTS = Verdicts()
RULES: Mapping[str, Rule] = declared(Verdicts, Rule)


def about_pairs(rule: Rule) -> Rule:
    """A rule about generators where referees saw labels."""
    subject, claim = (text.replace(SAMPLES, PAIRS) for text in (rule.subject, rule.claim))
    return replace(rule, subject=subject, claim=claim)
