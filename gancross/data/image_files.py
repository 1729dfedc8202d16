"""The image files beneath a folder, and how many files were left out, by reason. No torch here, see `images`.

Whatever reads a folder of images walks it here: data sets, contestants, reals for referees.
"""

from __future__ import annotations

import errno
import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gancross.errors import ResourceError, UsageError, printable
from gancross.machine.files import missing_folder

EXTENSIONS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".webp", ".tif",
    ".tiff",
)  # fmt: skip
HIDDEN = "hidden"
OTHER = "without an image's suffix"
REPEATED = "links to folders that are read anyway"
BESIDE = "beside train/ and test/"
MOST_SUFFIXES = 3  # that a note names


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Files beneath a folder.

    Attributes:
        folder: as the caller named it.
        paths: of the images, sorted.
        left_out: how many other files there are by reason, each file and each link to a folder once.
        suffixes: of the files that have no image's suffix, the most frequent first.
    """

    folder: Path
    paths: list[Path]
    left_out: Mapping[str, int]
    suffixes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """One line that counts what was left out; none where nothing was."""
        total = sum(self.left_out.values())
        if not total:
            return ()
        files = (
            f"{total:,} file{' was' if total == 1 else 's were'} left out of {printable(str(self.folder))}"
        )
        return (f"{files}: {self._reasons()}",)

    def checked(self) -> ImageFiles:
        """Itself.

        Raises:
            UsageError: there are no images.
        """
        if self.paths:
            return self
        rest = f"; left out: {self._reasons()}" if any(self.left_out.values()) else ""
        raise UsageError(f"{self.folder}: the folder has no images ({', '.join(EXTENSIONS)}){rest}")

    def beneath(self, *names: str) -> list[list[Path]]:
        """The images in each of some folders directly beneath this one."""
        places = [f"{self.folder / name}{os.sep}" for name in names]
        return [[path for path in self.paths if str(path).startswith(place)] for place in places]

    def _reasons(self) -> str:
        named = ", ".join(self.suffixes[:MOST_SUFFIXES]) + (
            ", …" if len(self.suffixes) > MOST_SUFFIXES else ""
        )
        examples = {OTHER: f" ({printable(named)})"}
        return ", ".join(
            f"{count:,} {reason}{examples.get(reason, '')}"
            for reason, count in self.left_out.items()
            if count
        )


def image_files(folder: Path, *, who: str) -> ImageFiles:
    """Image files at any depth beneath a folder, by suffix.

    Links are followed, to files and to folders. Every folder is read once, under its own name where it lies
    beneath `folder`; a link to a folder that is read anyway, or that holds the link or `folder` itself, is
    left out, so that loops end. Entries whose names begin with a dot are left out with all beneath them.

    Args:
        who: begins the message where there is no such folder, and names it.

    Raises:
        UsageError: it is not a folder.
        ResourceError: a folder beneath it cannot be read, or a link leads nowhere: what it holds would be
            missing without a word.
    """
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise _unreadable(str(folder), error) from None
    if not is_folder:
        raise UsageError(f"{who} {missing_folder(folder)}")
    walk = _Walk(folder)
    suffixes = tuple(suffix for suffix, _ in walk.suffixes.most_common())
    return ImageFiles(
        folder=folder, paths=sorted(walk.paths), left_out=dict(sorted(walk.left_out.items())),
        suffixes=suffixes,
    )  # fmt: skip


class _Walk:
    """Folders before links, so that an image has the name under which it lies; hidden folders at the end."""

    def __init__(self, root: Path) -> None:
        self.paths: list[Path] = []
        self.left_out: Counter[str] = Counter()
        self.suffixes: Counter[str] = Counter()
        self._root = os.path.realpath(root)
        self._read: set[tuple[int, int]] = set()
        self._links: deque[str] = deque()
        self._hidden: list[str] = []
        self._folder(str(root))
        while self._links:
            self._follow(self._links.popleft())
        for hidden in self._hidden:
            self._count_hidden(hidden)

    def _folder(self, top: str) -> None:
        """Everything beneath a folder; links to further folders are put off."""
        stack = [top]
        while stack:
            folder = stack.pop()
            if not self._is_new(folder):
                continue
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                raise _unreadable(folder, error) from None
            stack += [path for entry in entries if (path := self._entry(entry)) is not None]

    def _entry(self, entry: os.DirEntry[str]) -> str | None:
        """Its path if it is a folder to read; otherwise it is counted or put off."""
        is_link = entry.is_symlink()
        try:
            is_folder = entry.is_dir()
            if entry.name.startswith("."):
                if is_folder and not is_link:
                    self._hidden.append(entry.path)
                else:
                    self.left_out[HIDDEN] += 1
                return None
            if is_link and not is_folder:
                os.stat(entry.path)
        except OSError as error:
            if entry.name.startswith("."):
                self.left_out[HIDDEN] += 1
            elif error.errno == errno.ELOOP:
                self.left_out[REPEATED] += 1
            elif is_link and isinstance(error, FileNotFoundError | NotADirectoryError):
                place = f"{entry.path}: a link to {os.readlink(entry.path)}, which does not exist"
                raise ResourceError(f"{place}: mend it or take it away") from None
            else:
                raise _unreadable(entry.path, error) from None
            return None
        if is_folder and is_link:
            self._links.append(entry.path)
        elif not is_folder and entry.name.lower().endswith(EXTENSIONS):
            self.paths.append(Path(entry.path))
        elif not is_folder:
            self.left_out[OTHER] += 1
            self.suffixes[os.path.splitext(entry.name)[1].lower() or "none"] += 1
        return entry.path if is_folder and not is_link else None

    def _follow(self, link: str) -> None:
        target = os.path.realpath(link)
        holders = self._root, os.path.realpath(os.path.dirname(link))
        # A link upwards would bring in whatever else lies there.
        above = any(Path(holder).is_relative_to(target) for holder in holders)
        if above or _identity(target) in self._read:
            self.left_out[REPEATED] += 1
        else:
            self._folder(link)

    def _is_new(self, folder: str) -> bool:
        identity = _identity(folder)
        new = identity not in self._read
        self._read.add(identity)
        return new

    def _count_hidden(self, top: str) -> None:
        """A folder that cannot be read is one file here: nobody wants what it holds."""
        stack = [top]
        while stack:
            folder = stack.pop()
            try:
                if not self._is_new(folder):
                    continue
                with os.scandir(folder) as listing:
                    for entry in listing:
                        if entry.is_dir(follow_symlinks=False):
                            stack.append(entry.path)
                        else:
                            self.left_out[HIDDEN] += 1
            except OSError:
                self.left_out[HIDDEN] += 1


def _identity(folder: str) -> tuple[int, int]:
    """Equal for all names of one folder.

    Raises:
        ResourceError: it cannot be looked at.
    """
    try:
        status = os.stat(folder)
    except OSError as error:
        raise _unreadable(folder, error) from None
    return status.st_dev, status.st_ino


def _unreadable(path: str, error: OSError) -> ResourceError:
    return ResourceError(f"{path}: cannot be read: {error.strerror or error}")
