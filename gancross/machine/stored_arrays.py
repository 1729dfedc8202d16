"""Large arrays in temporary files: the system keeps as much of them in memory as it has room for."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gancross.errors import ResourceError

LARGEST_IN_MEMORY = 512 << 20  # bytes


def is_large(nbytes: int) -> bool:
    """Whether an array of so many bytes should lie in a file and not be moved to a device as a whole."""
    return nbytes > LARGEST_IN_MEMORY


def stored_array(
    blocks: Iterable[NDArray[np.generic]], shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[np.generic]:
    """An array whose rows the blocks have in their order, in a file that is deleted when nobody holds it.

    Other processes find it by its name while somebody does; changes stay in memory.

    Raises:
        ResourceError: the folder for temporary files has no room, or may not be written.
    """
    # Written, not assigned to a memory map: a full disk is then an error and not a SIGBUS.
    path = None
    try:
        with tempfile.NamedTemporaryFile(prefix="gancross-", suffix=".array", delete=False) as file:
            path = Path(file.name)
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
        array = np.memmap(path, dtype, mode="c", shape=shape)
    except BaseException as error:
        if path is not None:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            place = tempfile.gettempdir() if path is None else path.parent
            raise ResourceError(
                f"{place}: temporary files cannot be written: {error.strerror or error}; TMPDIR=FOLDER names"
                " another folder"
            ) from error
        raise
    weakref.finalize(array, path.unlink, missing_ok=True)
    return array
