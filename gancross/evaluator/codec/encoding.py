"""Figures as plain JSON values, and back."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from gancross.errors import is_text
from gancross.evaluator.codec.fields import JsonObject, JsonValue, Spec, alternatives, specs
from gancross.evaluator.codec.points import Points
from gancross.evaluator.estimates import Estimate, Missing, Proportion

NOT_RECORDED = "not measured"

T = TypeVar("T")


def encode(value: object) -> JsonValue:  # noqa: PLR0911  # one return a kind
    """Plain values of a figure, a dataclass of figures, or a collection of them.

    Raises:
        TypeError: a kind of value that no record holds.
    """
    if isinstance(value, str):  # file names may hold bytes that are no text
        return value if is_text(value) else value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Proportion):
        entries: JsonObject = {
            "count": value.count, "n": value.n, "rate": value.rate, "ci95": list(value.ci95),
        }  # fmt: skip
        return entries if value.effective_n is None else {**entries, "effective_n": value.effective_n}
    if isinstance(value, Estimate):
        rest = _object(value, without=("value", "low", "high"))
        return {"value": value.value, "ci95": list(value.ci95), **rest}
    if dataclasses.is_dataclass(value) and not isinstance(value, Missing | type):
        return _object(value)
    if isinstance(value, Mapping):
        return {str(key): encode(entry) for key, entry in value.items()}
    if isinstance(value, Points):
        return typing.cast(JsonValue, value.array.tolist())
    if isinstance(value, Sequence):
        return [encode(entry) for entry in value]
    raise TypeError(f"no JSON for {type(value).__name__}")


def decode(kind: type[T], value: JsonValue) -> T:
    """The inverse of `encode`, of a value that fits `schema(kind)`.

    A figure that is null is `Missing`, with the reason beside it.
    """
    decoded: T = _decode(kind, value)
    return decoded


def _object(value: Any, *, without: tuple[str, ...] = ()) -> JsonObject:
    entries: JsonObject = {}
    for spec in specs(type(value)):
        part, how = getattr(value, spec.name), spec.how
        if spec.name in without or (part is None and how.absent):
            continue
        place = entries if how.within is None else entries.setdefault(how.within, {})
        assert isinstance(place, dict)
        if how.inline:
            for key, entry in part.items() if isinstance(part, Mapping) else _object(part).items():
                _put_one(place, key, entry)
        elif how.nulls and not isinstance(part, Mapping):
            place[spec.key] = _entry(part, how.nulls)
        elif how.nulls:
            place[spec.key] = {name: _entry(entry, how.nulls) for name, entry in part.items()}
        else:
            _put_one(place, spec.key, part)
    return entries


def _put_one(entries: JsonObject, key: str, value: object) -> None:
    if isinstance(value, Missing):
        entries |= {key: None, f"{key}_reason": value.reason}
    else:
        entries[key] = encode(value)


def _entry(value: object, nulls: tuple[str, ...]) -> JsonValue:
    if not isinstance(value, Missing):
        return encode(value)
    entries: JsonObject = {}
    for key in nulls:
        _put_one(entries, key, value)
    return entries


def _decode(kind: Any, value: Any) -> Any:  # noqa: PLR0911  # one return a kind
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _decode(arguments[0], value)
    if len(alternatives(kind)) > 1:
        kinds = [option for option in alternatives(kind) if option not in (Missing, type(None))]
        return None if value is None else _decode(kinds[0], value) if len(kinds) == 1 else value
    if origin is tuple:
        members = arguments if arguments[-1] is not Ellipsis else (arguments[0],) * len(value)
        return tuple(_decode(member, entry) for member, entry in zip(members, value, strict=True))
    if origin is Points:
        return Points(value)
    if origin in (list, Sequence):
        return [_decode(arguments[0], entry) for entry in value]
    if origin in (Mapping, dict):
        return {key: _decode(arguments[1], entry) for key, entry in value.items()}
    if origin is Literal or not dataclasses.is_dataclass(kind):
        return float(value) if kind is float else value
    if kind is Proportion:
        return Proportion(count=value["count"], n=value["n"], effective_n=value.get("effective_n"))
    whole = typing.cast(type[Any], kind)
    ends = dict(zip(("low", "high"), value["ci95"], strict=True)) if issubclass(whole, Estimate) else {}
    return whole(**_fields(whole, value, without=tuple(ends)), **ends)


def _fields(kind: type[Any], entries: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        spec.name: _field(kind, spec, entries if spec.how.within is None else entries[spec.how.within])
        for spec in specs(kind)
        if spec.name not in without
    }


def _field(kind: type[Any], spec: Spec, entries: Mapping[str, Any]) -> Any:
    if spec.how.inline:
        if dataclasses.is_dataclass(spec.kind):
            return _decode(spec.kind, entries)
        known = {other.key for other in specs(kind) if not other.how.inline}
        names = [key for key in entries if key not in known and not key.endswith("_reason")]
        kind = typing.get_args(spec.kind)[1]
        return {name: _nullable(entries, name, kind) for name in names}
    value = entries.get(spec.key)
    if spec.how.absent and spec.key not in entries:
        return None
    if value is None:
        return _missing(entries, spec.key) if spec.may_be_missing else None
    return _with_nulls(spec, value) if spec.how.nulls else _decode(spec.kind, value)


def _with_nulls(spec: Spec, value: Mapping[str, Any]) -> Any:
    key = spec.how.nulls[0]

    def figure(kind: Any, entry: Mapping[str, Any]) -> Any:
        return _missing(entry, key) if entry[key] is None else _decode(kind, entry)

    if typing.get_origin(spec.kind) is not Mapping:
        return figure(spec.kind, value)
    return {name: figure(typing.get_args(spec.kind)[1], entry) for name, entry in value.items()}


def _nullable(entries: Mapping[str, Any], key: str, kind: Any) -> Any:
    if entries[key] is None and Missing in alternatives(kind):
        return _missing(entries, key)
    return _decode(kind, entries[key])


def _missing(entries: Mapping[str, Any], key: str) -> Missing:
    return Missing(entries.get(f"{key}_reason", NOT_RECORDED))
