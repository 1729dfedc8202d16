"""One decoder for all images: what it takes, what it refuses, and that bytes and files agree."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imports import heavy_imports
from numpy.typing import NDArray
from PIL import ExifTags, Image
from png_headers import png_header
from rights import without_override

from gancross.data import images
from gancross.data.images import channels_first, image_header
from gancross.errors import DataError, ResourceError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 8), dtype=np.uint8)


def read_image(path: Path, **options: Any) -> NDArray[np.uint8]:
    return images.read_image(path, **options).pixels


def decode_image(content: bytes, where: str, **options: Any) -> NDArray[np.uint8]:
    return images.decode_image(content, where, **options).pixels


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "a.tif"])
def test_lossless_colour_comes_back_unchanged(tmp_path: Path, name: str) -> None:
    Image.fromarray(COLOUR).save(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name, image_size=None), COLOUR)


def test_grey_stays_two_dimensional_and_is_repeated_on_demand(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    grey = read_image(tmp_path / "a.png", image_size=None)
    np.testing.assert_array_equal(grey, GREY)
    assert channels_first(grey, 1).shape == (1, 6, 8)
    np.testing.assert_array_equal(channels_first(grey, 3), [GREY] * 3)


def test_palette_is_looked_up(tmp_path: Path) -> None:
    palette = Image.fromarray(GREY % 4).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    palette.save(tmp_path / "a.png")
    table = np.arange(10, 130, 10, dtype=np.uint8).reshape(4, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", image_size=None), table[GREY % 4])


def test_palette_whose_transparency_table_is_opaque(tmp_path: Path) -> None:
    palette = Image.fromarray(GREY % 4).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    palette.save(tmp_path / "a.png", transparency=b"\xff\xff\xff\xff")
    table = np.arange(10, 130, 10, dtype=np.uint8).reshape(4, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", image_size=None), table[GREY % 4])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[..., 0] = 255  # cyan: no red, all green and blue
    Image.fromarray(ink, mode="CMYK").save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif", image_size=None)[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize(("mode", "plain"), [("RGBA", COLOUR), ("LA", GREY)])
def test_opaque_alpha_is_dropped_and_transparent_alpha_refused(
    tmp_path: Path, mode: str, plain: NDArray[np.uint8]
) -> None:
    image = Image.fromarray(plain).convert(mode)
    image.save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_image(tmp_path / "opaque.png", image_size=None), plain)
    alpha = image.getchannel("A")
    alpha.putpixel((3, 2), 254)
    image.putalpha(alpha)
    image.save(tmp_path / "clear.png")
    with pytest.raises(DataError, match=r"clear\.png: has transparent pixels"):
        read_image(tmp_path / "clear.png", image_size=None)


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_animations_are_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.png", format=kind, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="an animation of 2 frames"):
        read_image(tmp_path / "a.png", image_size=None)


def test_the_photograph_of_a_jpeg_with_a_preview_is_read(tmp_path: Path) -> None:
    photo, preview = Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    photo.save(tmp_path / "b.jpg")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.jpg", image_size=None), read_image(tmp_path / "b.jpg", image_size=None)
    )


def test_16_bit_grey_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 256).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: expected 8-bit grey or RGB, got mode I;16"):
        read_image(tmp_path / "a.png", image_size=None)


@pytest.mark.parametrize(
    "content", [png_header(4, 4, bits=16), b"P6 2 1 65535\n" + bytes(12)], ids=["png", "ppm"]
)
def test_16_bit_colour_is_refused_though_pillow_would_take_it(content: bytes) -> None:
    assert Image.open(io.BytesIO(content)).mode == "RGB"
    with pytest.raises(DataError, match="expected 8 bits per channel, got 16"):
        decode_image(content, "here", image_size=None)


@pytest.mark.parametrize("side", [8_200, 10_000, 60_000])
def test_decompression_bombs_are_refused_before_decoding(side: int) -> None:
    with pytest.raises(DataError, match=r"^here: .*(expected at most|exceeds limit)"):
        decode_image(png_header(side, side), "here", image_size=8)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_truncated_files_are_refused(tmp_path: Path, name: str) -> None:
    Image.fromarray(np.tile(COLOUR, (20, 20, 1))).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for fraction in (0.01, 0.3, 0.9):
        (tmp_path / name).write_bytes(content[: int(len(content) * fraction)])
        with pytest.raises(DataError, match=rf"{name}: (not an image|cannot be read)"):
            read_image(tmp_path / name, image_size=4)


def test_any_damaged_byte_gives_an_image_or_a_data_error(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for index in range(len(content)):
        damaged = content[:index] + bytes([content[index] ^ 0xFF]) + content[index + 1 :]
        with contextlib.suppress(DataError):
            assert decode_image(damaged, "here", image_size=None).dtype == np.uint8


def test_text_missing_files_and_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a\.png: not an image"):
        read_image(tmp_path / "a.png", image_size=None)
    with pytest.raises(ResourceError, match=r"b\.png: cannot be read: No such file"):
        read_image(tmp_path / "b.png", image_size=None)
    Image.fromarray(GREY).save(tmp_path / "c.png", format="TGA")
    with pytest.raises(DataError, match=r"c\.png: not an image"):
        read_image(tmp_path / "c.png", image_size=None)


@pytest.mark.parametrize(("crop", "box"), [(None, (20, 0, 198, 178)), (108, (55, 35, 163, 143))])
def test_the_square_is_cut_from_the_centre(crop: int | None, box: tuple[int, int, int, int]) -> None:
    """178×218 faces: the windows of the authors' and of the DCGAN program, (top, left, bottom, right)."""
    face = RNG.integers(0, 256, (218, 178, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(face).save(content, format="png")
    side = crop or 178
    square = decode_image(content.getvalue(), "here", image_size=side, crop=crop)
    np.testing.assert_array_equal(square, face[box[0] : box[2], box[1] : box[3]])


def test_resizing_averages_rather_than_skips() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(board).save(content, format="png")
    small = decode_image(content.getvalue(), "here", image_size=8)
    assert np.abs(small.astype(int) - 127).max() <= 2


def test_an_image_smaller_than_the_crop_is_refused(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: 8×6 is smaller than the crop of 108×108"):
        read_image(tmp_path / "a.png", image_size=8, crop=108)


def test_headers_and_bytes_agree_with_files(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "colour.jpg")
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    header = image_header(tmp_path / "grey.png")
    assert (header.width, header.height, header.grey) == (8, 6, True)
    assert not image_header(tmp_path / "colour.jpg").grey
    content = (tmp_path / "colour.jpg").read_bytes()
    np.testing.assert_array_equal(
        decode_image(content, "", image_size=5), read_image(tmp_path / "colour.jpg", image_size=5)
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright_whatever_its_camera_wrote(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[8:, :16] = (200, 0, 0), (0, 200, 0)  # no turn leaves it as it is
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a", format=kind, exif=exif, quality=95)
    pixels = read_image(tmp_path / "a", image_size=None).astype(int)
    assert pixels.shape == upright.shape and np.abs(pixels - upright).mean() < 8
    header = image_header(tmp_path / "a")
    assert (header.width, header.height) == (32, 16)


def test_damaged_exif_says_nothing(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", image_size=None), COLOUR)


def test_a_file_without_the_right_to_read_it_is_the_disk_s_fault(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(ResourceError, match=r"a\.png: cannot be read: Permission denied"), without_override():
        read_image(tmp_path / "a.png", image_size=None)


def test_workers_need_no_torch() -> None:
    heavy, _ = heavy_imports(
        "import gancross.data.workers, gancross.data.environments, gancross.data.catalogue"
    )
    assert "torch" not in heavy
