"""A result with referees, or with the reason why there are none; verdicts and rankings that rest on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gancross.errors import RefereesNotSaved, ResourceError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.checks import referee_flags
from gancross.evaluator.referees.decision import Decision, favoured
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.referees.saved import RefereeFolder, SavedReferees
from gancross.evaluator.result.types import RefereeCost, Result
from gancross.evaluator.tournament.ranking import RankedGenerator
from gancross.evaluator.verdict.strict import strict_verdict
from gancross.evaluator.verdict.verdicts import SAMPLES, Verdict


def with_clipped_values(result: Result, counts: Mapping[str, int]) -> Result:
    """The result with what its referees' samples show, where no discriminator judged these samples."""
    contestants = tuple(
        replace(record, clipped_values=counts[record.name])
        if record.clipped_values is None and record.name in counts else record
        for record in result.contestants
    )  # fmt: skip
    return replace(result, contestants=contestants)


def unrefereed(result: Result, reason: str) -> Result:
    """The result as it is, with the reason why there are no referees."""
    nobody = Verdict(winner=None, reason=f"no referees: {reason}")
    return _decided(
        replace(result, referees=Missing(reason)),
        {frozenset((pair.a, pair.b)): nobody for pair in result.pairs},
    )


def refereed_result(
    result: Result, referees: Referees, decisions: Sequence[Decision], cost: RefereeCost, *,
    notes: Sequence[str] = (),
) -> Result:  # fmt: skip
    """The result with referees, their flags and cost, and the verdicts and the ranking that rest on them.

    Args:
        notes: on their reals, which become flags.
    """
    verdicts = {frozenset((d.comparison.a, d.comparison.b)): d.verdict for d in decisions}
    flags = tuple(sorted({*result.flags, *referee_flags(referees), *notes}))
    result = replace(
        result, ranking=replace(result.ranking, generators=_ranked(referees), by="detectability")
    )
    provenance = replace(result.provenance, referees=cost)
    result = replace(result, referees=referees, flags=flags, provenance=provenance)
    return _decided(result, verdicts, what=referees.what)


def with_saved_referees(
    result: Result, referees: Sequence[SavedReferees], folder: RefereeFolder | None
) -> Result:
    """The result, once its referees are in the folder.

    Raises:
        RefereesNotSaved: they cannot be written; it holds the result.
    """
    try:
        if folder is not None:
            folder.save(referees)
    except ResourceError as error:
        raise RefereesNotSaved(str(error), result=result) from error
    return result


def _ranked(referees: Referees) -> tuple[RankedGenerator, ...]:
    """By detectability; two of them are not resolved where the mean difference of G may be chance."""
    unresolved = [(entry.a, entry.b) for entry in referees.comparisons if not favoured(entry.nearer_first())]
    ranked = [
        RankedGenerator(
            name=name,
            distance=entry.detectability,
            judges=2 * referees.protocol.options.seeds,
            unresolved=tuple(
                sorted(other for pair in unresolved if name in pair for other in pair if other != name)
            ),
        )
        for name, entry in referees.contestants.items()
    ]
    return tuple(sorted(ranked, key=lambda entry: (entry.distance.value, entry.name)))


def _decided(result: Result, verdicts: Mapping[frozenset[str], Verdict], *, what: str = SAMPLES) -> Result:
    """The result with these verdicts about generators, and what `strict` makes of them."""
    pairs = []
    for pair in result.pairs:
        generator = verdicts[frozenset((pair.a, pair.b))]
        strict = strict_verdict(generator=generator, discriminator=pair.verdict.discriminator, what=what)
        pairs.append(replace(pair, verdict=replace(pair.verdict, generator=generator, strict=strict)))
    whole = pairs[0].verdict if len(pairs) == 1 else result.verdict
    return replace(result, pairs=tuple(pairs), verdict=whole)
