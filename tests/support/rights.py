"""Root as a user before whom the rights of files count: without the capabilities that override them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

VERSION_3 = 0x20080522  # of the structures, of linux/capability.h
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)
    )  # fmt: skip


@contextmanager
def without_override() -> Iterator[None]:
    """Inside, this thread may read only what the rights of files allow; others than root anyway."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    libc, data = ctypes.CDLL(None, use_errno=True), (_Data * 2)()
    header = ctypes.byref(_Header(version=VERSION_3, pid=0))
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    before = data[0].effective
    data[0].effective = before & ~(DAC_OVERRIDE | DAC_READ_SEARCH)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        data[0].effective = before
        libc.capset(header, data)
