"""Image files and encoded images as uint8 arrays, one by one or in batches.

No torch here: the worker processes of large data sets import this module and should start fast.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from gancross.data.formats import FileFormat, file_format
from gancross.errors import DataError, ResourceError

# By content; Pillow starts programs for some others.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LARGEST_IMAGE = 64 << 20  # pixels; a larger header marks a decompression bomb
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "CMYK")
_TAGGED = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}  # where Pillow keeps an orientation
_TURNS = {  # that make an image upright, by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_SIDEWAYS = [_TURNS[value] for value in (5, 6, 7, 8)]  # width and height change places


@dataclass(frozen=True, kw_only=True)
class Header:
    """Size, upright, and kind of an image from the header of its file, before any pixel is decoded."""

    width: int
    height: int
    grey: bool


def image_header(path: Path) -> Header:
    """Size and kind of an image file.

    Raises:
        DataError, ResourceError: as `read_image`, as far as the header shows it.
    """
    with _open_checked(path, str(path)) as image:
        width, height = image.size[::-1] if _turn(image) in _SIDEWAYS else image.size
        return Header(width=width, height=height, grey=image.mode in _GREY)


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedImage:
    """An image and the format of its file.

    Attributes:
        pixels: uint8, (H, W) if grey, (H, W, 3) otherwise; of a `Reader` (C, H, W).
    """

    pixels: NDArray[np.uint8]
    format: FileFormat


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageBatch:
    """Images, uint8 (N, C, H, W), and the formats of their files, one for each."""

    pixels: NDArray[np.uint8]
    formats: tuple[FileFormat, ...]


def read_image(path: Path, *, image_size: int | None, crop: int | None = None) -> DecodedImage:
    """One image: (H, W) if grey, (H, W, 3) otherwise.

    Alpha is dropped where it is fully opaque; palettes and CMYK become RGB. An image whose file says that
    the camera was turned (EXIF's orientation) is turned upright.

    Args:
        image_size: side to which the image's centre square is resized (bicubic, antialiased); with None
            the image keeps its size.
        crop: side of that square in pixels of the image; the largest possible by default.

    Raises:
        DataError: not an image, broken, too large, smaller than `crop`, animated, transparent or more
            than 8 bits deep.
        ResourceError: the file cannot be read.
    """
    return _decoded(path, str(path), image_size, crop)


def decode_image(
    content: bytes, where: str, *, image_size: int | None, crop: int | None = None
) -> DecodedImage:
    """As `read_image`, from encoded bytes; `where` names them in errors."""
    return _decoded(io.BytesIO(content), where, image_size, crop)


def channels_first(array: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Pixels of `read_image` as (C, H, W); a grey image is repeated `channels` times.

    Of an image in RGB whose channels are equal one remains where `channels` is 1.
    """
    if array.ndim == 2:
        return np.repeat(array[None], channels, axis=0)
    image = array.transpose(2, 0, 1)
    return image[:1] if channels == 1 and bool((image == image[:1]).all()) else image


def of_shape(pixels: NDArray[np.uint8], shape: tuple[int, int, int], where: str) -> NDArray[np.uint8]:
    """Pixels (C, H, W) as they are.

    Raises:
        DataError: they have another shape than the images that they belong to.
    """
    if pixels.shape != shape:
        raise DataError(f"{where}: shape {pixels.shape}, expected {shape} like the rest of the set")
    return pixels


class Reader(Protocol):
    """Images of one shape, by items: file names, keys."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""

    def in_shape(self, shape: tuple[int, int, int]) -> Reader:
        """A reader of the same images in another number of channels."""

    def read(self, item: bytes) -> DecodedImage:
        """One image, uint8 (C, H, W)."""


@dataclass(frozen=True, kw_only=True)
class FileReader:
    """Items are file names relative to a folder, as the file system encodes them.

    Attributes:
        image_size, crop: as of `read_image`.
    """

    folder: Path
    shape: tuple[int, int, int]
    image_size: int | None
    crop: int | None = None

    def in_shape(self, shape: tuple[int, int, int]) -> FileReader:
        """As of `Reader`."""
        return replace(self, shape=shape)

    def read(self, item: bytes) -> DecodedImage:
        """One image, uint8 (C, H, W)."""
        image = read_image(self.folder / os.fsdecode(item), image_size=self.image_size, crop=self.crop)
        return replace(image, pixels=channels_first(image.pixels, self.shape[0]))


def read_batch(reader: Reader, items: NDArray[np.bytes_]) -> ImageBatch:
    """The images of some items.

    Raises:
        DataError: an image is refused, or has another shape than the set.
    """
    batch, formats = np.empty((len(items), *reader.shape), dtype=np.uint8), []
    for index, item in enumerate(items.tolist()):
        image = reader.read(item)
        batch[index] = of_shape(image.pixels, reader.shape, os.fsdecode(item))
        formats.append(image.format)
    return ImageBatch(pixels=batch, formats=tuple(formats))


@contextmanager
def _open_checked(source: Path | io.BytesIO, where: str) -> Iterator[Image.Image]:
    """An image with a checked header; every failure of Pillow becomes a `DataError`."""
    try:
        if isinstance(source, Path) and source.exists() and not source.is_file():
            raise DataError(f"{where}: not a regular file")  # reading a pipe would wait for ever
        with Image.open(source, formats=FORMATS) as image:
            _check(image, where)
            yield image
    except (DataError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise DataError(f"{where}: not an image") from None
    except OSError as error:  # Pillow's own have no number: the content is at fault and not the disk
        kind = DataError if error.errno is None else ResourceError
        raise kind(f"{where}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # Pillow's readers raise many kinds on damaged input
        raise DataError(f"{where}: cannot be read: {error}") from None


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes an image upright; None where it is, and for TIFF, which Pillow turns itself."""
    if image.format == "TIFF" or not _TAGGED.intersection(image.info):
        return None  # to ask a PNG for EXIF would decode it
    try:
        return _TURNS.get(int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except Exception:  # damaged EXIF says nothing; Pillow raises many kinds
        return None


def _check(image: Image.Image, where: str) -> None:
    if image.width * image.height > LARGEST_IMAGE:
        raise DataError(
            f"{where}: {image.width}×{image.height} pixels, expected at most {LARGEST_IMAGE:,} pixels"
        )
    # Cameras append previews to a JPEG (MPO); its first frame is the photograph.
    frames = getattr(image, "n_frames", 1)
    if frames != 1 and image.format != "MPO":
        raise DataError(f"{where}: expected one image, got an animation of {frames} frames")
    if image.mode not in _GREY + _COLOUR:
        raise DataError(f"{where}: expected 8-bit grey or RGB, got mode {image.mode}; convert it first")
    # Pillow silently drops the low byte of 16-bit colour; only its decoder's arguments show it.
    decoders = [tile[3] if isinstance(tile[3], tuple) else (tile[3],) for tile in getattr(image, "tile", [])]
    deep_ppm = image.format == "PPM" and any(
        len(decoder) > 1 and int(decoder[1]) > 255 for decoder in decoders
    )
    if deep_ppm or any(re.search(r";16[BLN]", str(decoder[0])) for decoder in decoders):
        raise DataError(f"{where}: expected 8 bits per channel, got 16; convert it first")


def _decoded(source: Path | io.BytesIO, where: str, image_size: int | None, crop: int | None) -> DecodedImage:
    with _open_checked(source, where) as opened:
        kind = file_format(opened)
        mode, turn = "L" if opened.mode in _GREY else "RGB", _turn(opened)
        image = opened if turn is None else opened.transpose(turn)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            if image.getchannel("A").getextrema() != (255, 255):
                raise DataError(f"{where}: has transparent pixels; flatten it onto a background first")
        image = image.convert(mode)
    if image_size is not None and (crop is not None or image.size != (image_size, image_size)):
        side = crop or min(image.size)
        if side > min(image.size):
            size = f"{image.width}×{image.height}"
            raise DataError(f"{where}: {size} is smaller than the crop of {side}×{side}")
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        image = square.resize((image_size, image_size), Image.Resampling.BICUBIC)
        kind = replace(kind, resized_from=None if side == image_size else side)
    return DecodedImage(pixels=np.asarray(image), format=kind)
