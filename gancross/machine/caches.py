"""Where gancross keeps what it can compute again, what lies there, and how it goes."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gancross.errors import ResourceError
from gancross.machine.files import TEMPORARY

_HASH = "[0-9a-f]{32}"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One folder of the cache: what its files are, and how they are called, whole."""

    meaning: str
    file: re.Pattern[str]


KINDS: dict[str, Kind] = {
    "fidelity": Kind(
        meaning="statistics and features of real data",
        file=re.compile(rf"{_HASH}-(statistics|features)\.npz"),
    ),
    "lmdb-keys": Kind(meaning="keys of LSUN environments", file=re.compile(rf"{_HASH}\.npy")),
}


@dataclass(frozen=True, kw_only=True)
class Held:
    """How many files of one kind there are, and their bytes."""

    files: int
    size: int


def cache_folder() -> Path:
    """The folder named by `GANCROSS_CACHE`, else the platform's user cache folder; it may not exist yet."""
    chosen = os.environ.get("GANCROSS_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("gancross")


def held() -> dict[str, Held]:
    """What lies in the cache, by kind. Files of others are not counted.

    Raises:
        ResourceError: a folder cannot be read.
    """
    sizes = {kind: [entry.stat(follow_symlinks=False).st_size for entry in _files(kind)] for kind in KINDS}
    return {kind: Held(files=len(found), size=sum(found)) for kind, found in sizes.items()}


def clear() -> dict[str, Held]:
    """Removes what gancross wrote into the cache, and its folders where nothing else lies in them.

    Links are neither followed nor removed. A file that a running call still reads goes when that ends.

    Returns:
        What was removed, by kind.

    Raises:
        ResourceError: something cannot be removed.
    """
    removed = {}
    for kind in KINDS:
        sizes = []
        for entry in list(_files(kind)):
            size = entry.stat(follow_symlinks=False).st_size
            try:
                os.unlink(entry.path)
            except FileNotFoundError:  # another process was faster
                continue
            except OSError as error:
                raise ResourceError(f"{entry.path}: cannot be removed: {error.strerror or error}") from error
            sizes.append(size)
        removed[kind] = Held(files=len(sizes), size=sum(sizes))
        with contextlib.suppress(OSError):  # not there, or something else lies in it
            if not (cache_folder() / kind).is_symlink():
                (cache_folder() / kind).rmdir()
    return removed


def _files(kind: str) -> Iterator[os.DirEntry[str]]:
    """Regular files that gancross wrote, whole ones and what a killed process left behind."""
    folder = cache_folder() / kind
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for entry in sorted(entries, key=lambda entry: entry.name):
        unfinished = TEMPORARY.fullmatch(entry.name)
        name = entry.name if unfinished is None else unfinished[1]
        if KINDS[kind].file.fullmatch(name) and entry.is_file(follow_symlinks=False):
            yield entry
