"""Which checkpoint a run goes on from: the newest one that is whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.file import FORMAT, LARGEST_FILE
from gancross.errors import CheckpointError, ResourceError
from gancross.machine.files import read_bytes, write_atomically
from gancross.untrusted.pt_file import load_archive
from gancross.untrusted.values import RefusedArchive

NUMBERED = re.compile(r"step-(\d{10})\.pt")

Note = Callable[[str], None]


def newest_checkpoint(last: Path, numbered: Path, *, note: Note | None) -> Checkpoint | None:
    """The newest good checkpoint of a run, which is `last` afterwards; None where there is none at all.

    A numbered one takes the place of a `last` that is damaged, that is missing, or that is older because
    the run was killed between the two. A damaged `last` is kept beside under another name.

    Args:
        numbered: folder of the numbered checkpoints.
        note: is told in one line when it is not simply `last`.

    Raises:
        CheckpointError: checkpoints are there, but no good one; or one is of another format.
        ResourceError: the folder cannot be read or written.
    """
    refusal: CheckpointError | None = None
    newest: Checkpoint | None = None
    if last.exists():
        try:
            newest = checkpoint.load(last)
        except CheckpointError as error:
            if _of_another_format(last):
                raise
            refusal = error
    for path in _newest_first(numbered):
        if newest is not None and _step(path) <= newest.step:
            return newest
        try:
            content = read_bytes(path, limit=LARGEST_FILE)
            found = checkpoint.from_bytes(content, path)
        except CheckpointError as error:
            if _of_another_format(path):
                raise
            refusal = refusal or error
            continue
        told = _make_last(last, content, newest, refusal)
        if note is not None:
            note(f"{told}; goes on from {path}")
        return found
    if newest is None and refusal is not None:
        raise CheckpointError(f"{refusal}; no numbered checkpoint in {numbered} can take its place")
    return newest


def _make_last(last: Path, content: bytes, older: Checkpoint | None, refusal: CheckpointError | None) -> str:
    """Puts a numbered checkpoint's content into `last`; says why."""
    if not last.exists():
        told = f"{last}: missing"
    elif older is not None:
        told = f"{last}: older than the last numbered checkpoint"
    else:
        kept = _kept_as(last)
        try:
            os.replace(last, kept)
        except OSError as error:
            raise ResourceError(f"{kept}: cannot be written: {error.strerror or error}") from error
        told = f"{refusal}; kept as {kept.name}"
    write_atomically(last, content)
    return told


def _kept_as(refused: Path) -> Path:
    """A name that is free: nothing that was refused before is lost."""
    first = refused.with_name(f"{refused.name}.refused")
    others = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return first if not first.exists() else next(path for path in others if not path.exists())


def _of_another_format(refused: Path) -> bool:
    """Whether it is whole, but newer or of another kind: no damage, and going back behind it loses work."""
    try:
        loaded = load_archive(read_bytes(refused, limit=LARGEST_FILE))
    except RefusedArchive:
        return False
    return isinstance(loaded, dict) and loaded.get("format", FORMAT) != FORMAT


def _newest_first(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if NUMBERED.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return sorted(found, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
