"""Results of as many contestants as wished, all figures from the few of a real result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from gancross import Result
from gancross.evaluator.estimates import Measurement, Missing, Proportion
from gancross.evaluator.fidelity.figures import NO_INTERVAL, FidelityFigures
from gancross.evaluator.judging.controls import ControlRates
from gancross.evaluator.judging.figures import Histogram
from gancross.evaluator.referees.records import Comparison, Referees
from gancross.evaluator.result.types import Controls
from gancross.evaluator.tournament.tournament import Ranking
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.strict import strict_verdict
from gancross.evaluator.verdict.verdicts import Verdict, Verdicts

NOT_RENAMED = Missing("the figures are of other contestants")
FID = "frechet_inception_distance"


def long_name(number: int) -> str:
    """40 characters; the end tells one from another."""
    name = f"cifar10-dcgan-gamma0.1-anneal-seed{number:02d}-last"
    return name + "x" * (40 - len(name))


def renamed(result: Result, names: Sequence[str]) -> Result:
    """The result with these contestants: the first has the figures of its first, and so on in turn.

    In every pair the paper's rule names the one with the lower cross-testing FP, and referees the one that
    comes first, unless both have the same figures.
    """
    old = result.names
    source = {name: old[number % len(old)] for number, name in enumerate(names)}
    by_name = {contestant.name: contestant for contestant in result.contestants}
    cells = tuple(
        replace(result.cells[source[judge], source[generator]], judge=judge, generator=generator)
        for judge in names for generator in names
        if (source[judge], source[generator]) in result.cells
    )  # fmt: skip
    assert not isinstance(result.controls, Missing) and not isinstance(result.probes, Missing)
    judges = [name for name in names if source[name] in result.histograms]
    rates: Mapping[str, ControlRates] = {
        name: result.controls.judges[source[name]] for name in names if source[name] in result.controls.judges
    }
    whole = replace(
        result, contestants=tuple(replace(by_name[source[name]], name=name) for name in names), cross=cells,
        confusion={name: result.confusion[source[name]] for name in names},
        histograms={judge: _histogram(result.histograms[source[judge]], source) for judge in judges},
        roc={
            judge: {name: result.roc[source[judge]][source[name]] for name in names} for judge in judges
        },
        probes={name: result.probes[source[name]] for name in names},
        generalisation_gap={judge: result.generalisation_gap[source[judge]] for judge in judges},
        batch_norm=dict.fromkeys(judges, NOT_RENAMED),
        ranking=Ranking(generators=NOT_RENAMED, discriminators=NOT_RENAMED, bradley_terry=NOT_RENAMED),
        duality_gap={name: result.duality_gap[source[name]] for name in names},
        controls=Controls(judges=rates, references=result.controls.references),
        referees=_renamed_referees(result.referees, names, source),
    )  # fmt: skip
    pairs = tuple(_pair(result.pairs[0], a, b, whole) for a, b in combinations(names, 2))
    return replace(whole, pairs=pairs, verdict=pairs[0].verdict if len(pairs) == 1 else result.verdict)


def _histogram(histogram: Histogram, source: Mapping[str, str]) -> Histogram:
    generators = {name: histogram.generators[old] for name, old in source.items()}
    return replace(histogram, generators=generators)


def with_fid(result: Result) -> Result:
    """The result with a FID of every contestant."""
    return replace(result, fidelity={
        name: FidelityFigures(n=1000, figures={FID: Measurement(value=7.0625 * (i + 1), ci95=NO_INTERVAL)})
        for i, name in enumerate(result.names)
    })  # fmt: skip


def _renamed_referees(
    referees: Referees | Missing, names: Sequence[str], source: Mapping[str, str]
) -> Referees | Missing:
    if isinstance(referees, Missing):
        return referees
    template = max(referees.comparisons, key=lambda entry: abs(entry.mean.value)).nearer_first()
    cross = {(cell.judge, cell.generator): cell for cell in referees.cross.cells}
    return replace(
        referees, contestants={name: referees.contestants[source[name]] for name in names},
        comparisons=tuple(_comparison(template, a, b, source) for a, b in combinations(names, 2)),
        cross=replace(
            referees.cross, fn={name: referees.cross.fn[source[name]] for name in names},
            cells=tuple(
                replace(cross[source[judge], source[generator]], judge=judge, generator=generator)
                for judge in names for generator in names
            ),
        ),
        controls=replace(
            referees.controls, dominance=(),
            copying={name: referees.controls.copying[source[name]] for name in names},
        ),
    )  # fmt: skip


def _comparison(template: Comparison, a: str, b: str, source: Mapping[str, str]) -> Comparison:
    if source[a] == source[b]:
        equal = replace(template.mean, value=0.0, low=-0.01, high=0.01)
        return replace(template, a=a, b=b, mean=equal, holm_p=1.0, answer="not told apart")
    order = list(dict.fromkeys(source.values()))
    first, second = (a, b) if order.index(source[a]) < order.index(source[b]) else (b, a)
    return replace(template, a=first, b=second, answer="named")


def _pair(template: Pair, a: str, b: str, result: Result) -> Pair:
    fps = {judge: result.cells[judge, other].fp for judge, other in ((a, b), (b, a)) if result.judges}
    paper = Verdict(winner=None, reason="not judged")
    known = {name: fp.rate for name, fp in fps.items() if isinstance(fp, Proportion)}
    if len(known) == 2 and len(set(known.values())) == 2:
        paper = Verdict(winner=min(known, key=lambda name: known[name]), reason="lower cross-testing FP")
    discriminator = Verdict(winner=None, reason=NOT_RENAMED.reason)
    generator = replace(template.verdict.generator, winner=None)
    if not isinstance(result.referees, Missing):
        comparison = next(entry for entry in result.referees.comparisons if {entry.a, entry.b} == {a, b})
        winner = comparison.nearer_first().a if comparison.answer == "named" else None
        generator = Verdict(winner=winner, reason="said by referees")
    verdicts = Verdicts(
        paper=paper, discriminator=discriminator, generator=generator,
        strict=strict_verdict(generator=generator, discriminator=discriminator),
    )  # fmt: skip
    return replace(template, a=a, b=b, verdict=verdicts)
