"""Reading single images of a large data set, in any process. No torch here, see `images`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gancross.data.images import channels_first, read_image
from gancross.errors import DataError


class Reader(Protocol):
    """Images of one shape, by items: file names, keys."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        ...

    def read(self, item: bytes) -> NDArray[np.uint8]:
        """One image, uint8 (C, H, W)."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileReader:
    """Items are file names relative to a folder, as the file system encodes them.

    Attributes:
        image_size, crop: see `gancross.data.images.read_image`.
    """

    folder: Path
    shape: tuple[int, int, int]
    image_size: int | None
    crop: int | None = None

    def read(self, item: bytes) -> NDArray[np.uint8]:
        """One image, uint8 (C, H, W)."""
        path = self.folder / os.fsdecode(item)
        return channels_first(read_image(path, image_size=self.image_size, crop=self.crop), self.shape[0])


def read_batch(reader: Reader, items: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """uint8 (N, C, H, W).

    Raises:
        DataError: an image is refused, or has another shape than the set.
    """
    batch = np.empty((len(items), *reader.shape), dtype=np.uint8)
    for index, item in enumerate(items.tolist()):
        image = reader.read(item)
        if image.shape != reader.shape:
            raise DataError(
                f"{os.fsdecode(item)}: shape {image.shape}, expected {reader.shape} like the rest of the set"
            )
        batch[index] = image
    return batch
