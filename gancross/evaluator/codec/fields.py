"""How the fields of a dataclass stand in JSON: said where the field is declared, read by encoder and schema.

    class Ranking:
        generators: tuple[RankedGenerator, ...] | Missing              # null, generators_reason beside it
        methods: Annotated[Mapping[str, str], Recorded(inline=True)]   # its keys stand among the parent's
        cache: Annotated[Array | None, Recorded(skipped=True)] = None    # in memory alone
        share: Annotated[float, Range(0, 1)]                           # a narrower type

A field without a word stands under its own name.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union

from gancross.evaluator.estimates import Missing

T = TypeVar("T")
JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """How one field is recorded.

    Attributes:
        key: its name in JSON; the field's own by default.
        within: name of the object in JSON that holds it, beside the fields of the same `within`.
        inline: the entries of its own object stand among those of its parent.
        nulls: keys of a figure, or of an entry of a mapping, that is `Missing`: null, each with the reason.
        absent: whether None leaves the key out; null otherwise.
        skipped: whether it is in memory alone.
        description: for the JSON Schema.
    """

    key: str | None = None
    within: str | None = None
    inline: bool = False
    nulls: tuple[str, ...] = ()
    absent: bool = False
    skipped: bool = False
    description: str = ""


@dataclass(frozen=True)
class Range:
    """A number's limits, both included."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Pattern:
    """A regular expression that a text contains."""

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
Text = Annotated[str, Pattern(r"[\s\S]")]  # not empty; "." matches no line break


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One field of a dataclass as the codec sees it; `kind` is its type without `Missing` and None."""

    name: str
    key: str
    kind: Any
    may_be_missing: bool
    may_be_none: bool
    how: Recorded


_SPECS: dict[type[Any], tuple[Spec, ...]] = {}


def specs(kind: type[Any]) -> tuple[Spec, ...]:
    """The recorded fields of a dataclass, in their order."""
    if kind not in _SPECS:
        hints = typing.get_type_hints(kind, include_extras=True)
        every = [_spec(field.name, hints[field.name]) for field in dataclasses.fields(kind)]
        _SPECS[kind] = tuple(spec for spec in every if not spec.how.skipped)
    return _SPECS[kind]


def declared(kind: type[Any], note: type[T]) -> dict[str, T]:
    """The annotations of one class on a dataclass's fields, by the names of the fields: a table."""
    hints = typing.get_type_hints(kind, include_extras=True)
    notes = {field.name: annotation(hints[field.name], note) for field in dataclasses.fields(kind)}
    return {name: entry for name, entry in notes.items() if entry is not None}


def annotation(hint: Any, kind: type[Any]) -> Any:
    """The first annotation of that class on a type; None where there is none."""
    notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, kind)), None)


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union; a type that is none is its own only member."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def _spec(name: str, hint: Any) -> Spec:
    how: Recorded = annotation(hint, Recorded) or Recorded()
    limit = annotation(hint, Range) or annotation(hint, Pattern) or annotation(hint, Items)
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    options = alternatives(bare)
    kinds = tuple(option for option in options if option not in (Missing, types.NoneType))
    kind = kinds[0] if len(kinds) == 1 else Union[kinds]  # noqa: UP007
    return Spec(
        name=name, key=how.key or name, how=how, kind=kind if limit is None else Annotated[kind, limit],
        may_be_missing=Missing in options, may_be_none=types.NoneType in options,
    )  # fmt: skip
