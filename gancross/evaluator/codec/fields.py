"""How the fields of a dataclass stand in JSON: said where the field is declared, read by encoder and schema.

    class Ranking:
        generators: tuple[RankedGenerator, ...] | Missing         # null, with generators_reason beside it
        methods: Mapping[str, str] = recorded(inline=True)        # its keys stand among the parent's
        cache: Array = not_recorded()                             # in memory alone

A field without a word stands under its own name. `Annotated[float, Range(0, 1)]` narrows a type.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from gancross.evaluator.statistics.estimates import Missing

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

_KEY = "gancross"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """How one field is recorded.

    Attributes:
        key: its name in JSON; the field's own by default.
        within: name of the object in JSON that holds it, beside the fields of the same `within`.
        inline: the entries of its own object stand among those of its parent.
        nulls: keys that an entry of a mapping has, all null, where the entry is `Missing`.
        absent: whether None leaves the key out; null otherwise.
        kept: whether it is recorded at all.
        description: for the JSON Schema.
    """

    key: str | None = None
    within: str | None = None
    inline: bool = False
    nulls: tuple[str, ...] = ()
    absent: bool = False
    kept: bool = True
    description: str = ""


def recorded(*, default: Any = dataclasses.MISSING, metadata: Mapping[str, Any] | None = None,
             **how: Any) -> Any:  # fmt: skip
    """A dataclass field with the attributes of `Recorded`; `metadata` is for readers other than the codec."""
    return dataclasses.field(default=default, metadata={_KEY: Recorded(**how), **(metadata or {})})


def not_recorded(default: Any, *, compare: bool = True) -> Any:
    """A dataclass field that lives in memory alone; what was read from a record has the default."""
    return dataclasses.field(
        default=default, compare=compare, repr=compare, metadata={_KEY: Recorded(kept=False)}
    )


@dataclass(frozen=True)
class Range:
    """A number's limits, both included."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Pattern:
    """A regular expression for a text."""

    expression: str


@dataclass(frozen=True)
class Items:
    """How many items a list has."""

    least: int = 0
    most: int | None = None


Size = Annotated[int, Range(1)]
Count = Annotated[int, Range(0)]
UnitFloat = Annotated[float, Range(0, 1)]
Sha256 = Annotated[str, Pattern("^[0-9a-f]{64}$")]
Name = Annotated[str, Pattern(".")]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One field of a dataclass as the codec sees it.

    Attributes:
        key: its name in JSON.
        kind: its type without `Missing` and None.
        may_be_missing, may_be_none: whether these are among its types.
    """

    name: str
    key: str
    kind: Any
    may_be_missing: bool
    may_be_none: bool
    how: Recorded


@functools.cache
def specs(kind: type) -> tuple[Spec, ...]:
    """The recorded fields of a dataclass, in their order."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):
        how: Recorded = field.metadata.get(_KEY, Recorded())
        if how.kept:
            options = alternatives(hints[field.name])
            kinds = [option for option in options if option not in (Missing, types.NoneType)]
            found.append(
                Spec(
                    name=field.name, key=how.key or field.name, how=how,
                    kind=kinds[0] if len(kinds) == 1 else Union[tuple(kinds)],  # noqa: UP007
                    may_be_missing=Missing in options, may_be_none=types.NoneType in options,
                )
            )  # fmt: skip
    return tuple(found)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union; a type that is none is its own only member."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)
