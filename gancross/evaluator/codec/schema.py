"""The JSON Schema of a dataclass, from the same declarations that encode it."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from gancross.evaluator.codec.fields import Items, JsonObject, Pattern, Range, Spec, alternatives, specs
from gancross.evaluator.estimates import Estimate, Missing, Proportion

DRAFT = "https://json-schema.org/draft/2020-12/schema"
PRIMITIVES: dict[Any, JsonObject] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    type(None): {"type": "null"},
}  # fmt: skip
REASONS: JsonObject = {"_reason$": {"type": "string"}}
INTERVAL: JsonObject = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


def schema(kind: type[Any], *, name: str, title: str, description: str) -> JsonObject:
    """The schema of a document: objects by the names of their classes under `$defs`.

    Unknown keys are refused, but for the reasons of missing figures and where a mapping stands inline.
    """
    definitions: JsonObject = {}
    body = _object(kind, definitions)
    head: JsonObject = {"$schema": DRAFT, "$id": name, "title": title, "description": description}
    return {**head, **body, "$defs": dict(sorted(definitions.items()))}


def _schema(kind: Any, definitions: JsonObject) -> JsonObject:  # noqa: PLR0911  # one return a kind
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _schema(arguments[0], definitions) | _limits(arguments[1])
    options = [option for option in alternatives(kind) if option is not Missing]
    if len(options) > 1:
        return _any_of([_schema(option, definitions) for option in options])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple and arguments[-1] is not Ellipsis:
        n = len(arguments)
        return {"type": "array", "items": _schema(arguments[0], definitions), "minItems": n, "maxItems": n}
    if origin in (tuple, list, Sequence):
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin in (Mapping, dict):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if dataclasses.is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]
        if name not in definitions:
            definitions[name] = {}  # so that a class that holds itself ends
            definitions[name] = _object(typing.cast(type[Any], kind), definitions)
        return {"$ref": f"#/$defs/{name}"}
    return dict(PRIMITIVES.get(kind, {}))


def _object(kind: type[Any], definitions: JsonObject) -> JsonObject:
    closed: JsonObject = {"type": "object", "additionalProperties": False}
    properties: JsonObject = {}
    required: list[Any] = []
    if kind is Proportion:
        properties = {
            "count": {"type": "integer", "minimum": 0}, "n": {"type": "integer", "minimum": 1},
            "rate": {"type": "number", "minimum": 0, "maximum": 1}, "ci95": INTERVAL,
        }  # fmt: skip
        return {**closed, "properties": properties, "required": list(properties)}
    if issubclass(kind, Estimate):
        properties, required = {"value": {"type": "number"}, "ci95": INTERVAL}, ["value", "ci95"]
    whole: JsonObject = {
        **closed,
        "patternProperties": REASONS,
        "properties": properties,
        "required": required,
    }
    for spec in specs(kind):
        if issubclass(kind, Estimate) and spec.name in ("value", "low", "high"):
            continue
        place = whole
        if spec.how.within is not None:
            if spec.how.within not in properties:
                properties[spec.how.within] = _empty()
                required.append(spec.how.within)
            place = typing.cast(JsonObject, properties[spec.how.within])
        _add(place, spec, definitions)
    return whole


def _empty() -> JsonObject:
    return {
        "type": "object", "additionalProperties": False, "patternProperties": REASONS, "properties": {},
        "required": [],
    }  # fmt: skip


def _add(place: JsonObject, spec: Spec, definitions: JsonObject) -> None:
    properties, required = (
        typing.cast(JsonObject, place["properties"]),
        typing.cast(list[Any], place["required"]),
    )
    if spec.how.inline and dataclasses.is_dataclass(spec.kind):
        inner = _object(typing.cast(type[Any], spec.kind), definitions)
        properties |= typing.cast(JsonObject, inner["properties"])
        required += typing.cast(list[Any], inner["required"])
        return
    if spec.how.inline:
        place["additionalProperties"] = _nullable(_schema(typing.get_args(spec.kind)[1], definitions))
        return
    if spec.how.nulls:
        member = _schema(typing.get_args(spec.kind)[1], definitions)
        entry: JsonObject = {
            "type": "object",
            "additionalProperties": _any_of([member, _nulls(spec.how.nulls)]),
        }
    else:
        entry = _schema(spec.kind, definitions)
    if spec.may_be_missing or spec.may_be_none:
        entry = _nullable(entry)
    if spec.how.description:
        entry = {**entry, "description": spec.how.description}
    properties[spec.key] = entry
    if not spec.how.absent:
        required.append(spec.key)


def _nulls(keys: tuple[str, ...]) -> JsonObject:
    """An entry whose figures are missing."""
    return {**_empty(), "properties": {key: {"type": "null"} for key in keys}, "required": list(keys)}


def _nullable(inner: JsonObject) -> JsonObject:
    return inner if not inner else _any_of([inner, PRIMITIVES[type(None)]])


def _any_of(options: list[JsonObject]) -> JsonObject:
    """One of these; primitives without limits in short."""
    flat: list[JsonObject] = []
    for option in options:
        inner = option.get("anyOf")
        flat += typing.cast(list[JsonObject], inner) if isinstance(inner, list) else [option]
    if all(set(option) == {"type"} and isinstance(option["type"], str) for option in flat):
        return {"type": [option["type"] for option in flat]}
    return {"anyOf": typing.cast(list[Any], flat)}


def _limits(limit: object) -> JsonObject:
    if isinstance(limit, Range):
        ends = {"minimum": limit.low, "maximum": limit.high}
        return {key: value for key, value in ends.items() if value is not None}
    if isinstance(limit, Items):
        sizes = {"minItems": limit.least or None, "maxItems": limit.most}
        return {key: value for key, value in sizes.items() if value is not None}
    return {"pattern": limit.expression} if isinstance(limit, Pattern) else {}
