"""Whether anybody still waits for what a thread computes: long pieces of work ask between their blocks.

Python can interrupt its main thread alone. After Ctrl-C a crew waits for the pieces that were begun, so a
piece that takes long has to end by itself. Without torch, since statistics are imported by reports.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_local = threading.local()


class UnwantedError(BaseException):
    """Ends a piece of work in a thread of a crew that ends by an exception; nobody sees it."""


def wanted_while(condition: Callable[[], bool]) -> None:
    """What the calling thread computes from now on is wanted while this holds."""
    _local.condition = condition


def check_wanted() -> None:
    """Between two blocks of work: ends the piece if nobody waits for it.

    Raises:
        UnwantedError: the crew of the calling thread has ended. Never in other threads.
    """
    condition = getattr(_local, "condition", None)
    if condition is not None and not condition():
        raise UnwantedError
