"""LMDB environments of encoded images, as LSUN ships them. No torch here, see `images`.

An environment is a folder with `data.mdb`; a key maps to the bytes of one image file.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gancross.data.images import DecodedImage, channels_first, decode_image
from gancross.errors import DataError, ResourceError
from gancross.machine.caches import cache_folder
from gancross.machine.files import write_atomically

if TYPE_CHECKING:
    import lmdb


@dataclass(frozen=True, kw_only=True)
class LmdbReader:
    """Items are keys of an environment; images are cropped to their centre square and resized to `shape`."""

    environment: Path
    shape: tuple[int, int, int]

    def in_shape(self, shape: tuple[int, int, int]) -> LmdbReader:
        """As of `Reader`."""
        return replace(self, shape=shape)

    def read(self, item: bytes) -> DecodedImage:
        """One image, uint8 (C, H, W)."""
        where = f"{self.environment}, key {item.decode(errors='replace')}"
        with open_environment(self.environment).begin() as transaction:
            value = transaction.get(item)
        if value is None:
            raise DataError(f"{where}: this key is missing: the data set was changed")
        image = decode_image(value, where, image_size=self.shape[-1])
        return replace(image, pixels=channels_first(image.pixels, self.shape[0]))


def open_environment(environment: Path) -> lmdb.Environment:
    """The environment, opened once in each process.

    Raises:
        ResourceError: the lmdb package is not installed.
        DataError: the file is damaged.
    """
    return _open_in_process(environment, os.getpid())


@functools.cache
def _open_in_process(environment: Path, process: int) -> lmdb.Environment:
    try:
        import lmdb
    except ImportError:
        raise ResourceError(f"{environment}: needs the package lmdb: pip install 'gancross[lmdb]'") from None
    try:
        database = lmdb.open(
            str(environment), readonly=True, lock=False, readahead=False, meminit=False, create=False
        )
    except lmdb.Error as error:
        raise DataError(f"{environment}: cannot be read: {error}") from None
    needed = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
    size = (environment / "data.mdb").stat().st_size
    if size < needed:  # SIGBUS would kill a process that reads it
        database.close()
        raise DataError(
            f"{environment}: data.mdb is cut off: expected at least {needed:,} bytes, got {size:,}"
        )
    return database


def keys(environment: Path) -> NDArray[np.bytes_]:
    """All keys in their order; listed once, then read from the cache folder.

    Listing three million keys reads pages everywhere in a file of tens of GB. The cache file is that of an
    environment's current path, size and time of writing.

    Raises:
        ResourceError, DataError: as `open_environment`.
    """
    database = open_environment(environment)
    count = database.stat()["entries"]
    data = (environment / "data.mdb").resolve()
    status = data.stat()
    identity = f"{data}\0{status.st_size}\0{status.st_mtime_ns}"
    name = hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]
    path = cache_folder() / "lmdb-keys" / f"{name}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):  # a damaged cache is written anew
        cached = np.load(path, mmap_mode="r", allow_pickle=False)
        if cached.shape == (count,) and cached.dtype.kind == "S":
            return np.asarray(cached)
    with database.begin() as transaction:
        listed = np.array(list(transaction.cursor().iternext(keys=True, values=False)), dtype=np.bytes_)
    content = io.BytesIO()
    np.save(content, listed, allow_pickle=False)
    with contextlib.suppress(ResourceError):  # without a cache the next run lists them again
        write_atomically(path, content.getvalue())
    return listed
