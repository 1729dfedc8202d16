"""What the JSON Schema of a result cannot say: that its parts speak of the same contestants."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

DEEPEST = 16

Plain = dict[str, Any]


def unfit(document: Plain) -> str | None:
    """Why a document that keeps to the schema is no result of a cross-test; None: it is one."""
    # Each check may rely on those before it, since the first complaint ends them all.
    return next(
        chain(
            _values(document), _names(document), _tables(document), _pairs(document), _histograms(document)
        ),
        None,
    )


def _values(document: Plain) -> Iterator[str]:
    """Text without bytes, numbers without a value, nesting that no record has."""
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
                yield f"text that is not Unicode: {value!r:.80}"
            elif isinstance(value, float) and not math.isfinite(value):
                yield "a number too large"
        level = inner
    if level:
        yield f"nested deeper than {DEEPEST} levels"


def _names(document: Plain) -> Iterator[str]:
    """Whom every part speaks of."""
    names = [contestant["name"] for contestant in document["contestants"]]
    judges = set(document["histograms"])
    if len(set(names)) != len(names):
        yield "two contestants have one name"
    if not judges or not judges <= set(names):
        yield "histograms: not of judges among the contestants"
    for key in ("confusion", "duality_gap", "fidelity"):
        if document[key] is not None and set(document[key]) != set(names):
            yield f"{key}: not of the contestants"
    for key in ("roc", "generalisation_gap", "batch_norm"):
        if set(document[key]) != judges:
            yield f"{key}: not of the judges"
    if document["controls"] is not None and set(document["controls"]["judges"]) != judges:
        yield "controls: not of the judges"


def _tables(document: Plain) -> Iterator[str]:
    """Every judge on every generator, once."""
    names, judges = set(document["confusion"]), set(document["histograms"])
    met = [(cell["judge"], cell["generator"]) for cell in document["cross"]]
    if len(met) != len(set(met)) or set(met) != {(judge, name) for judge in judges for name in names}:
        yield "cross: not every judge on every generator, once"
    if any(set(curves) != names for curves in document["roc"].values()):
        yield "roc: not of the contestants"
    for entry in document["batch_norm"].values():
        modes = entry["modes"] or {}
        if any(set(modes[mode]["fp"]) != names for mode in ("eval", "batch") if mode in modes):
            yield "batch_norm: not of the contestants"


def _pairs(document: Plain) -> Iterator[str]:
    """All pairs, each once, with winners that took part."""
    names = set(document["confusion"])
    met = [frozenset((pair["a"], pair["b"])) for pair in document["pairs"]]
    wanted = {frozenset((one, other)) for one in names for other in names if one != other}
    if len(met) != len(set(met)) or set(met) != wanted:
        yield "pairs: not every two contestants, once"
    for pair in document["pairs"]:
        if any(pair[rule]["winner"] not in (None, pair["a"], pair["b"]) for rule in ("paper", "strict")):
            yield "pairs: a winner that did not take part"


def _histograms(document: Plain) -> Iterator[str]:
    """Edges that rise, a count for every bin."""
    for histogram in document["histograms"].values():
        edges = histogram["edges"]
        if not all(low < high for low, high in pairwise(edges)) or not math.isfinite(edges[-1] - edges[0]):
            yield "histograms: edges do not rise"
        if set(histogram["generators"]) != set(document["confusion"]):
            yield "histograms: not of the contestants"
        for counts in (histogram["real"], *histogram["generators"].values()):
            if len(counts) != len(edges) - 1:
                yield "histograms: a count for every bin is needed"
