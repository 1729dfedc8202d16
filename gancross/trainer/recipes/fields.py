"""Dataclass fields with ranges: checking values, parsing them from the command line."""

from __future__ import annotations

import math
import reprlib
import sys
import types
import typing
from collections.abc import Iterable
from dataclasses import field
from typing import Any, Literal

from gancross.errors import UsageError, unknown_name

LARGEST_FLOAT = int(sys.float_info.max)
Setting = bool | int | float | str | None
NeutralField = tuple[str, Setting, str]  # name, value without effect, why it has none


def within(interval: str) -> Any:
    """A required dataclass field whose numbers lie in an interval, e.g. "[0, 1)"."""
    return field(metadata={"interval": interval})


def one_of(names: Iterable[str]) -> Any:
    """A required dataclass field whose value is one of these names."""
    return field(metadata={"names": tuple(names)})


def contains(interval: str, value: float) -> bool:
    """Whether a finite value lies in an interval such as "[0, 1)"; False for NaN."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below and abs(value) < math.inf


def check(name: str, value: object, hint: Any, metadata: Any) -> None:
    """Checks one value against its field's annotation and range; NaN and infinities are refused.

    Raises:
        UsageError: the value has another type or lies outside the range.
    """
    kind, optional = _kind(hint)
    if value is None and optional:
        return
    names = typing.get_args(kind) if typing.get_origin(kind) is Literal else metadata.get("names")
    if names is not None:
        if value not in names:
            raise unknown_name(f"value for {name}", str(value), names)
        return
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < LARGEST_FLOAT else math.inf
    if type(value) is not kind:
        raise UsageError(f"{name} must be {_noun(kind)}, got {reprlib.repr(value)}")
    interval = metadata.get("interval")
    if interval and isinstance(value, int | float) and not contains(interval, value):
        raise UsageError(f"{name} must be a number in {interval}, got {reprlib.repr(value)}")


def parse(key: str, text: str, hint: Any) -> Setting:
    """The value of a field of this type from its text.

    Raises:
        UsageError: the text does not parse.
    """
    kind, optional = _kind(hint)
    if text.lower() == "none" and optional:
        return None
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        value: Setting = kind(text) if kind in (int, float) else text
        return value
    except (ValueError, KeyError):
        raise UsageError(f"--set {key}={text}: {key} must be {_noun(kind)}") from None


def _kind(hint: Any) -> tuple[Any, bool]:
    """The type of a field's values, and whether it may be None as well."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next(kind for kind in kinds if kind is not type(None)), type(None) in kinds


def _noun(kind: type) -> str:
    return {int: "an integer", float: "a number", bool: "true or false", str: "a string"}[kind]
