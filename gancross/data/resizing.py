"""Square images of one side from those of another, as a folder's images are resized.

Pillow computes it on the CPU, image by image: pixels depend neither on a device nor on the number of threads
or of images at a time, and are those that an image file would get from the same filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from gancross.arguments import integer
from gancross.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import torch

Filter = Literal["bicubic", "bilinear", "lanczos"]  # all antialiased: of smaller images, averages of pixels
FILTERS: tuple[Filter, ...] = get_args(Filter)
LARGEST_SIDE = 4096  # pixels


@dataclass(frozen=True, kw_only=True)
class Resize:
    """The side to which all that is judged is brought, and by which filter.

    Bicubic by default: Parmar et al. 2022 recommend Pillow's for images that are to be compared, since it is
    antialiased, and folders of data are resized by it.

    Raises:
        UsageError: no integer, out of range, or no such filter.
    """

    side: int
    filter: Filter = "bicubic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "side", integer(self.side, "resize"))
        if not 1 <= self.side <= LARGEST_SIDE:
            raise UsageError(f"resize: the side must be 1 to {LARGEST_SIDE} pixels, is {self.side}")
        if self.filter not in FILTERS:
            raise unknown_name("filter of resize", self.filter, FILTERS)

    def __str__(self) -> str:
        """As on the command line: `64:bicubic`."""
        return f"{self.side}:{self.filter}"


def parsed_resize(given: int | str | Resize | None) -> Resize | None:
    """`64` or `64:bilinear` of a call or of a command line; None: nothing is resized.

    Raises:
        UsageError: something else.
    """
    if given is None or isinstance(given, Resize):
        return given
    if isinstance(given, bool):  # which counts as the integer 1 elsewhere
        raise UsageError(f"resize must be a side in pixels, 64 or '64:bilinear', got {given}")
    if not isinstance(given, str):
        return Resize(side=given)
    side, colon, name = given.partition(":")
    if not (side.isascii() and side.isdigit()) or (colon and not name) or len(side) > len(str(LARGEST_SIDE)):
        raise UsageError(f"resize {given}: write a side in pixels, 64 or 64:bilinear")
    if name and name not in FILTERS:
        raise unknown_name("filter of resize", name, FILTERS)
    return Resize(side=int(side)) if not name else Resize(side=int(side), filter=name)


@dataclass(frozen=True, kw_only=True)
class Resizing:
    """How one contestant meets the others.

    Attributes:
        native: side of the images that its own generator makes, for which its discriminator was trained.
        common: side of all images, and the filter.
    """

    native: int
    common: Resize


def to_common(images: torch.Tensor, resizing: Resizing | None) -> torch.Tensor:
    """A contestant's images in the size of all; the same tensor where nothing is resized."""
    return images if resizing is None else resized(images, resizing.common)


def to_native(images: torch.Tensor, resizing: Resizing | None) -> torch.Tensor:
    """Images of the common size as a contestant's discriminator takes them."""
    if resizing is None:
        return images
    return resized(images, Resize(side=resizing.native, filter=resizing.common.filter))


def resized(images_NCHW: torch.Tensor, to: Resize) -> torch.Tensor:
    """Images of another side: levels uint8 again where they were, float32 neither rounded nor clipped.

    Args:
        images_NCHW: (N, C, H, W), uint8 or floating; returned as they are where H = W = `to.side`.

    Returns:
        (N, C, side, side) on the same device.
    """
    import torch
    from PIL import Image

    from gancross.machine.devices import moved

    n, channels, height, width = images_NCHW.shape
    if height == width == to.side:
        return images_NCHW
    kind = images_NCHW.dtype if images_NCHW.dtype == torch.uint8 else torch.float32
    planes = images_NCHW.detach().to("cpu", kind).numpy().reshape(n * channels, height, width)
    result = np.empty((n * channels, to.side, to.side), planes.dtype)
    how = Image.Resampling[to.filter.upper()]
    for index, plane in enumerate(planes):
        result[index] = np.asarray(Image.fromarray(plane).resize((to.side, to.side), how))
    return moved(torch.from_numpy(result.reshape(n, channels, to.side, to.side)), images_NCHW.device)
