"""How a contestant's outputs are reduced, and what a record says of it; `outputs` reduces them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gancross.errors import printable

Reduction = str | Callable[[Any], object]
CALLABLE = "callable:"  # begins what is recorded of a function


def recorded_reduction(how: Reduction | None) -> str | None:
    """A name as it is; `callable:` and the qualified name of a function."""
    if how is None or isinstance(how, str):
        return how
    named = getattr(how, "func", how)  # a partial function has none of its own
    return CALLABLE + printable(getattr(named, "__qualname__", type(how).__qualname__), limit=200)
