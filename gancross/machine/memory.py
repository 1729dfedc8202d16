"""Freed memory that stays with the process.

glibc gives large freed blocks back to the system and fetches them again page by page. A training step frees
and takes the same blocks thousands of times, and the page faults cost more than what is computed in them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt's names for its parameters
ALL = 2**31 - 1
LARGEST_MMAP_THRESHOLD = 32 << 20  # the most that mallopt takes on 64 bits
MOST_KEPT = 2 * LARGEST_MMAP_THRESHOLD  # what glibc's own rule reaches in the end


@contextmanager
def kept_memory() -> Iterator[None]:
    """Inside, freed blocks are kept for the next ones; afterwards the system gets them back.

    Setting a threshold ends glibc's own adjustment of it, so afterwards the largest that this would have come
    to stays. Does nothing where the C library is not glibc. What is computed is the same.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(TRIM_THRESHOLD, ALL)
    library.mallopt(MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
    try:
        yield
    finally:
        library.mallopt(TRIM_THRESHOLD, MOST_KEPT)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libc.so.6")
        _ = library.mallopt, library.malloc_trim, library.gnu_get_libc_version
    except (OSError, AttributeError):
        return None
    return library
