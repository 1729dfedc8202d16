"""What calls leave behind in cycles of objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cycles_collected() -> Iterator[None]:
    """Objects made inside that refer to each other in cycles are collected at the end; meant as a decorator.

    A figure of matplotlib is thousands of such objects. Python seldom collects what survived its first
    collections, as parts of a figure do while it is drawn: a long run with pictures kept hundreds of MiB.
    Inside, Python's collector rests; at the end it looks at the youngest generation alone, which takes
    milliseconds. Around a block of a function, that function's own variables would keep the objects alive.
    Where the caller has switched the collector off, it stays off and nothing is collected.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        gc.enable()
