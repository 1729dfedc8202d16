"""Data sets too large for memory: each batch reads its images from the disk."""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.formats import FileFormat, FormatShare, format_shares
from gancross.data.images import ImageBatch, Reader
from gancross.data.sets import WHOLE, DataSet, Labels, index_batches
from gancross.data.workers import decoded_batches
from gancross.errors import UsageError

HELD_OUT_BATCH = 256  # images that a worker reads at a time
IMAGES_PER_WORKER = 1024  # fewer are read before a process has started


@dataclass(frozen=True, kw_only=True)
class Part:
    """Images of one source: their items, and the reader for these."""

    items: NDArray[np.bytes_]
    reader: Reader


@dataclass(frozen=True, kw_only=True)
class LazyReals:
    """Training images read by worker processes; the order of epoch e is a function of (seed, e).

    Each batch sends its items to the workers, so that only one process holds the list of a million files.
    """

    name: str
    part: Part
    workers: int

    @property
    def size(self) -> int:
        """Number of images."""
        return len(self.part.items)

    def in_grey(self) -> LazyReals:
        """The same with one channel; an image in colour is refused when it is read."""
        shape = (1, *self.part.reader.shape[1:])
        return replace(self, part=replace(self.part, reader=self.part.reader.in_shape(shape)))

    def batches(
        self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE
    ) -> Generator[torch.Tensor, None, None]:
        """As `Reals`, whatever the number of workers.

        Raises:
            UsageError, DataError, ResourceError: as `index_batches` and `decoded_batches`.
        """
        order = index_batches(self.size, seed=seed, batch_size=batch_size, start=start)
        batches = (self.part.items[index[share]] for index in order)
        for batch in decoded_batches(batches, self.part.reader, name=self.name, workers=self.workers):
            yield torch.from_numpy(batch.pixels)


def lazy(
    name: str, *, train: Part | None, test: Sequence[Part], split: str, image_size: int | None, workers: int,
    notes: tuple[str, ...] = (), labels: Labels | None = None,
) -> DataSet:  # fmt: skip
    """A data set that reads its training images on demand, and its held-out ones once, at their first use.

    Args:
        train: None where no training images are known.

    Raises:
        UsageError: there are no training or no held-out images.
    """
    if (train is not None and not len(train.items)) or not any(len(part.items) for part in test):
        raise UsageError(
            f"data '{name}': expected training and held-out images, one of the two parts has none"
        )

    @functools.cache
    def held_out() -> tuple[torch.Tensor, tuple[FormatShare, ...]]:
        parts = [read_all(part, name=name, workers=workers) for part in test]
        formats = format_shares(kind for part in parts for kind in part.formats)
        return torch.from_numpy(np.concatenate([part.pixels for part in parts])), formats

    return DataSet(
        name=name, shape=test[0].reader.shape, split=split, image_size=image_size,
        train=None if train is None else LazyReals(name=name, part=train, workers=workers),
        held_out=lambda n: held_out()[0], file_formats=lambda: held_out()[1], notes=notes,
        labels=labels,
    )  # fmt: skip


def read_all(part: Part, *, name: str, workers: int) -> ImageBatch:
    """All images of a part, in its order."""
    n, formats = len(part.items), list[FileFormat]()
    images = np.empty((n, *part.reader.shape), dtype=np.uint8)
    starts = range(0, n, HELD_OUT_BATCH)
    items = (part.items[start : start + HELD_OUT_BATCH] for start in starts)
    batches = decoded_batches(items, part.reader, name=name, workers=min(workers, n // IMAGES_PER_WORKER))
    for start, batch in zip(starts, batches, strict=True):
        images[start : start + len(batch.pixels)] = batch.pixels
        formats += batch.formats
    return ImageBatch(pixels=images, formats=tuple(formats))
