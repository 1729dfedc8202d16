"""Images of another side: the pixels that Pillow makes of a file, in any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancross.data.images import read_image
from gancross.data.resizing import FILTERS, Filter, Resize, parsed_resize, resized
from gancross.errors import UsageError

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (6, 3, 12, 12), dtype=torch.uint8, generator=GENERATOR)


@pytest.mark.parametrize("side", [1, 5, 12, 20])
def test_a_folder_resized_when_it_is_read_has_the_same_pixels(tmp_path: Path, side: int) -> None:
    result = resized(IMAGES, Resize(side=side))
    for image, expected in zip(IMAGES, result, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
        pixels = read_image(tmp_path / "a.png", image_size=side).pixels
        assert np.array_equal(pixels.transpose(2, 0, 1), expected)


@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
@pytest.mark.parametrize("side", [5, 24])
def test_float_levels_are_those_of_torch(name: Filter, side: int) -> None:
    """Neither rounded nor clipped; torch's antialiased kernels are Pillow's."""
    expected = torch.nn.functional.interpolate(IMAGES.float(), size=(side, side), mode=name, antialias=True)
    result = resized(IMAGES.float(), Resize(side=side, filter=name))
    assert torch.allclose(result, expected, atol=1e-3)
    outside = bool(((result < 0) | (result > 255)).any())
    assert outside is (name == "bicubic" and side == 24)
    levels = resized(IMAGES, Resize(side=side, filter=name))
    assert levels.dtype == torch.uint8
    if name == "bilinear":
        assert (levels.float() - expected).abs().max() <= 1  # Pillow rounds between its two passes, too


@pytest.mark.parametrize("name", FILTERS)
def test_an_image_does_not_depend_on_those_beside_it(name: Filter) -> None:
    to = Resize(side=7, filter=name)
    assert torch.equal(
        resized(IMAGES, to), torch.cat([resized(part, to) for part in (IMAGES[:4], IMAGES[4:])])
    )
    assert torch.equal(resized(IMAGES[:, :1], to), resized(IMAGES, to)[:, :1])
    strided = IMAGES.to(memory_format=torch.channels_last)
    assert torch.equal(resized(strided, to), resized(IMAGES, to))


def test_images_of_the_size_are_the_same_tensor() -> None:
    assert resized(IMAGES, Resize(side=12)) is IMAGES


@pytest.mark.parametrize(
    ("given", "side", "name"),
    [(64, 64, "bicubic"), ("64", 64, "bicubic"), ("8:lanczos", 8, "lanczos"), (np.int64(3), 3, "bicubic")],
    ids=["number", "text", "filter", "numpy"],
)
def test_what_resize_takes(given: int | str, side: int, name: Filter) -> None:
    assert parsed_resize(given) == Resize(side=side, filter=name)
    assert parsed_resize(str(parsed_resize(given))) == parsed_resize(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (True, "must be a side"),
        (0, "the side must be 1 to 4096"), ("4097", "the side must be 1 to"), ("9" * 5000, "write a side"),
        ("64:", "write a side"), ("64x64", "write a side"), ("-3", "write a side"),
        ("64:nearest", "filter of resize 'nearest'"), (64.0, "must be an integer"),
    ],
    ids=["truth", "zero", "large", "endless", "empty-filter", "two-sides", "negative", "nearest", "float"],
)  # fmt: skip
def test_what_resize_does_not_take(given: int | str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed_resize(given)
