"""Bounded reading and atomic writing of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from gancross.errors import ResourceError, UsageError


def read_bytes(path: Path, *, limit: int) -> bytes:
    """A regular file's content, read once.

    Raises:
        UsageError: there is no such file, or it is a folder, a pipe or a device.
        ResourceError: it cannot be read, or is longer than `limit` bytes.
    """
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise UsageError(f"{path}: is a folder, expected a file")
        if not stat.S_ISREG(kind.st_mode):
            raise UsageError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            # read() reserves as much memory as its argument says; files in /proc have size 0.
            content = file.read(min(limit, max(kind.st_size, 1 << 20)) + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise ResourceError(f"{path}: cannot be read: {error}") from error
    if len(content) > limit:
        raise ResourceError(f"{path}: longer than the limit of {limit / 2**30:g} GiB")
    return content


def check_target(path: Path) -> None:
    """Checks before long work that its result can be written to `path`.

    Raises:
        UsageError: it is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, expected a file to write")
    if not path.absolute().parent.is_dir():
        reason = missing_folder(path.absolute().parent)
        raise UsageError(f"{path}: cannot be written: folder {path.parent} {reason}")


def missing_folder(path: Path) -> str:
    """Why there is no folder at a path, as the end of a message."""
    return "is a file, expected a folder" if path.exists() else "does not exist"


TEMPORARY = re.compile(r"\.(.+)\.\d+-[0-9a-f]{8}\.tmp")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a crash, sees the old content or the new, never a part.

    Temporary file in the same folder, fsync, rename over the target, fsync of the folder. A device or a
    pipe, which a file must not replace, takes the bytes as they come.

    Raises:
        ResourceError: the folder cannot be written, the disk is full; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        if path.is_char_device() or path.is_block_device() or path.is_fifo() or path.is_socket():
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        with contextlib.suppress(OSError):  # systems without folder handles (Windows) need no fsync
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def unfinished(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files, with the names of their targets, that a killed `write_atomically` leaves in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if named := TEMPORARY.fullmatch(path.name):
            yield path, named[1]


def slug(name: str) -> str:
    """A name in letters, digits, points and dashes; where that loses anything, part of its SHA-256 stays."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-")[:40]
    if plain and plain == name:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
