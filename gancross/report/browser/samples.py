"""Sample grids as files beside a record: one PNG of the test data and one of every contestant.

They show what was judged: of every generator the first samples of the cross-test itself, from the same
latents, chunk and rounding; of the test data evenly spaced ones. Each PNG names its record in a chunk of
text, so that pictures that an earlier record left there are shown for no other.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np

from gancross.errors import GancrossError
from gancross.evaluator.result.reading import LARGEST_FILE as LARGEST_RECORD
from gancross.machine.files import read_bytes, slug, write_atomically
from gancross.pictures import GAP, SMALLEST_SIDE
from gancross.report.formatting import REAL
from gancross.untrusted.strict_json import decoded, parsed

WIDEST = 800  # pixels of a grid; larger images are fewer
LARGEST_FILE = 4 << 20
LONGEST_SIDE = 4096
PNG = b"\x89PNG\r\n\x1a\n"
PANELS = 4  # scatters of samples under noise side by side
LEAST = 2  # levels of noise in a picture of images
HEAD = 33  # bytes of a PNG's signature and first chunk

PictureKind = Literal["samples", "noise"]
PREFIXES: dict[PictureKind, str] = {"samples": "", "noise": "noise-"}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture: whose samples, the PNG, its size in pixels.

    Attributes:
        kind: a grid of samples, or samples under the noise of referees.
    """

    label: str
    content: bytes
    width: int
    height: int
    kind: PictureKind = "samples"


def shown_sigmas(sigmas: Sequence[float], shape: tuple[int, ...]) -> list[float]:
    """The levels of noise that a picture of such samples shows: all, or so many as there is space for.

    Args:
        sigmas: of the ladder, rising.
        shape: of one sample; there is no picture of vectors that are not 3-dimensional.
    """
    if len(shape) == 1 and shape[0] != 3:
        return []
    side = 1 if len(shape) == 1 else max(shape[1:])
    side *= max(1, SMALLEST_SIDE // side)
    most = PANELS if len(shape) == 1 else max(LEAST, WIDEST // (side + GAP))
    places = np.linspace(0, len(sigmas) - 1, min(most, len(sigmas))).round().astype(int)
    return [float(sigmas[place]) for place in places]


def samples_folder(record: Path) -> Path:
    """Where the sample grids of a record lie: `result.json` → `result-samples/`."""
    return record.with_name(f"{record.stem}-samples")


def write_samples(record: Path, pictures: Sequence[Sample]) -> None:
    """Writes the pictures beside a record that was saved, those of each kind in the order of the record.

    Raises:
        UsageError, ValueError: there is no record.
        ResourceError: the folder cannot be written.
    """
    mark = _mark(record)
    for kind in PREFIXES:
        for number, picture in enumerate(picture for picture in pictures if picture.kind == kind):
            name, content = file_name(number, picture.label, kind), picture.content
            write_atomically(samples_folder(record) / name, content[:HEAD] + mark + content[HEAD:])


def read_samples(record: Path, names: Sequence[str]) -> list[Sample]:
    """The pictures beside a valid record that are there, of this record, and PNGs of a sane size.

    Args:
        names: the contestants in the order of the record.
    """
    pictures, mark = [], _mark(record)
    for kind, (number, label) in product(PREFIXES, enumerate([REAL, *names])):
        path = samples_folder(record) / file_name(number, label, kind)
        try:
            content = read_bytes(path, limit=LARGEST_FILE)
        except GancrossError:
            continue
        size = png_size(content)
        if size is not None and content.startswith(mark, HEAD):
            content = content[:HEAD] + content[HEAD + len(mark) :]
            width, height = size
            pictures.append(Sample(label=label, content=content, width=width, height=height, kind=kind))
    return pictures


def _mark(record: Path) -> bytes:
    """The chunk of a PNG that holds the SHA-256 of a record, however its JSON is laid out."""
    text = json.dumps(parsed(decoded(read_bytes(record, limit=LARGEST_RECORD))), sort_keys=True)
    chunk = b"tEXtgancross record\0" + hashlib.sha256(text.encode()).hexdigest().encode()
    return struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))


def file_name(number: int, label: str, kind: PictureKind = "samples") -> str:
    """`01-my-model.png`: safe on every file system, distinct for distinct names; 0 is the test data."""
    return f"{PREFIXES[kind]}{number:02d}-{slug(label) if number else 'test-data'}.png"


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, from its first chunk; None for anything else, or a giant."""
    if len(content) < 24 or content[:8] != PNG or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return (width, height) if 0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE else None


def sample(label: str, content: bytes, kind: PictureKind = "samples") -> Sample:
    """A picture with the size that its PNG has."""
    size = png_size(content)
    assert size is not None
    return Sample(label=label, content=content, width=size[0], height=size[1], kind=kind)
