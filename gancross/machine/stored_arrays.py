"""Large arrays in temporary files: the system keeps as much of them in memory as it has room for."""

from __future__ import annotations

import os
import stat
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gancross.errors import ResourceError

try:
    import fcntl
except ImportError:  # Windows, where what a killed process leaves behind stays
    fcntl = None  # type: ignore[assignment]

LARGEST_IN_MEMORY = 512 << 20  # bytes
PREFIX, SUFFIX = "gancross-", ".array"


def is_large(nbytes: int) -> bool:
    """Whether an array of so many bytes should lie in a file and not be moved to a device as a whole."""
    return nbytes > LARGEST_IN_MEMORY


def stored_array(
    blocks: Iterable[NDArray[np.generic]], shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[np.generic]:
    """An array whose rows the blocks have in their order, in a file that is deleted when nobody holds it.

    Other processes find it by its name while somebody does; changes stay in memory. The file is locked
    meanwhile: what a killed process left behind, and locks no longer, is deleted before the next array is
    stored in that folder.

    Raises:
        ResourceError: the folder for temporary files has no room, or may not be written.
    """
    # Written, not assigned to a memory map: a full disk is then an error and not a SIGBUS.
    path = None
    try:
        _sweep(Path(tempfile.gettempdir()))
        path, handle = _created()
        with os.fdopen(handle, "wb", closefd=False) as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
        array = np.memmap(path, dtype, mode="c", shape=shape)
    except BaseException as error:
        if path is not None:
            _removed(path, handle)
        if isinstance(error, OSError):
            place = tempfile.gettempdir() if path is None else path.parent
            raise ResourceError(
                f"{place}: temporary files cannot be written: {error.strerror or error}; TMPDIR=FOLDER names"
                " another folder"
            ) from error
        raise
    weakref.finalize(array, _removed, path, handle)
    return array


def _created() -> tuple[Path, int]:
    """A new file that this process has locked, and its handle."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX)
        if not _lock(handle) or os.fstat(handle).st_nlink:
            return Path(name), handle
        os.close(handle)  # swept before it was locked


def _lock(handle: int, *, wait: bool = True) -> bool:
    """Whether this process has locked a file, for as long as it or a child of it holds the handle."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another process has, or the file system has no locks
        return False
    return True


def _sweep(folder: Path) -> None:
    """Deletes files whose processes were killed: they are locked no longer, wherever those ran."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}") if fcntl is not None else ():
        with suppress(OSError):  # of another user, or just gone
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode) and _lock(handle, wait=False):
                    path.unlink()
            finally:
                os.close(handle)


def _removed(path: Path, handle: int) -> None:
    os.close(handle)  # first: Windows deletes no open file
    path.unlink(missing_ok=True)
