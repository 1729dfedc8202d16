"""Results with some figures replaced, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gancross import Result
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.figures import ConfusionMatrix
from gancross.evaluator.verdict.figures import Cell

T = TypeVar("T")


def changed(parent: T, path: str, **fields: Any) -> T:
    """The dataclass with fields of a part of it replaced; `protocol.data` is such a part, "" the whole."""
    if not path:
        return replace(parent, **fields)  # type: ignore[type-var]
    name, _, rest = path.partition(".")
    return replace(parent, **{name: changed(getattr(parent, name), rest, **fields)})  # type: ignore[type-var]


def matrix_of(result: Result, name: str) -> ConfusionMatrix:
    matrix = result.confusion[name]
    assert not isinstance(matrix, Missing)
    return matrix


def with_fn(result: Result, name: str, fn: Proportion) -> Result:
    """The result with another FN of a contestant."""
    return replace(result, confusion={**result.confusion, name: replace(matrix_of(result, name), fn=fn)})


def with_cells(result: Result, cells: Mapping[tuple[str, str], Cell]) -> Result:
    """The result with some cells replaced."""
    return replace(
        result, cross=tuple(cells.get((cell.judge, cell.generator), cell) for cell in result.cross)
    )


def with_contestants(result: Result, methods: Mapping[str, Sequence[str]]) -> Result:
    """The result with runs of methods for contestants, all alike; without cells, matrices and referees."""
    template = result.contestants[0]
    contestants = [
        replace(template, name=name, method=method) for method, names in methods.items() for name in names
    ]
    names = [contestant.name for contestant in contestants]
    return replace(
        result, contestants=tuple(contestants), cross=(), fidelity=Missing("none"),
        referees=Missing("none"),
        confusion=dict.fromkeys(names, Missing("none")),
    )  # fmt: skip
