"""The file formats of reals and samples: where they differ, referees may see the format and not the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gancross.data.formats import FormatShare

if TYPE_CHECKING:  # it takes torch, which readers of records do without
    from gancross.checkpoint.contestant import Contestant

LOSSY = ("JPEG", "WEBP")  # WebP has a lossless form, too, which its header alone shows
DEPTHS = {
    "1": "1 bit",
    "P": "palette",
    "PA": "palette",
}  # by mode; pixels of all others have 8 bits a channel
LARGEST_DIFFERENCE = 0.05  # of the shares of two sides
NO_FILES = "no image files"

Trace = tuple[str, str, bool]  # lossy format and its tables, depth, whether resized


@dataclass(frozen=True, kw_only=True)
class SourceFormat:
    """Where the images of one source come from.

    Attributes:
        source: image files; a network, whose samples are rounded to 8 bits; or arrays: given in memory, or
            from an archive that holds no image files.
        files: the formats of the files, the most frequent first, at most 20; empty where there are none.
    """

    source: Literal["files", "network", "arrays"]
    files: tuple[FormatShare, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageFormats:
    """Where the reals before referees and the samples of every contestant come from."""

    reals: SourceFormat
    contestants: Mapping[str, SourceFormat]


def image_formats(reals: Sequence[FormatShare], contestants: Sequence[Contestant]) -> ImageFormats:
    """Of the reals' files, if they come from any, and of the contestants."""
    return ImageFormats(
        reals=_from_files(reals),
        contestants={
            contestant.name: SourceFormat(source="network") if contestant.samples is None
            else _from_files(() if contestant.origin is None else contestant.origin.file_formats)
            for contestant in contestants
        },
    )  # fmt: skip


def format_flags(formats: ImageFormats, *, reals: str) -> Iterator[str]:
    """One line for all contestants whose samples differ in the same way from the reals.

    Pixels show lossy compression, fewer than 8 bits and resizing; lossless formats leave no trace, so that
    PNG files, arrays and a network do not differ.

    Args:
        reals: what the reals are, for people.
    """
    of_reals = formats.reals
    names: dict[str, list[str]] = {}
    for name, source in formats.contestants.items():
        if _differ(source, of_reals):
            names.setdefault(_described(source), []).append(f"'{name}'")
    for samples, alike in names.items():
        other = _described(of_reals)
        tables = ", but their quantisation tables differ" if samples == other else ""
        yield (
            f"{', '.join(alike)}: samples come from {samples}, {reals} from {other}{tables}: the finest"
            " levels of noise may show the format"
        )


def _from_files(files: Sequence[FormatShare]) -> SourceFormat:
    return SourceFormat(source="files" if files else "arrays", files=tuple(files))


def _traces(source: SourceFormat) -> dict[Trace, float]:
    """The share of every trace that a format leaves in pixels."""
    shares: dict[Trace, float] = {}
    for file in source.files:
        lossy = f"{file.format} {file.tables}" if file.format in LOSSY else ""
        trace = lossy, DEPTHS.get(file.mode, ""), file.resized_from is not None
        shares[trace] = shares.get(trace, 0.0) + file.share
    return shares or {("", "", False): 1.0}


def _differ(first: SourceFormat, second: SourceFormat) -> bool:
    """Whether the total variation of the traces is above `LARGEST_DIFFERENCE`.

    Formats that are not listed, beyond the most frequent ones, count as equal.
    """
    a, b = _traces(first), _traces(second)
    unlisted = 1 - max(sum(a.values()), sum(b.values()))
    return (
        1 - unlisted - sum(min(share, b.get(trace, 0.0)) for trace, share in a.items()) > LARGEST_DIFFERENCE
    )


def _described(source: SourceFormat) -> str:
    """`JPEG files (quality 75, resized from 178 pixels a side)`; shares where there are several formats."""
    kinds: dict[tuple[str, str, bool], list[FormatShare]] = {}
    for file in source.files:
        kinds.setdefault((file.format, DEPTHS.get(file.mode, ""), file.resized_from is not None), []).append(
            file
        )
    parts = []
    for (name, depth, _), files in kinds.items():
        qualities = [file.quality for file in files if file.quality is not None]
        sides = [side for file in files for side in file.resized_from or ()]
        notes = [
            depth,
            f"quality {_range(qualities)}" if qualities else "",
            f"resized from {_range(sides)} pixels a side" if sides else "",
        ]
        text = ", ".join(filter(None, notes))
        share = f"{sum(file.share for file in files):.0%} " if len(kinds) > 1 else ""
        parts.append(f"{share}{name} files" + (f" ({text})" if text else ""))
    return " and ".join(parts) or NO_FILES


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
