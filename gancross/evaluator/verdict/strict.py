"""The `generator` and the `strict` verdict of a pair: whose samples are nearer to the data."""

from __future__ import annotations

from gancross.evaluator.verdict.verdicts import SAMPLES, Verdict

NO_REFEREES = Verdict(
    winner=None,
    reason=(
        "no referees were trained: own discriminators cannot tell whose samples are nearer to the data,"
        " since two generators, two discriminators and two thresholds differ at once"
    ),
)


def strict_verdict(*, generator: Verdict, discriminator: Verdict, what: str = SAMPLES) -> Verdict:
    """The model that `generator` names, unless `discriminator` names the other.

    Args:
        generator, discriminator: the verdicts of the same pair.
        what: what the referees judge, in words.
    """
    if generator.winner is None:
        return Verdict(winner=None, reason="the rule about generators names nobody")
    if discriminator.winner not in (None, generator.winner):
        return Verdict(
            winner=None,
            reason=(
                f"the {what} of '{generator.winner}' are nearer to the data, but the discriminator of"
                f" '{discriminator.winner}' tells real from generated better"
            ),
        )
    beside = "names the same one" if discriminator.winner is not None else "names nobody"
    return Verdict(
        winner=generator.winner, reason=f"{generator.reason} The rule about discriminators {beside}."
    )
