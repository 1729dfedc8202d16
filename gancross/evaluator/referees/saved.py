"""Saved referees: a folder with one file for each contestant, which later calls read.

A file is an .npz archive that holds arrays and no objects: "header", JSON in UTF-8; "mean" and "std" of the
ladder of vectors; of the k-th referee "k/reals" and "k/samples", the SHA-256 of what it trained on, and
"k/STEP/NAME", the averaged weights after so many steps.

The hashes are believed: nothing could prove them. Whoever forges them can take back a name but give none,
since referees that are read back take part in the check of dominance alone, in a family of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from numpy.typing import NDArray

from gancross.errors import CheckpointError, ResourceError, UsageError, first_line, printable
from gancross.evaluator.codec.encoding import decode, encode
from gancross.evaluator.codec.fields import Count, Items, Range, Sha256, Size, Text
from gancross.evaluator.codec.schema import schema
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.contestant_records import Sigma
from gancross.evaluator.referees.entries import Entry, archived, weight_arrays
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.ladder import Ladder
from gancross.evaluator.referees.protocol import MOST_CLASSES, RefereeProtocol
from gancross.evaluator.referees.training import Identity, Referee
from gancross.machine.distributed import is_rank_zero
from gancross.machine.files import read_bytes, slug, write_atomically
from gancross.untrusted.strict_json import parsed

SUFFIX = ".referees.npz"
LARGEST_FILE = 1 << 30
WIDEST = 256  # channels or units; a file that claims more could ask for more memory than there is
LARGEST_LEVEL = 1e6  # of noise; the square of a larger one may be no float32
NOT_SAVED = "no referees were saved; the same call, which trains what the cache lacks, saves them"

Digests = NDArray[np.bytes_]


@dataclass(frozen=True, kw_only=True)
class RefereeHeader:
    """Which referee of a contestant, and the step that judges at each rung."""

    seed: Count
    half: Annotated[int, Range(0, 1)]
    chosen: tuple[Size, ...]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file of saved referees says of them.

    Attributes:
        contestant: whose samples they were trained against.
        shape: of one sample.
        sigmas, spread, detail: of the ladder.
        num_training: reals, and samples, on which each trained.
        samples_sha256, reals_sha256: of the content of all samples and of all held-out reals of that call.
    """

    format: Literal["gancross.referees/1"] = "gancross.referees/1"
    contestant: Text
    shape: Annotated[tuple[Size, ...], Items(1, 3)]
    protocol: RefereeProtocol
    sigmas: Annotated[tuple[Sigma, ...], Items(2)]
    spread: Sigma
    detail: Annotated[float, Range(0)]
    num_training: Size
    samples_sha256: Sha256
    reals_sha256: Sha256
    referees: Annotated[tuple[RefereeHeader, ...], Items(1)]


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedReferee:
    """One referee; `reals` and `samples` are digests of what it trained on."""

    identity: Identity
    referee: Referee
    reals: Digests
    samples: Digests


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedReferees:
    """All referees of one contestant of one call."""

    header: Header
    ladder: Ladder
    referees: tuple[SavedReferee, ...]

    @property
    def file(self) -> str:
        """The name of their file: the contestant's in safe letters, and a hash of the header."""
        digest = hashlib.sha256(_header_json(self.header)).hexdigest()[:12]
        return f"{slug(self.header.contestant)}-{digest}{SUFFIX}"


@dataclass(frozen=True, kw_only=True, eq=False)
class RefereeFolder:
    """A folder of saved referees, and by the names of its files what lay there before a call."""

    path: Path
    saved: dict[str, SavedReferees]

    def save(self, referees: Sequence[SavedReferees]) -> None:
        """Writes a file for each contestant, or none at all; those that are there already stay as they are.

        Raises:
            ResourceError: a file cannot be written.
        """
        written: list[Path] = []
        try:
            for each in referees:
                path = self.path / each.file
                if not path.exists():
                    write_atomically(path, encoded(each))
                    written.append(path)
        except BaseException as error:
            for path in written:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            if isinstance(error, ResourceError):
                raise ResourceError(f"{error}; {NOT_SAVED}") from error
            raise


def referee_folder(name: str | Path) -> RefereeFolder:
    """Reads a folder of saved referees, and checks before long work that files can be written there.

    Under torchrun the first process alone reads it; for the others it is empty.

    Raises:
        UsageError: the name is empty, or the path leads through a file.
        ResourceError: the folder cannot be read or written.
        CheckpointError: a file of referees in it is damaged.
    """
    if not str(name):  # of a Path it would be the present folder
        raise UsageError("save_referees: expected the name of a folder, got an empty one")
    path = Path(name)
    if not is_rank_zero():
        return RefereeFolder(path=path, saved={})
    # A link to nowhere counts as a file: no folder can be made there.
    existing = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    if not existing.is_dir():
        raise UsageError(f"{path}: cannot hold saved referees: {existing} is a file, expected a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        files = sorted(path.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise ResourceError(f"{path}: referees cannot be saved there: {error.strerror or error}") from error
    return RefereeFolder(path=path, saved={printable(file.name): _read(file) for file in files})


def saved_referees(name: str, samples: SampleSet, entries: Sequence[Entry], arena: Arena) -> SavedReferees:
    """The referees of a contestant of this call."""
    reals_N, samples_N = arena.reals.digests, samples.digests
    referees = tuple(
        SavedReferee(
            identity=Identity(seed=entry.scores.seed, half=entry.scores.half), referee=entry.referee,
            reals=np.delete(reals_N, entry.scores.reals),
            samples=np.delete(samples_N, entry.scores.samples),
        )
        for entry in entries
    )  # fmt: skip
    ladder = arena.ladder
    header = Header(
        contestant=name, shape=tuple(samples.array.shape[1:]), protocol=arena.protocol, sigmas=ladder.sigmas,
        spread=ladder.spread, detail=ladder.detail, num_training=arena.size, samples_sha256=samples.sha256,
        reals_sha256=arena.reals.sha256,
        referees=tuple(
            RefereeHeader(seed=each.identity.seed, half=each.identity.half, chosen=each.referee.chosen)
            for each in referees
        ),
    )  # fmt: skip
    return SavedReferees(header=header, ladder=ladder, referees=referees)


def encoded(saved: SavedReferees) -> bytes:
    """The content of their file."""
    arrays: dict[str, NDArray[Any]] = {"header": np.frombuffer(_header_json(saved.header), dtype=np.uint8)}
    for name, tensor in (("mean", saved.ladder.mean), ("std", saved.ladder.std)):
        if tensor is not None:
            arrays[name] = tensor.numpy()
    for number, each in enumerate(saved.referees):
        arrays |= {f"{number}/reals": each.reals, f"{number}/samples": each.samples}
        arrays |= weight_arrays(each.referee, start=f"{number}/")
    return archived(arrays)


def decoded(content: bytes) -> SavedReferees:
    """The inverse of `encoded`; that the weights fit a network shows when it is built.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile, …: it is not such a content.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed, which saved referees are not")
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        arrays: dict[str, NDArray[Any]] = {name: loaded[name] for name in loaded.files}
    header = _header(arrays["header"].tobytes())
    mean, std = (
        torch.from_numpy(_checked(arrays[name], "f4", header.shape)) if len(header.shape) == 1 else None
        for name in ("mean", "std")
    )
    if std is not None and not bool(((std > 0) & std.isfinite()).all()):
        raise ValueError("a standard deviation is not positive, or infinite")
    referees = []
    for number, each in enumerate(header.referees):
        snapshots: dict[int, dict[str, torch.Tensor]] = {step: {} for step in sorted(set(each.chosen))}
        for step, weights in snapshots.items():
            start = f"{number}/{step}/"
            named = {
                name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
            }
            weights |= {name: torch.from_numpy(_checked(array, "f4")) for name, array in named.items()}
        referees.append(SavedReferee(
            identity=Identity(seed=each.seed, half=each.half),
            referee=Referee(snapshots=snapshots, chosen=each.chosen),
            reals=_checked(arrays[f"{number}/reals"], "S32", (header.num_training,)),
            samples=_checked(arrays[f"{number}/samples"], "S32", (header.num_training,)),
        ))  # fmt: skip
    ladder = Ladder(sigmas=header.sigmas, spread=header.spread, detail=header.detail, mean=mean, std=std)
    return SavedReferees(header=header, ladder=ladder, referees=tuple(referees))


def damaged(file: Path, reason: str) -> CheckpointError:
    """The error for a file in a folder of saved referees that holds none."""
    return CheckpointError(
        f"{printable(str(file))}: is damaged, or holds no saved referees: {printable(reason, limit=200)};"
        " move it elsewhere"
    )


def _read(file: Path) -> SavedReferees:
    content = read_bytes(file, limit=LARGEST_FILE)
    try:
        return decoded(content)
    except Exception as error:  # numpy and zipfile raise many kinds on damaged input
        raise damaged(file, first_line(error)) from None


def _header_json(header: Header) -> bytes:
    return json.dumps(encode(header), sort_keys=True).encode()


def _header(content: bytes) -> Header:
    document = parsed(content)
    expected = schema(Header, name="gancross.referees/1", title="Saved referees", description="Their header")
    if flaw := best_match(Draft202012Validator(expected).iter_errors(document)):
        raise ValueError(f"header: {flaw.message}")
    header = decode(Header, document)
    if not all(low < high for low, high in pairwise((0.0, *header.sigmas))):
        raise ValueError("header: the levels of noise do not rise")
    if max(header.sigmas[-1], header.spread, header.detail) > LARGEST_LEVEL:
        raise ValueError(f"header: a level of noise, the spread or the detail above {LARGEST_LEVEL:g}")
    if any(len(each.chosen) != len(header.sigmas) for each in header.referees):
        raise ValueError("header: a referee has not one snapshot for each level of noise")
    if header.protocol.width < 1 or max(header.protocol.width, len(header.protocol.waves)) > WIDEST:
        raise ValueError(f"header: a network wider than {WIDEST}, or of no width")
    if (header.protocol.num_classes or 0) > MOST_CLASSES:
        raise ValueError(f"header: more than {MOST_CLASSES:,} classes")
    return header


def _checked(array: NDArray[Any], kind: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """The array, if it has that type and, where one is given, that shape."""
    if array.dtype != np.dtype(kind) or (shape is not None and array.shape != shape):
        expected = kind if shape is None else f"{kind} with shape {shape}"
        raise ValueError(f"an array of {array.dtype} with shape {array.shape} where it should be {expected}")
    return array
