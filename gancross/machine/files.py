"""Bounded reading and atomic writing of files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gancross.errors import ResourceError, UsageError

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def read_bytes(path: Path, *, limit: int) -> bytes:
    """A regular file's content, read once.

    Raises:
        UsageError: there is no such file, or it is a folder, a pipe or a device.
        ResourceError: it cannot be read, or is longer than `limit` bytes.
    """
    check_name(path)
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
        raise ResourceError(f"{path}: longer than the limit of {size(limit, places=0)}")
    return content


def size(number: int, *, places: int = 1) -> str:
    """Bytes in the largest unit that gives at least 1, with so many decimal places beyond single bytes."""
    power = min((max(number, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{number:,} {UNITS[0]}" if power == 0 else f"{number / 1024**power:.{places}f} {UNITS[power]}"


def check_name(path: Path) -> None:
    """Checks that the system can have a file of this name.

    Raises:
        UsageError: the name is too long, or a circle of links.
    """
    try:
        path.lstat()
    except OSError as error:
        if error.errno in IMPOSSIBLE_NAMES:
            length = len(os.fsencode(path.name))
            raise UsageError(f"{path!s:.80}: {error.strerror} ({length} bytes in its last part)") from None


def check_target(path: Path) -> None:
    """Checks before long work that its result can be written to `path`.

    Raises:
        UsageError: it is a folder, its folder does not exist, or no file can have this name.
        ResourceError: its folder may not be written.
    """
    check_name(path)
    if is_stream(path):
        _check_open(path)
        return
    if path.is_dir() or not path.name:
        raise UsageError(f"{path}: is a folder, expected a file to write")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{path}: cannot be written: folder {path.parent} {missing_folder(folder)}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ResourceError(f"{path}: cannot be written: this process may not write in folder {path.parent}")


def check_new_target(path: Path) -> None:
    """As `check_target`, for a file whose folder will be made where it is missing."""
    folder = path.absolute().parent
    check_name(folder)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    check_target(folder / path.name if folder != path.absolute().parent else path)


def check_outputs(outputs: Sequence[Path], *, inputs: Sequence[Path] = ()) -> None:
    """Checks before long work that no two outputs go to one file, by whatever links, and none over an input.

    Raises:
        UsageError: they do.
    """
    read = {_place(path) for path in inputs} | {Path(os.path.realpath(path)) for path in inputs}
    taken: set[Path] = set()
    for path in outputs:
        if is_stream(path):
            continue
        if _place(path) in taken:
            raise UsageError(f"{path}: two outputs would be written to this file")
        if _place(path) in read:
            raise UsageError(f"{path}: is read by this command, and would be overwritten; give another name")
        taken.add(_place(path))


def _place(path: Path) -> Path:
    """Where a file lies or would lie, whose folder may be reached by links."""
    return Path(os.path.realpath(path.parent), path.name)


def is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe, or a stream of this process: no file, so nothing lies beside it."""
    special = path.is_char_device() or path.is_block_device() or path.is_fifo() or path.is_socket()
    return special or _descriptor(path) is not None


def missing_folder(path: Path) -> str:
    """Why there is no folder at a path, as the end of a message."""
    return "is a file, expected a folder" if path.exists() else "does not exist"


TEMPORARY = re.compile(r"\.(.+)\.\d+-[0-9a-f]{8}\.tmp")


LONGEST_NAME = 200  # bytes; the temporary name is longer, and 255 are the most on most systems
IMPOSSIBLE_NAMES = {errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ}
STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a crash, sees the old content or the new, never a part.

    Temporary file in the same folder, fsync, rename over the target, fsync of the folder. A stream, which a
    file must not replace, takes the bytes as they come.

    Raises:
        ResourceError: the folder cannot be written, the disk is full; the old file is untouched.
    """
    if not path.name:
        raise ResourceError(f"{path}: cannot be written: is a folder")
    name = path.name if len(os.fsencode(path.name)) <= LONGEST_NAME else slug(path.name)
    temporary = path.with_name(f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        if is_stream(path):
            _write_stream(path, content)
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


def write_text(path: Path, text: str) -> None:
    """Writes a text atomically in UTF-8; bytes of file names that are no text stand as escapes.

    Raises:
        ResourceError: as of `write_atomically`.
    """
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


@contextmanager
def every_output() -> Iterator[Callable[[Callable[[], object]], None]]:
    """A function to call each writing of an output with: one that fails costs no other.

    Raises:
        Exception: the first one that a writing raised, after all.
    """
    errors: list[Exception] = []

    def attempt(write: Callable[[], object]) -> None:
        try:
            write()
        except Exception as error:
            errors.append(error)

    yield attempt
    if errors:
        raise errors[0]


def _descriptor(path: Path) -> int | None:
    """The number of an open stream of this process, of /dev/stdout, /dev/fd/N and the like.

    What it leads to may be a regular file, which opening it anew would cut off, and renaming destroy.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if folder in ("/dev/fd", "/proc/self/fd") and name.isdecimal():
        return int(name)
    return STREAMS.get(os.path.join(folder, name))


def _check_open(path: Path) -> None:
    number = _descriptor(path)
    if number is not None:
        try:
            os.fstat(number)
        except OSError:
            raise UsageError(f"{path}: this process was given no such open file") from None


def _write_stream(path: Path, content: bytes) -> None:
    number = _descriptor(path)
    if number == STREAMS["/dev/stdout"]:
        sys.stdout.flush()  # what was printed before comes before
    with open(path if number is None else number, "wb", closefd=number is None) as stream:
        stream.write(content)


def unfinished(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files, with the names of their targets, that a killed `write_atomically` leaves in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if named := TEMPORARY.fullmatch(path.name):
            yield path, named[1]


def composed(name: str) -> str:
    """A name in Unicode's composed form: é may be one character, or e and an accent, and looks the same."""
    return unicodedata.normalize("NFC", name)


def slug(name: str) -> str:
    """A name in letters, digits, points and dashes; where that loses anything, part of its SHA-256 stays."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-")[:40]
    if plain and plain == name:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
