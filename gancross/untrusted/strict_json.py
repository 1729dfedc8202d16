"""Strict parsing of JSON from strangers."""

from __future__ import annotations

import codecs
import json
from typing import Any

LARGEST_INTEGER = 1 << 60  # of keys: larger ones can be chosen to collide
LARGEST_VALUE = (1 << 63) - 1  # the largest that every reader of JSON and torch holds


MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(content: bytes) -> str:
    """A text file in UTF-8, or in what its byte-order mark says, as editors and shells of Windows write it.

    Raises:
        UnicodeDecodeError: it is not that text.
    """
    marked = (encoding for mark, encoding in MARKS.items() if content.startswith(mark))
    return content.decode(next(marked, "utf-8"))


def parsed(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ValueError: it is not standard JSON (NaN and infinities are not), an object has a key twice, an
            integer has more than 63 bits, or it is nested more deeply than Python's parser allows.
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
    if len(digits) > 20 or abs(int(digits)) > LARGEST_VALUE:
        raise ValueError("an integer of more than 63 bits")
    return int(digits)
