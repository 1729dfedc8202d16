"""Folders of images, with or without class folders: in memory, or read on demand where they are large."""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from gancross.data.formats import FileFormat
from gancross.data.image_files import BESIDE, ImageFiles, image_files
from gancross.data.images import FileReader, Header, channels_first, image_header, of_shape, read_image
from gancross.data.labels import labels_of_paths
from gancross.data.lazy import Part, lazy
from gancross.data.sets import DataSet, Labels, finite
from gancross.errors import UsageError
from gancross.random_streams import Stream

HELD_OUT_FRACTION = 0.1
MAX_IMAGES_IN_MEMORY = 200_000
MAX_BYTES_IN_MEMORY = 2 << 30  # decoded
THREADS = 4
AHEAD = 256  # files read before the first of them is taken
SIZES_NAMED = 3
RESIZE = "give --image-size N to crop and resize them all"

T = TypeVar("T")


def load(root: Path, *, image_size: int | None, workers: int = 0, judged: bool = False) -> DataSet:
    """The images beneath a folder.

    `train/` and `test/` directly beneath it are the two halves where both exist. Otherwise, for training, a
    fixed random tenth of all images, in the order of their paths, is held out; where they are only judged,
    `test/` is held out, or without it all images, and there are no training images. More than 200,000
    images, or 2 GiB of them, are read on demand and not kept in memory. Folders of a half that hold all its
    images are classes: see `gancross.data.labels`.

    Args:
        image_size: images are cropped to their centre square and resized to this side; with None they
            keep their size and must all have one size.
        workers: processes that read the images of a large folder.
        judged: whether the images are only judged.

    Raises:
        UsageError: not a folder, no images, images of several sizes without `image_size`, or a `train/`
            without a `test/` where images are only judged.
        DataError: a file is not an image that can be read as 8-bit grey or RGB.
        ResourceError: a folder or a file cannot be read.
    """
    halves = _halves(root, judged=judged)
    name, paths = f"folder:{root}", [*halves.train, *halves.test]
    shape = common_shape(paths, image_size=image_size)
    if fits_in_memory(len(paths), shape):
        images, formats = read_images(paths, shape, image_size=image_size)
        n = len(halves.train)
        return finite(
            name, train=images[:n] if n else None, test=images[n:], split=halves.split,
            image_size=image_size, test_files=formats[n:], notes=halves.files.notes,
            labels=halves.labels(name),
        )  # fmt: skip
    # Workers may start in another folder.
    reader = FileReader(folder=root.absolute(), shape=shape, image_size=image_size)
    train, test = (
        Part(items=np.array([os.fsencode(path.relative_to(root)) for path in half], np.bytes_), reader=reader)
        for half in (halves.train, halves.test)
    )
    return lazy(
        name, train=train if halves.train else None, test=[test], split=halves.split, image_size=image_size,
        workers=workers, notes=halves.files.notes, labels=halves.labels(name),
    )  # fmt: skip


def first_shape(root: Path, *, image_size: int | None) -> tuple[int, int, int] | None:
    """(C, H, W) of one image beneath a folder, by its header; None without a folder or an image.

    Raises:
        DataError: the file is not an image, or not an 8-bit one.
        ResourceError: a folder or the file cannot be read.
    """
    if not root.is_dir():
        return None
    paths = image_files(root, who=f"data folder:{root}:").paths
    if not paths:
        return None
    header = image_header(paths[0])
    height, width = (header.height, header.width) if image_size is None else (image_size, image_size)
    return 1 if header.grey else 3, height, width


def known_classes(root: Path) -> int | None:
    """Number of classes of a folder for training; None without labels or without enough images."""
    if not root.is_dir():
        return None
    try:
        labels = _halves(root, judged=False).labels(f"folder:{root}")
    except UsageError:  # no images yet, or one half of them
        return None
    return None if labels is None else len(labels.class_names)


def read_images(
    paths: list[Path], shape: tuple[int, int, int], *, image_size: int | None
) -> tuple[torch.Tensor, list[FileFormat]]:
    """uint8 (N, C, H, W), and the formats of the files.

    Args:
        shape: as `common_shape` gives it for these images, or for more of them.

    Raises:
        DataError: a file cannot be read as 8-bit grey or RGB, or has become another since.
        ResourceError: a file cannot be read.
    """
    images, formats = np.empty((len(paths), *shape), np.uint8), list[FileFormat]()
    decoded = _in_threads(lambda path: read_image(path, image_size=image_size), paths)
    # One by one into their place: all of them twice would be much memory.
    for place, path, image in zip(images, paths, decoded, strict=True):
        place[:] = of_shape(channels_first(image.pixels, shape[0]), shape, str(path))
        formats.append(image.format)
    return torch.from_numpy(images), formats


def fits_in_memory(number: int, shape: tuple[int, int, int]) -> bool:
    """Whether images of one shape are few and small enough."""
    return number <= MAX_IMAGES_IN_MEMORY and number * math.prod(shape) <= MAX_BYTES_IN_MEMORY


def common_shape(paths: list[Path], *, image_size: int | None, remedy: str = RESIZE) -> tuple[int, int, int]:
    """(C, H, W) of images, from the files' headers alone: one channel if every image is grey, else three.

    Nothing is decoded, and no memory taken for pixels, before this is known: the first image may be huge.

    Args:
        remedy: the next step that a message about several sizes gives.

    Raises:
        UsageError: several sizes without `image_size`.
        DataError: a file is not an image, or not an 8-bit one.
        ResourceError: a file cannot be read.
    """
    headers: list[Header] = list(_in_threads(image_header, paths))
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return channels, image_size, image_size
    _check_one_size(paths, ((header.width, header.height) for header in headers), remedy)
    return channels, headers[0].height, headers[0].width


@dataclass(frozen=True, kw_only=True)
class _Halves:
    """Training paths, held-out paths, how they were separated, in words, and what was left out.

    Attributes:
        folders: that hold the class folders of each half, if there are any.
    """

    train: list[Path]
    test: list[Path]
    split: str
    files: ImageFiles
    folders: tuple[Path, Path]

    def labels(self, name: str) -> Labels | None:
        """The classes by class folders."""
        return labels_of_paths(name, (self.train, self.test), self.folders)


def _halves(root: Path, *, judged: bool) -> _Halves:
    files = image_files(root, who=f"data folder:{root}:").checked()
    has_train, has_test = ((root / half).is_dir() for half in ("train", "test"))
    if has_test and (has_train or judged):
        train, test = files.beneath("train", "test")
        for half, paths in (("train", train), ("test", test)):
            if not paths and (has_train or half == "test"):
                replace(files, folder=root / half, paths=[]).checked()
        beside = len(files.paths) - len(train) - len(test)
        files = replace(files, left_out={**files.left_out, BESIDE: beside})
        split = "train/ and test/" if has_train else "test/"
        return _Halves(
            train=train, test=test, split=split, files=files, folders=(root / "train", root / "test")
        )
    if judged and has_train:
        raise UsageError(
            f"data folder:{root}: has train/ and no test/, so which images are held out? give a folder of"
            " them, or name it test/"
        )
    if judged:
        return _Halves(train=[], test=files.paths, split="all held out", files=files, folders=(root, root))
    if len(files.paths) == 1:
        raise UsageError(f"data folder:{root}: one image cannot be split into training and test; add images")
    order = Stream(0, "split", "folder").permutation(len(files.paths))
    held_out = set(order[: max(1, round(len(files.paths) * HELD_OUT_FRACTION))].tolist())
    test = [path for index, path in enumerate(files.paths) if index in held_out]
    train = [path for index, path in enumerate(files.paths) if index not in held_out]
    split = f"fixed random {HELD_OUT_FRACTION:.0%} held out"
    return _Halves(train=train, test=test, split=split, files=files, folders=(root, root))


def _in_threads(function: Callable[[Path], T], paths: list[Path]) -> Iterator[T]:
    """The results in order; few are made ahead, so that no slow reader of them fills the memory."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[T]] = deque()
        try:
            for path in paths:
                ahead.append(pool.submit(function, path))
                if len(ahead) > AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BaseException:
            # After a bad file or Ctrl-C the remaining files are not read.
            pool.shutdown(cancel_futures=True)
            raise


def _check_one_size(paths: list[Path], sizes: Iterable[tuple[int, int]], remedy: str) -> None:
    """Names each size with its number of images and its first one, the most frequent sizes first."""
    counts: Counter[tuple[int, int]] = Counter()
    examples: dict[tuple[int, int], Path] = {}
    for path, size in zip(paths, sizes, strict=True):
        counts[size] += 1
        examples.setdefault(size, path)
    if len(counts) > 1:
        named = [
            f"{count:,} {'is' if count == 1 else 'are'} {width}×{height} ({examples[width, height]})"
            for (width, height), count in counts.most_common(SIZES_NAMED)
        ]
        rest = f", and {len(counts) - SIZES_NAMED:,} more sizes" if len(counts) > SIZES_NAMED else ""
        raise UsageError(f"images differ in size: {', '.join(named)}{rest}; {remedy}")
