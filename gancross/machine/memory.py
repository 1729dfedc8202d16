"""Memory that the process has freed goes back to the system.

glibc keeps freed blocks for the next request. Those of torch lie at round addresses, so that few of them
serve the next one of the same length: over 50,000 images of 64×64 pixels 1.0 GiB in use grew to more than
twice that.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

GROWTH = 64 << 20  # bytes
INTERVAL = 0.25  # seconds
_STATM = Path("/proc/self/statm")  # in pages: all memory, resident memory, …

_lock = threading.Lock()
_seen_at = 0.0
_usual: int | None = 0  # bytes; None: memory was just given back
_least = 0  # bytes, when memory was last given back


def hand_back(*, between_works: bool = False) -> None:
    """Gives freed memory back, where the process has grown by `GROWTH` since a while after it last did.

    A while, for what the next chunks need again is no growth: the system gives it page by page, which takes
    time. It looks at most every `INTERVAL`. Where the C library is another one than glibc nothing is done.

    Args:
        between_works: what comes next needs other memory than what came before, so growth counts from the
            moment when memory was last given back, and it looks in any case.
    """
    global _seen_at, _usual, _least  # noqa: PLW0603 - of the process, as memory is
    trim, now = _trim(), time.monotonic()
    if trim is None or (now - _seen_at < INTERVAL and not between_works):
        return
    if not _lock.acquire(blocking=False):
        return
    try:
        _seen_at = now
        found = resident()
        before = _least if between_works else _usual
        if before is not None and found - before > GROWTH:
            trim(0)
            _usual, _least = None, resident()
        else:
            _usual = found if _usual is None else min(_usual, found)
    finally:
        _lock.release()


def resident() -> int:
    """Bytes of memory that the process occupies; 0 where the system does not tell."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * mmap.PAGESIZE


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`, which frees whole pages in all of its arenas."""
    if not _STATM.exists():
        return None
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if found is None:
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    trim: Callable[[int], int] = found
    return trim
