"""Folders of images, with or without class folders: in memory, or read on demand where they are large."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from gancross.data.formats import FileFormat
from gancross.data.images import EXTENSIONS, FileReader, Header, channels_first, image_header, read_image
from gancross.data.lazy import Part, lazy
from gancross.data.sets import DataSet, finite
from gancross.errors import UsageError
from gancross.machine.files import missing_folder
from gancross.random_streams import Stream

HELD_OUT_FRACTION = 0.1
MAX_IMAGES_IN_MEMORY = 200_000
MAX_BYTES_IN_MEMORY = 2 << 30  # decoded
THREADS = 4
RESIZE = "give --image-size N to crop and resize them all"

T = TypeVar("T")


def load(root: Path, *, image_size: int | None, workers: int = 0) -> DataSet:
    """The images beneath a folder.

    `train/` and `test/` directly beneath it are the two halves where both exist; otherwise a fixed
    random tenth of all images, in the order of their paths, is held out. More than 200,000 images, or
    2 GiB of them, are read on demand and not kept in memory.

    Args:
        image_size: images are cropped to their centre square and resized to this side; with None they
            keep their size and must all have one size.
        workers: processes that read the images of a large folder.

    Raises:
        UsageError: not a folder, no images, or images of several sizes without `image_size`.
        DataError: a file is not an image that can be read as 8-bit grey or RGB.
    """
    if not root.is_dir():
        raise UsageError(f"data folder:{root}: {missing_folder(root)}")
    train_paths, test_paths, split = _halves(root)
    name, paths = f"folder:{root}", [*train_paths, *test_paths]
    if fits_in_memory(paths, image_size=image_size):
        images, formats = read_images(paths, image_size=image_size)
        n = len(train_paths)
        return finite(
            name, train=images[:n], test=images[n:], split=split, image_size=image_size,
            test_files=formats[n:],
        )  # fmt: skip
    shape = common_shape(paths, image_size=image_size)
    # Workers may start in another folder.
    reader = FileReader(folder=root.absolute(), shape=shape, image_size=image_size)
    names = ([os.fsencode(path.relative_to(root)) for path in half] for half in (train_paths, test_paths))
    train_part, test_part = (Part(items=np.array(half, dtype=np.bytes_), reader=reader) for half in names)
    return lazy(name, train=train_part, test=[test_part], split=split, image_size=image_size, workers=workers)


def first_shape(root: Path, *, image_size: int | None) -> tuple[int, int, int] | None:
    """(C, H, W) of one image beneath a folder, by its header; None without a folder or an image.

    Raises:
        DataError: the file is not an image, or not an 8-bit one.
    """
    path = next(_image_files(root), None)
    if path is None:
        return None
    header = image_header(path)
    height, width = (header.height, header.width) if image_size is None else (image_size, image_size)
    return 1 if header.grey else 3, height, width


def list_images(folder: Path) -> list[Path]:
    """Image files at any depth, by extension, sorted by path.

    Raises:
        UsageError: there are none.
    """
    paths = sorted(_image_files(folder))
    if not paths:
        raise UsageError(f"{folder}: the folder has no images ({', '.join(EXTENSIONS)})")
    return paths


def _image_files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in sorted(names) if name.lower().endswith(EXTENSIONS))


def read_images(
    paths: list[Path], *, image_size: int | None, remedy: str = RESIZE
) -> tuple[torch.Tensor, list[FileFormat]]:
    """uint8 (N, C, H, W), one channel if every image is grey, else three; and the formats of the files.

    Args:
        remedy: the next step that a message about several sizes gives.

    Raises:
        UsageError: several sizes without `image_size`.
        DataError: a file cannot be read as 8-bit grey or RGB.
    """
    images = _map_in_threads(lambda path: read_image(path, image_size=image_size), paths)
    arrays = [image.pixels for image in images]
    _check_one_size(paths, ((array.shape[1], array.shape[0]) for array in arrays), remedy)
    channels = 1 if all(array.ndim == 2 for array in arrays) else 3
    stacked = np.stack([channels_first(array, channels) for array in arrays])
    return torch.from_numpy(stacked), [image.format for image in images]


def fits_in_memory(paths: list[Path], *, image_size: int | None) -> bool:
    """Whether the images are few and small enough; by the first one's size where they keep theirs."""
    if image_size is None:
        header = image_header(paths[0])
        pixels = header.width * header.height
    else:
        pixels = image_size**2
    return len(paths) <= MAX_IMAGES_IN_MEMORY and 3 * pixels * len(paths) <= MAX_BYTES_IN_MEMORY


def common_shape(paths: list[Path], *, image_size: int | None) -> tuple[int, int, int]:
    """(C, H, W) of `read_images`, from the files' headers alone.

    Raises:
        UsageError: several sizes without `image_size`.
        DataError: a file is not an image, or not an 8-bit one.
    """
    headers: list[Header] = _map_in_threads(image_header, paths)
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return channels, image_size, image_size
    _check_one_size(paths, ((header.width, header.height) for header in headers))
    return channels, headers[0].height, headers[0].width


def _halves(root: Path) -> tuple[list[Path], list[Path], str]:
    """Training paths, held-out paths, and how they were separated, in words."""
    train_folder, test_folder = root / "train", root / "test"
    if train_folder.is_dir() and test_folder.is_dir():
        return list_images(train_folder), list_images(test_folder), "train/ and test/"
    paths = list_images(root)
    if len(paths) == 1:
        raise UsageError(f"data folder:{root}: one image cannot be split into training and test; add images")
    order = Stream(0, "split", "folder").permutation(len(paths))
    held_out = set(order[: max(1, round(len(paths) * HELD_OUT_FRACTION))].tolist())
    test = [path for index, path in enumerate(paths) if index in held_out]
    train = [path for index, path in enumerate(paths) if index not in held_out]
    return train, test, f"fixed random {HELD_OUT_FRACTION:.0%} held out"


def _map_in_threads(function: Callable[[Path], T], paths: list[Path]) -> list[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            return list(pool.map(function, paths))
        except BaseException:
            # After a bad file or Ctrl-C the remaining files are not read.
            pool.shutdown(cancel_futures=True)
            raise


def _check_one_size(paths: list[Path], sizes: Iterable[tuple[int, int]], remedy: str = RESIZE) -> None:
    first: tuple[int, int] | None = None
    for path, size in zip(paths, sizes, strict=True):
        first = first or size
        if size != first:
            raise UsageError(
                f"images differ in size: {paths[0]} is {first[0]}×{first[1]}, {path} is"
                f" {size[0]}×{size[1]}; {remedy}"
            )
