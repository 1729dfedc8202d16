"""How many objects that Python's collector follows calls leave behind."""

from __future__ import annotations

import gc
from collections.abc import Callable


def left_objects(call: Callable[[], object], *, calls: int = 3) -> int:
    """More of them after these calls than before, without a collection of the oldest generation.

    The first call, which fills caches, is not counted.
    """
    call()
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*thresholds[:2], 1_000_000)
    try:
        before = len(gc.get_objects())
        for _ in range(calls):
            call()
        return len(gc.get_objects()) - before
    finally:
        gc.set_threshold(*thresholds)
