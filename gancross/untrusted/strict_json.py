"""Strict parsing of JSON from strangers."""

from __future__ import annotations

import json
from typing import Any

LARGEST_INTEGER = 1 << 60  # larger ones can be chosen to collide as keys, and overflow as floats


def parsed(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ValueError: it is not standard JSON (NaN and infinities are not), an object has a key twice, an
            integer has more than 60 bits, or it is nested more deeply than Python's parser allows.
    """
    text = content if isinstance(content, str) else content.decode()
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    collected = dict(pairs)
    if len(collected) != len(pairs):
        raise ValueError("an object has a key twice")
    return collected


def _constant(constant: str) -> float:
    raise ValueError(f"expected standard JSON, got {constant}")


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > LARGEST_INTEGER:
        raise ValueError("an integer of more than 60 bits")
    return int(digits)
