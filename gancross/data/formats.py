"""The formats of image files: what pixels may show of them. No torch here, see `images`."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SHARES = 20
# Luminance, at quality 50. Source: ITU-T T.81, Table K.1.
STANDARD_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip

Tables = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """The format of one image file.

    Attributes:
        format: Pillow's name: PNG, JPEG, …
        mode: Pillow's name of how pixels are stored: 1 (bit), L (grey), P (palette), RGB, …
        tables: of JPEG: the first 8 digits of the SHA-256 of its quantisation tables; else None.
        quality: of JPEG: as of `libjpeg_quality`; else None.
        resized_from: pixels a side of the square that was resized as the image was read; None: nothing was.
    """

    format: str
    mode: str
    tables: str | None = None
    quality: int | None = None
    resized_from: int | None = None


@dataclass(frozen=True, kw_only=True)
class FormatShare:
    """The files of one format among those of a source.

    Attributes:
        format, mode, tables, quality: as of `FileFormat`.
        resized_from: the smallest and the largest of its files; None where none was resized.
        share: of the files of the source, 0…1.
    """

    format: str
    mode: str
    tables: str | None
    quality: int | None
    resized_from: tuple[int, int] | None
    share: float


def file_format(image: Image) -> FileFormat:
    """The format of an opened image file."""
    # Cameras append previews to a JPEG (MPO); its first frame is the photograph.
    name = "JPEG" if image.format == "MPO" else image.format or "unknown"
    quantization: dict[int, list[int]] = getattr(image, "quantization", None) or {}
    tables = tuple(tuple(table) for _, table in sorted(quantization.items()))
    if name != "JPEG" or not tables:
        return FileFormat(format=name, mode=image.mode)
    return FileFormat(
        format=name, mode=image.mode, tables=_short_hash(tables), quality=libjpeg_quality(tables[0])
    )


@functools.lru_cache(maxsize=1024)
def libjpeg_quality(table: tuple[int, ...]) -> int:
    """The quality, 1…100, at which libjpeg's luminance table has the sum nearest to this one's.

    libjpeg scales `STANDARD_TABLE` by 5000/quality percent below 50, by 200 − 2·quality above.
    """
    return min(range(1, 101), key=lambda quality: abs(_table_sum(quality) - sum(table)))


def format_shares(files: Iterable[FileFormat]) -> tuple[FormatShare, ...]:
    """Files counted by format, the most frequent first, at most `MOST_SHARES`; sizes make no format.

    Args:
        files: one entry for each file.
    """
    sides: dict[FileFormat, list[int]] = {}
    counts: Counter[tuple[FileFormat, bool]] = Counter()
    for file in files:
        kind = replace(file, resized_from=None)
        counts[kind, file.resized_from is not None] += 1
        if file.resized_from is not None:
            sides.setdefault(kind, []).append(file.resized_from)
    return tuple(
        FormatShare(
            format=kind.format, mode=kind.mode, tables=kind.tables, quality=kind.quality,
            resized_from=(min(sides[kind]), max(sides[kind])) if resized else None,
            share=count / counts.total(),
        )
        for (kind, resized), count in counts.most_common(MOST_SHARES)
    )  # fmt: skip


@functools.cache
def _table_sum(quality: int) -> int:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (value * percent + 50) // 100)) for value in STANDARD_TABLE)


@functools.lru_cache(maxsize=1024)
def _short_hash(tables: Tables) -> str:
    return hashlib.sha256(repr(tables).encode()).hexdigest()[:8]
