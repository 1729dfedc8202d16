"""Figures that are not finite numbers become missing: no JSON holds them, and no verdict may rest on them."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import numpy as np

from gancross.errors import DivergenceError
from gancross.evaluator.codec.fields import alternatives, specs
from gancross.evaluator.codec.points import Points
from gancross.evaluator.estimates import Missing

T = TypeVar("T")


class _NotFinite(ArithmeticError):
    """A number without a value, beneath a field that may not be missing."""


def with_finite_figures(figures: T) -> T:
    """A dataclass of figures; each that holds NaN or an infinity is `Missing`, with that as its reason.

    Raises:
        DivergenceError: a part that every record has is not finite.
    """
    try:
        checked: T = _checked(figures, type(figures))
    except _NotFinite as error:
        raise DivergenceError(f"{error} in a part of the result that cannot be left out") from None
    return checked


def _checked(value: Any, kind: Any) -> Any:  # noqa: PLR0911  # one return a kind
    """The value itself where all of it is finite."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NotFinite(f"not a finite number: {value}")
        return value
    if isinstance(value, Missing | str) or not isinstance(value, Mapping | Sequence):
        if not dataclasses.is_dataclass(value) or isinstance(value, Missing):
            return value
        parts = {spec.name: (getattr(value, spec.name), spec.kind, spec.may_be_missing)
                 for spec in specs(type(value))}  # fmt: skip
        checked = {name: _or_missing(*part) for name, part in parts.items()}
        changed = {name: entry for name, entry in checked.items() if entry is not parts[name][0]}
        return dataclasses.replace(typing.cast(Any, value), **changed) if changed else value
    if isinstance(value, Points):
        return _checked_points(value)
    if isinstance(value, Sequence) and _all_finite(value):  # counts: a large part of a large record
        return value
    member = _member(kind)
    absent = Missing in alternatives(member)
    if isinstance(value, Mapping):
        entries = {key: _or_missing(entry, member, absent) for key, entry in value.items()}
        return value if all(entries[key] is value[key] for key in value) else entries
    items = [_or_missing(entry, member, absent) for entry in value]
    same = all(item is entry for item, entry in zip(items, value, strict=True))
    return value if same else type(value)(items)  # type: ignore[call-arg]


def _checked_points(points: Points[Any]) -> Points[Any]:
    others = points.array[~np.isfinite(points.array)]
    if others.size:
        raise _NotFinite(f"not a finite number: {others[0]}")
    return points


def _all_finite(values: Sequence[Any]) -> bool:
    """Whether they are finite numbers, nothing else."""
    return {*map(type, values)} <= {int, float} and all(map(math.isfinite, values))


def _or_missing(value: Any, kind: Any, may_be_missing: bool) -> Any:
    try:
        return _checked(value, kind)
    except _NotFinite as error:
        if not may_be_missing:
            raise
        return Missing(str(error))


def _member(kind: Any) -> Any:
    """The type of the entries of a mapping or a sequence; None where it is not declared."""
    if typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    arguments = typing.get_args(kind)
    member = arguments[-1] if typing.get_origin(kind) in (Mapping, dict) and arguments else None
    if member is None and arguments:
        member = arguments[0]
    return typing.get_args(member)[0] if typing.get_origin(member) is Annotated else member
