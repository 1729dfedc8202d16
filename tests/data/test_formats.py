"""File formats: what a file says of itself, gathered as images are read, and shares of a source."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gancross.data import catalogue, folder
from gancross.data.formats import MOST_SHARES, FileFormat, FormatShare, format_shares, libjpeg_quality
from gancross.data.images import decode_image

GREY = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
COLOUR = np.stack([GREY, GREY.T.reshape(24, 32), 255 - GREY], axis=2)


def encoded(array: np.ndarray[Any, Any] = COLOUR, *, mode: str | None = None, **options: Any) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(content, **options)
    return content.getvalue()


def format_of(content: bytes, image_size: int | None = None, crop: int | None = None) -> FileFormat:
    return decode_image(content, "here", image_size=image_size, crop=crop).format


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "WEBP"])
def test_a_file_tells_its_format_and_mode(kind: str) -> None:
    assert format_of(encoded(format=kind)) == FileFormat(format=kind, mode="RGB")
    assert format_of(encoded(mode="1", format="PNG")) == FileFormat(format="PNG", mode="1")
    assert format_of(encoded(mode="P", format="PNG")).mode == "P"


def test_jpeg_tables_tell_the_quality_at_which_they_were_written() -> None:
    formats = {quality: format_of(encoded(format="JPEG", quality=quality)) for quality in range(2, 100)}
    assert {quality: entry.quality for quality, entry in formats.items()} == {q: q for q in formats}
    assert len({entry.tables for entry in formats.values()}) == len(formats)
    assert all(entry.format == "JPEG" and len(entry.tables or "") == 8 for entry in formats.values())
    other_picture = encoded(255 - COLOUR, format="JPEG", quality=75)
    assert format_of(other_picture) == formats[75]
    assert libjpeg_quality((1,) * 64) == 100 and libjpeg_quality((255,) * 64) == 1


def test_other_tables_of_the_same_sum_are_other_tables() -> None:
    flat, tilted = [20] * 64, [19, 21] * 32
    first, second = (format_of(encoded(GREY, format="JPEG", qtables=[table])) for table in (flat, tilted))
    assert first.quality == second.quality and first.tables != second.tables


def test_resizing_is_told_with_the_side_that_was_resized() -> None:
    content = encoded(format="PNG")  # 32×24
    assert format_of(content).resized_from is None
    assert format_of(content, image_size=24).resized_from is None  # cropped alone
    assert format_of(content, image_size=12).resized_from == 24
    assert format_of(content, image_size=12, crop=20).resized_from == 20


def test_shares_count_files_of_a_format_whatever_their_size() -> None:
    png = FileFormat(format="PNG", mode="RGB")
    small, large = (FileFormat(format="PNG", mode="RGB", resized_from=side) for side in (30, 90))
    jpeg = FileFormat(format="JPEG", mode="RGB", tables="0" * 8, quality=75)
    plain: dict[str, Any] = {"format": "PNG", "mode": "RGB", "tables": None, "quality": None}
    assert format_shares([large, small, jpeg, small, png]) == (
        FormatShare(**plain, resized_from=(30, 90), share=0.6),
        FormatShare(format="JPEG", mode="RGB", tables="0" * 8, quality=75, resized_from=None, share=0.2),
        FormatShare(**plain, resized_from=None, share=0.2),
    )
    assert format_shares([]) == ()
    many = format_shares([FileFormat(format="JPEG", mode="L", tables=f"{i:08d}") for i in range(40)])
    assert len(many) == MOST_SHARES and many[0].share == 1 / 40


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("on_demand", [False, True])
def test_a_folder_tells_the_formats_of_its_held_out_images_alone(
    tmp_path: Path, on_demand: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_demand:
        monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)
        monkeypatch.setattr("gancross.data.lazy.IMAGES_PER_WORKER", 1)
    for half, kind, quality in (("train", "PNG", 0), ("test", "JPEG", 60)):
        (tmp_path / half).mkdir()
        for number in range(3):
            content = encoded(format=kind, quality=quality)
            (tmp_path / half / f"{number}.{kind.lower()}").write_bytes(content)
    data = catalogue.load(f"folder:{tmp_path}", image_size=8, workers=workers)
    (entry,) = data.file_formats()
    assert (entry.format, entry.quality, entry.resized_from, entry.share) == ("JPEG", 60, (24, 24), 1.0)


def test_data_of_other_origin_come_from_no_image_files() -> None:
    assert catalogue.load("digits").file_formats() == catalogue.load("mixture").file_formats() == ()
