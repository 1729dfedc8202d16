"""What the JSON Schema of a result cannot say: that its parts speak of the same contestants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, product

from gancross.errors import is_text
from gancross.evaluator.codec.fields import JsonObject, JsonValue
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.figures import CELL_FIGURES
from gancross.evaluator.verdict.verdicts import RULES

DEEPEST = 16


def bad_value(document: JsonObject) -> str | None:
    """Text without bytes, numbers without a value, nesting that no record has; None where all is well."""
    level: list[JsonValue] = [document]
    for _ in range(DEEPEST):
        inner: list[JsonValue] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not is_text(value):
                return f"text that is not Unicode: {value!r:.80}"
            elif isinstance(value, float) and not math.isfinite(value):
                return "a number too large"
        level = inner
    return f"nested deeper than {DEEPEST} levels" if level else None


def contradiction(result: Result) -> str | None:
    """Why a result that keeps to the schema is none of a cross-test; None: it is one."""
    # Each check may rely on those before it, since the first complaint ends them all.
    checks = (_names, _tables, _figures, _pairs, _histograms, _classes)
    return next(chain.from_iterable(check(result) for check in checks), None)


def _names(result: Result) -> Iterator[str]:
    """Whom every part speaks of."""
    names, judges = result.names, set(result.histograms)
    if len(set(names)) != len(names):
        yield "two contestants have one name"
    if not judges <= set(names):
        yield "histograms: not of judges among the contestants"
    of_contestants: dict[str, Iterable[str]] = {
        "confusion": result.confusion, "duality_gap": result.duality_gap,
    }  # fmt: skip
    if not isinstance(result.probes, Missing):
        of_contestants["probes"] = result.probes
    if not isinstance(result.fidelity, Missing):
        of_contestants["fidelity"] = result.fidelity
    if not isinstance(result.referees, Missing):
        of_contestants["referees"] = result.referees.contestants
        of_contestants["referees.controls.copying"] = result.referees.controls.copying
    of_judges: dict[str, Iterable[str]] = {
        "roc": result.roc, "generalisation_gap": result.generalisation_gap, "batch_norm": result.batch_norm,
    }  # fmt: skip
    if not isinstance(result.controls, Missing):
        of_judges["controls"] = result.controls.judges
    for parts, expected, who in (
        (of_contestants, set(names), "contestants"), (of_judges, judges, "judges")
    ):  # fmt: skip
        for key, part in parts.items():
            if set(part) != expected:
                yield f"{key}: not of the {who}"


def _tables(result: Result) -> Iterator[str]:
    """Every judge on every generator, once."""
    names, judges = set(result.names), set(result.histograms)
    expected = {(judge, name) for judge in judges for name in names}
    if len(result.cross) != len(expected) or set(result.cells) != expected:
        yield "cross: not every judge on every generator, once"
    if any(set(curves) != names for curves in result.roc.values()):
        yield "roc: not of the contestants"
    for moves in result.batch_norm.values():
        modes = () if isinstance(moves, Missing) else (moves.modes.eval, moves.modes.batch)
        if any(set(mode.fp) != names for mode in modes):
            yield "batch_norm: not of the contestants"


def _figures(result: Result) -> Iterator[str]:
    """Figures within their ranges, limits in order."""
    for cell in result.cross:
        for key, entry in CELL_FIGURES.items():
            figure = cell.of(key)
            if isinstance(figure, Missing):
                continue
            value = figure.rate if isinstance(figure, Proportion) else figure.value
            if not entry.range[0] <= value <= entry.range[1] or not figure.ci95[0] <= figure.ci95[1]:
                yield f"cross: '{key}' is beyond its range, or its limits are not in order"
    for gap in result.generalisation_gap.values():
        if isinstance(gap, Estimate) and not -1 <= gap.low <= gap.high <= 1:
            yield "generalisation_gap: beyond −1…1, or its limits are not in order"
    ranked = result.ranking.discriminators
    if not isinstance(ranked, Missing) and any(entry.hardest not in result.names for entry in ranked):
        yield "ranking: of somebody who did not take part"


def _pairs(result: Result) -> Iterator[str]:
    """All pairs, each once, with winners that took part."""
    pairs = {frozenset((pair.a, pair.b)) for pair in result.pairs}
    expected = {frozenset((a, b)) for a in result.names for b in result.names if a != b}
    if len(result.pairs) != len(expected) or pairs != expected:
        yield "pairs: not every two contestants, once"
    for pair in result.pairs:
        if any(pair.verdict.of(rule).winner not in (None, pair.a, pair.b) for rule in RULES):
            yield "pairs: a winner that did not take part"


def _histograms(result: Result) -> Iterator[str]:
    """Edges that rise, a count for every bin."""
    for histogram in result.histograms.values():
        edges = histogram.edges
        if not all(low < high for low, high in pairwise(edges)) or not math.isfinite(edges[-1] - edges[0]):
            yield "histograms: edges do not rise"
        if set(histogram.generators) != set(result.names):
            yield "histograms: not of the contestants"
        for counts in (histogram.real, *histogram.generators.values()):
            if len(counts) != len(edges) - 1:
                yield "histograms: a count for every bin is needed"


def _classes(result: Result) -> Iterator[str]:
    """Figures by class: of all judges, of generators that took part, an entry for every class."""
    figures = result.classes
    if figures is None:
        return
    judges, generators = set(result.histograms), set(figures.num_generated)
    with_reals = set() if isinstance(figures.num_real, Missing) else judges
    if set(figures.group_sizes) != judges or set(figures.reals) != with_reals:
        yield "classes: not of the judges"
    pairs = [(entry.judge, entry.generator) for entry in figures.cross]
    if not generators <= set(result.names) or sorted(pairs) != sorted(product(judges, generators)):
        yield "classes: not every judge on every generator with classes, once"
    lists: list[Sequence[object]] = [*figures.num_generated.values()]
    lists += [] if isinstance(figures.num_real, Missing) else [figures.num_real]
    lists += [entry.classes for entry in figures.reals.values()]
    lists += [entry.classes for entry in figures.cross]
    if any(len(entries) != len(figures.names) for entries in lists):
        yield "classes: an entry for every class is needed"
