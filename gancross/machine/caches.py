"""The cache of what gancross can compute again: its folder, its sizes, and clearing it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gancross.errors import ResourceError
from gancross.machine.files import TEMPORARY

_HASH = "[0-9a-f]{32}"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One folder of the cache: the meaning and the name pattern of its complete files."""

    meaning: str
    file: re.Pattern[str]


KINDS: dict[str, Kind] = {
    "fidelity": Kind(
        meaning="statistics and features of real data",
        file=re.compile(rf"{_HASH}-(statistics|features)\.npz"),
    ),
    "referees": Kind(
        meaning="trained referees, their scores, measured faults", file=re.compile(rf"{_HASH}\.(npz|json)")
    ),
    "lmdb-keys": Kind(meaning="keys of LSUN environments", file=re.compile(rf"{_HASH}\.npy")),
}


NO_CACHE = Path(os.devnull) / "gancross"  # nothing can be there, and nothing can be written there


def cache_folder() -> Path:
    """The folder named by `GANCROSS_CACHE`, else the platform's user cache folder; it may not exist yet.

    `NO_CACHE` for a user without a home, as in containers that run under a number.
    """
    named = os.environ.get("GANCROSS_CACHE")
    try:
        return Path(os.path.expanduser(named)) if named else platformdirs.user_cache_path("gancross")
    except RuntimeError:
        return NO_CACHE


def cache_sizes() -> dict[str, list[int]]:
    """Bytes of each file in the cache by kind; files of other programs are not counted.

    Raises:
        ResourceError: a folder cannot be read.
    """
    return {kind: [entry.stat(follow_symlinks=False).st_size for entry in _files(kind)] for kind in KINDS}


def clear() -> dict[str, list[int]]:
    """Removes the files that gancross wrote to the cache, and folders that are then empty.

    Links are neither followed nor removed. A file that is still open elsewhere disappears when it is closed.

    Returns:
        Bytes of each removed file by kind.

    Raises:
        ResourceError: a file cannot be removed.
    """
    removed: dict[str, list[int]] = {}
    for kind in KINDS:
        removed[kind] = []
        for entry in list(_files(kind)):
            size = entry.stat(follow_symlinks=False).st_size
            try:
                os.unlink(entry.path)
            except FileNotFoundError:  # another process removed it first
                continue
            except OSError as error:
                raise ResourceError(f"{entry.path}: cannot be removed: {error.strerror or error}") from error
            removed[kind].append(size)
        with contextlib.suppress(OSError):  # missing, or not empty
            if not (cache_folder() / kind).is_symlink():
                (cache_folder() / kind).rmdir()
    return removed


def _files(kind: str) -> Iterator[os.DirEntry[str]]:
    """Regular files that gancross wrote, complete ones and temporary ones of killed processes."""
    folder = cache_folder() / kind
    try:
        if folder.is_symlink() or not folder.is_dir():
            return
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for entry in entries:
        unfinished = TEMPORARY.fullmatch(entry.name)
        name = entry.name if unfinished is None else unfinished[1]
        if KINDS[kind].file.fullmatch(name) and entry.is_file(follow_symlinks=False):
            yield entry
