"""What Python calls may pass for numbers: those of numpy count, and records hold Python's."""

from __future__ import annotations

import operator
from typing import Any

from gancross.errors import UsageError


def integer(value: Any, what: str) -> int:
    """A value that counts as an integer.

    Raises:
        UsageError: it does not, as 1.0 and "1" do not.
    """
    try:
        return int(operator.index(value))
    except TypeError:
        raise UsageError(f"{what} must be an integer, got {value!r}") from None


def truth(value: Any, what: str) -> bool:
    """A truth value of Python or numpy.

    Raises:
        UsageError: it is none.
    """
    if type(value).__name__ not in ("bool", "bool_"):
        raise UsageError(f"{what} must be True or False, got {value!r}")
    return bool(value)
