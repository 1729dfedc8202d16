"""Generated samples in a file of numpy, `.npy` or `.npz`, as a contestant that judges nobody."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from gancross.checkpoint.contestant import Contestant, Origin
from gancross.data.sets import check_canonical, native_array
from gancross.errors import DataError, UsageError, first_line, printable
from gancross.machine.files import read_bytes
from gancross.untrusted.values import short_repr

LARGEST_ARRAY = 16 << 30
KEYS = ("samples", "arr_0")  # of `gancross sample`, and of numpy where no name is given
LABELS = "labels"  # as `gancross sample` writes them
CHANNELS = (1, 3)


def array_contestant(path: Path, *, name: str) -> Contestant:
    """A contestant whose samples lie in a `.npy` or `.npz` file.

    Images are uint8, (N, C, H, W), or (N, H, W, C) where the last axis alone is 1 or 3 long; vectors are
    float32, (N, d). Of an `.npz` file the array `samples`, or `arr_0`, or the only one; an array `labels`
    beside it, integers (N,), holds their classes.

    Raises:
        UsageError: no such file, several arrays, or samples in another form.
        DataError: the file is damaged, holds objects, or more than 16 GiB.
        ResourceError: it cannot be read.
    """
    content = read_bytes(path, limit=LARGEST_ARRAY)
    prefix = f"contestant '{name}': {path}"
    arrays = _arrays(content, path)
    samples = native_array(arrays["samples"], prefix)
    if samples.ndim == 4 and samples.shape[1] not in CHANNELS and samples.shape[3] in CHANNELS:
        samples = samples.permute(0, 3, 1, 2).contiguous()
    check_canonical(samples, prefix)
    origin = Origin(path=str(path), sha256=hashlib.sha256(content).hexdigest())
    labels = native_array(arrays[LABELS], f"{prefix}: labels") if LABELS in arrays else None
    return Contestant(name=name, samples=samples, labels=labels, origin=origin)


def _arrays(content: bytes, path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The samples, and their labels where the file holds some."""
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST_ARRAY:
                raise ValueError(f"its arrays have more than {LARGEST_ARRAY >> 30} GiB")
        # Without pickles numpy builds nothing but arrays of plain numbers.
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"samples": loaded}
        names = [name for name in loaded if name != LABELS]
        key = next((key for key in KEYS if key in names), None)
        if key is None and len(names) != 1:
            raise UsageError(
                f"{path}: name its array of samples 'samples'; it holds {short_repr(list(loaded))}"
            )
        arrays = {"samples": loaded[key or names[0]]}
        if LABELS in loaded:
            arrays[LABELS] = loaded[LABELS]
    except UsageError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds on damaged files
        raise DataError(f"{path}: not an array of numpy: {printable(first_line(error), limit=200)}") from None
    return arrays
