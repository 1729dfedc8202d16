"""Folders of images, with or without class folders, as uint8 arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gancross.data.sets import DataSet, finite
from gancross.errors import DataError, UsageError
from gancross.latents import Stream

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff")
HELD_OUT_SHARE = 0.1
LARGEST_IMAGE = 64 << 20  # pixels; a file that claims more is a decompression bomb
READERS = 4


def load(root: Path, *, image_size: int | None) -> DataSet:
    """The images beneath a folder.

    `train/` and `test/` directly beneath it are the two halves where both exist; otherwise a fixed
    random tenth of all images, in the order of their paths, is held out.

    Args:
        image_size: images are cropped to their centre square and resized to this side; with None they
            are taken as they are and must all have one size.

    Raises:
        UsageError: no such folder, no images, or images of several sizes without `image_size`.
        DataError: a file is not an image that can be read as 8-bit grey or RGB.
    """
    if not root.is_dir():
        raise UsageError(f"data folder:{root}: no such folder")
    train_folder, test_folder = root / "train", root / "test"
    if train_folder.is_dir() and test_folder.is_dir():
        train_paths, test_paths = list_images(train_folder), list_images(test_folder)
        split = "train/ and test/"
    else:
        paths = list_images(root)
        order = Stream(0, "split", "folder").permutation(len(paths))
        held_out = set(order[: max(1, round(len(paths) * HELD_OUT_SHARE))].tolist())
        test_paths = [path for index, path in enumerate(paths) if index in held_out]
        train_paths = [path for index, path in enumerate(paths) if index not in held_out]
        split = f"fixed random {HELD_OUT_SHARE:.0%} held out"
        if not train_paths:
            raise UsageError(f"data folder:{root}: one image cannot be split into training and test")
    both = read_images([*train_paths, *test_paths], image_size=image_size)
    train, test = both[: len(train_paths)], both[len(train_paths) :]
    return finite(f"folder:{root}", train=train, test=test, split=split, image_size=image_size)


def list_images(folder: Path) -> list[Path]:
    """Image files at any depth, by extension, sorted by path.

    Raises:
        UsageError: there are none.
    """
    found = [
        Path(parent) / name
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(EXTENSIONS)
    ]
    if not found:
        raise UsageError(f"{folder}: no images ({', '.join(EXTENSIONS)}) in this folder")
    return sorted(found)


def read_images(paths: list[Path], *, image_size: int | None) -> torch.Tensor:
    """uint8 (N, C, H, W); one channel if every image is grey, else three.

    Raises:
        UsageError: several sizes without `image_size`.
        DataError: a file cannot be read as 8-bit grey or RGB.
    """
    with ThreadPoolExecutor(READERS) as pool:
        arrays = list(pool.map(lambda path: read_image(path, image_size=image_size), paths))
    for path, array in zip(paths, arrays, strict=True):
        if array.shape[:2] != arrays[0].shape[:2]:
            (height, width), (other_height, other_width) = array.shape[:2], arrays[0].shape[:2]
            raise UsageError(
                f"images differ in size: {paths[0]} is {other_width}×{other_height}, {path} is"
                f" {width}×{height}; give --image-size N to crop and resize them all"
            )
    colour = any(array.ndim == 3 for array in arrays)
    stacked = np.stack(list(_same_channels(arrays, colour=colour)))
    return torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))


def read_image(path: Path, *, image_size: int | None) -> NDArray[np.uint8]:
    """One image: (H, W) if grey, (H, W, 3) otherwise.

    Alpha is dropped where it is fully opaque; palettes and CMYK become RGB.

    Raises:
        DataError: not an image, broken, too large, animated, transparent or more than 8 bits deep.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise DataError(f"{path}: {image.width}×{image.height} pixels are too many for an image")
            frames = getattr(image, "n_frames", 1)
            if frames != 1:
                raise DataError(f"{path}: an animation of {frames} frames, expected one image")
            if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"):
                raise DataError(f"{path}: mode {image.mode} is not 8-bit grey or RGB; convert it first")
            grey = image.mode in ("1", "L", "LA")
            if image.has_transparency_data:
                alpha = image.convert("RGBA").getchannel("A")
                if alpha.getextrema() != (255, 255):
                    raise DataError(f"{path}: has transparent pixels; flatten it onto a background first")
            converted = image.convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else f"cannot be read: {error}"
        raise DataError(f"{path}: {reason}") from None
    if image_size is not None and converted.size != (image_size, image_size):
        converted = centre_square(converted).resize((image_size, image_size), Image.Resampling.BICUBIC)
    return np.asarray(converted)


def centre_square(image: Image.Image) -> Image.Image:
    """The largest square in the middle of an image."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _same_channels(arrays: list[NDArray[np.uint8]], *, colour: bool) -> Iterator[NDArray[np.uint8]]:
    for array in arrays:
        if array.ndim == 2:
            yield np.repeat(array[:, :, None], 3 if colour else 1, axis=2)
        else:
            yield array
