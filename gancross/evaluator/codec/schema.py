"""The JSON Schema of a dataclass, from the same declarations that encode it."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from gancross.evaluator.codec.fields import Items, JsonObject, Pattern, Range, Spec, alternatives, specs
from gancross.evaluator.codec.points import Points
from gancross.evaluator.estimates import Estimate, Missing, Proportion

Schema = dict[str, Any]

PRIMITIVES: dict[Any, Schema] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    type(None): {"type": "null"},
}  # fmt: skip
INTERVAL: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
NUMBERS: dict[type, Schema] = {
    Proportion: {
        "count": {"type": "integer", "minimum": 0}, "n": {"type": "integer", "minimum": 1},
        "rate": {"type": "number", "minimum": 0, "maximum": 1}, "ci95": INTERVAL,
        "effective_n": {"type": "number", "exclusiveMinimum": 0},
    },
    Estimate: {"value": {"type": "number"}, "ci95": INTERVAL},
}  # fmt: skip
OPTIONAL = ("effective_n",)  # of `NUMBERS`: left out where they are None


def schema(kind: type[Any], *, name: str, title: str, description: str) -> JsonObject:
    """The schema of a document: objects by the names of their classes under `$defs`.

    Unknown keys are refused, but for the reasons of missing figures and where a mapping stands inline.
    """
    definitions: dict[str, Schema] = {}
    body = _object(kind, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": name, "title": title}
    return {**head, "description": description, **body, "$defs": dict(sorted(definitions.items()))}


def _schema(kind: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: PLR0911  # one return a kind
    options = [option for option in alternatives(kind) if option is not Missing]
    if len(options) > 1:
        return {"anyOf": [_schema(option, definitions) for option in options]}
    kind = options[0]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _schema(arguments[0], definitions) | _limits(arguments[1])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (tuple, list, Sequence, Points):
        items = {"type": "array", "items": _schema(arguments[0], definitions)}
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        return items | ({"minItems": len(arguments), "maxItems": len(arguments)} if fixed else {})
    if origin in (Mapping, dict):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if not dataclasses.is_dataclass(kind):
        return dict(PRIMITIVES.get(kind, {}))
    whole = typing.cast(type[Any], kind)
    if whole.__name__ not in definitions:
        definitions[whole.__name__] = {}  # so that a class that holds itself ends
        definitions[whole.__name__] = _object(whole, definitions)
    return {"$ref": f"#/$defs/{whole.__name__}"}


def _object(kind: type[Any], definitions: dict[str, Schema]) -> Schema:
    numbers = next((entries for base, entries in NUMBERS.items() if issubclass(kind, base)), {})
    fields = [spec for spec in specs(kind) if spec.name not in (*numbers, "low", "high") or not numbers]
    whole = _fields([spec for spec in fields if spec.how.within is None], definitions)
    inner = {
        name: _fields([spec for spec in fields if spec.how.within == name], definitions)
        for name in sorted({spec.how.within for spec in fields if spec.how.within is not None})
    }
    whole["properties"] |= numbers | inner
    whole["required"] += [*(key for key in numbers if key not in OPTIONAL), *inner]
    return whole


def _fields(fields: Sequence[Spec], definitions: dict[str, Schema]) -> Schema:
    whole: Schema = {
        "type": "object", "properties": {}, "required": [], "additionalProperties": False,
        "patternProperties": {"_reason$": {"type": "string"}},
    }  # fmt: skip
    for spec in fields:
        if spec.how.inline and dataclasses.is_dataclass(spec.kind):
            inner = _object(typing.cast(type[Any], spec.kind), definitions)
            whole["properties"] |= inner["properties"]
            whole["required"] += inner["required"]
        elif spec.how.inline:
            whole["additionalProperties"] = _nullable(_schema(typing.get_args(spec.kind)[1], definitions))
        else:
            whole["properties"][spec.key] = _property(spec, definitions)
            whole["required"] += [] if spec.how.absent else [spec.key]
    return whole


def _property(spec: Spec, definitions: dict[str, Schema]) -> Schema:
    entry = _schema(spec.kind, definitions)
    if spec.how.nulls:
        nulls = {**_fields([], definitions), "required": list(spec.how.nulls)}
        nulls["properties"] = {key: {"type": "null"} for key in spec.how.nulls}
        if typing.get_origin(spec.kind) is Mapping:
            entry["additionalProperties"] = {"anyOf": [entry["additionalProperties"], nulls]}
        else:
            entry = {"anyOf": [entry, nulls]}
    elif spec.may_be_missing or spec.may_be_none:
        entry = _nullable(entry)
    return entry | ({"description": spec.how.description} if spec.how.description else {})


def _nullable(entry: Schema) -> Schema:
    return {"anyOf": [entry, {"type": "null"}]} if entry else entry


def _limits(limit: object) -> Schema:
    limits: Schema = {}
    if isinstance(limit, Pattern):
        limits = {"pattern": limit.expression}
    if isinstance(limit, Range):
        limits = {"minimum": limit.low, "maximum": limit.high}
    if isinstance(limit, Items):
        limits = {"minItems": limit.least, "maxItems": limit.most}
    return {key: end for key, end in limits.items() if end is not None}
