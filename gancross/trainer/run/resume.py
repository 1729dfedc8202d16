"""The checkpoint from which a run resumes: the newest valid one."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.checkpoint.file import FORMAT, LARGEST_FILE
from gancross.errors import CheckpointError, ResourceError
from gancross.machine.files import read_bytes, write_atomically
from gancross.trainer.run.step_files import CHECKPOINTS, numbered_checkpoints
from gancross.untrusted.pt_file import load_archive
from gancross.untrusted.values import RefusedArchive

Note = Callable[[str], None]


def newest_checkpoint(last: Path, root: Path, *, note: Note | None) -> Checkpoint | None:
    """The newest valid checkpoint of a run; None if the run has no checkpoint yet.

    A numbered checkpoint replaces `last` if that is damaged, missing, or older because the run was killed
    between writing the two. A damaged `last` is renamed.

    Args:
        last: path of the run's `last.pt`.
        root: folder of the run.
        note: called with one line of text if `last` is replaced.

    Raises:
        CheckpointError: there are checkpoints, but no valid one; or one has another format.
        ResourceError: the folder cannot be read or written.
    """
    refusal: CheckpointError | None = None
    newest: Checkpoint | None = None
    if last.exists():
        try:
            newest = checkpoint.load(last)
        except CheckpointError as error:
            if _has_other_format(last):
                raise
            refusal = error
    folder = root / CHECKPOINTS
    try:
        numbered = numbered_checkpoints(root)
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for step, path in reversed(numbered.items()):
        if newest is not None and step <= newest.step:
            return newest
        try:
            content = read_bytes(path, limit=LARGEST_FILE)
            loaded = checkpoint.from_bytes(content, path)
        except CheckpointError as error:
            if _has_other_format(path):
                raise
            refusal = refusal or error
            continue
        reason = _replace_last(last, content, newest, refusal)
        if note is not None:
            note(f"{reason}; resumes from {path}")
        return loaded
    if newest is None and refusal is not None:
        raise CheckpointError(f"{refusal}; no numbered checkpoint in {folder} can replace it")
    return newest


def _replace_last(
    last: Path, content: bytes, older: Checkpoint | None, refusal: CheckpointError | None
) -> str:
    """Writes a numbered checkpoint's content to `last`; returns the reason for it."""
    if not last.exists():
        reason = f"{last}: missing"
    elif older is not None:
        reason = f"{last}: older than the last numbered checkpoint"
    else:
        target = _unused_name(last)
        try:
            os.replace(last, target)
        except OSError as error:
            raise ResourceError(f"{target}: cannot be written: {error.strerror or error}") from error
        reason = f"{refusal}; renamed to {target.name}"
    write_atomically(last, content)
    return reason


def _unused_name(refused: Path) -> Path:
    """`last.pt.refused`, or with a number behind it if that exists: refused files are never overwritten."""
    target = refused.with_name(f"{refused.name}.refused")
    numbered = (target.with_name(f"{target.name}-{number}") for number in count(2))
    return target if not target.exists() else next(path for path in numbered if not path.exists())


def _has_other_format(refused: Path) -> bool:
    """Whether the file is valid but of another format: not damaged, so resuming before it would lose work."""
    try:
        loaded = load_archive(read_bytes(refused, limit=LARGEST_FILE))
    except RefusedArchive:
        return False
    return isinstance(loaded, dict) and loaded.get("format", FORMAT) != FORMAT
