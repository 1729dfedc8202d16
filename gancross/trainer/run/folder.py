"""The folder of one training run: recipe, log, checkpoints, pictures."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.checkpoint import Checkpoint
from gancross.errors import ResourceError, UsageError, printable
from gancross.machine.files import read_bytes, unfinished, write_atomically
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.resume import Note, newest_checkpoint
from gancross.trainer.run.status import LOCK, RUNNING, locked, reported, write_status
from gancross.trainer.run.step_files import CHECKPOINTS, PICTURES, STEM, checkpoint_path, picture_path
from gancross.untrusted.strict_json import decoded, parsed

LARGEST_RECIPE = 1 << 20
LARGEST_LOG = 4 << 30
RECIPE = "recipe.json"
WRITTEN = re.compile(rf"recipe\.json|threads\.json|status\.json|log\.jsonl|last\.pt|{STEM}\.(pt|png)")


class Observer(Protocol):
    """Receives the log and the pictures of a run."""

    def resumed(self, step: int) -> None:
        """The run continues after this step, 0 at the start; earlier calls for later steps are void."""

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """A line of the log."""

    def picture(self, step: int, png: bytes) -> None:
        """A picture of samples."""


@dataclass(frozen=True)
class RunFolder:
    """`recipe.json`, `status.json`, `log.jsonl`, `checkpoints/step-….pt`, `last.pt`, `samples/` of a run."""

    root: Path
    observers: Sequence[Observer] = ()

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.root / "last.pt"

    @property
    def log(self) -> Path:
        """One JSON object per logging step."""
        return self.root / "log.jsonl"

    @contextmanager
    def opened(
        self, recipe: Recipe, *, resume: bool, note: Note | None = None
    ) -> Iterator[Checkpoint | None]:
        """Creates or reopens the folder, locks it for this process, and updates its `status.json`.

        Yields the checkpoint to resume from, None at the start.

        Args:
            note: called with one line of text if that is not `last.pt`.

        Raises:
            UsageError: the folder is not a run's, holds another recipe or a later step, or is not empty and
                `resume` is False.
            CheckpointError: the folder has checkpoints, but no valid one, or one of a newer format.
            ResourceError: the folder cannot be written, or another process uses it.
        """
        self._check(recipe, resume=resume)  # before locking: other folders are not touched
        with locked(self.root):
            self._check(recipe, resume=resume)
            self._remove_unfinished()
            resumed = newest_checkpoint(self.last, self.root, note=note)
            step = 0 if resumed is None else resumed.step
            if step > recipe.steps:  # else `last.pt` would not be the checkpoint of step `steps`
                raise UsageError(
                    f"{self.root}: is at step {step:,} already, past the {recipe.steps:,} requested; give"
                    " another --out, or use one of its numbered checkpoints"
                )
            write_atomically(self.root / RECIPE, (json.dumps(recipe.to_dict(), indent=2) + "\n").encode())
            with reported(self.root, step=step, steps=recipe.steps):
                self._drop_log_after(step)
                for observer in self.observers:
                    observer.resumed(step)
                yield resumed

    def save(self, state: Checkpoint, *, milestone: bool) -> None:
        """Writes `last.pt`; at a milestone first the numbered checkpoint."""
        content = checkpoint.to_bytes(state)
        if milestone:
            write_atomically(checkpoint_path(self.root, state.step), content)
        write_atomically(self.last, content)
        write_status(self.root, RUNNING, step=state.step, steps=state.recipe["steps"])

    def append_log(self, figures: dict[str, Any]) -> None:
        """Appends one line of JSON to the log and passes it to the observers."""
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave a checkpoint without its lines
        except OSError as error:
            raise ResourceError(f"{self.log}: cannot be written: {error.strerror or error}") from error
        for observer in self.observers:
            measured = {key: value for key, value in figures.items() if value is not None and key != "step"}
            observer.figures(figures["step"], measured)

    def save_picture(self, step: int, png: bytes) -> None:
        """Writes a picture of samples and passes it to the observers."""
        write_atomically(picture_path(self.root, step), png)
        for observer in self.observers:
            observer.picture(step, png)

    def _check(self, recipe: Recipe, *, resume: bool) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: is a file, expected the folder of a run")
        if not self._occupied():
            return
        if not resume:
            raise UsageError(f"{self.root}: not empty; give another --out, or resume it")
        if not (self.root / RECIPE).is_file():
            raise UsageError(f"{self.root}: not empty and not the folder of a run; give another --out")
        try:
            old = read_recipe(self.root)
        except UsageError as error:
            raise UsageError(f"{error}; give another --out") from None
        _check_same(old, recipe, self.root)

    def _occupied(self) -> bool:
        """Whether there are files beyond those of a run that was killed before its first complete file."""
        ignored = {path for path, name in unfinished(self.root) if WRITTEN.fullmatch(name)}
        ignored.add(self.root / LOCK)
        return self.root.is_dir() and any(path not in ignored for path in self.root.iterdir())

    def _remove_unfinished(self) -> None:
        """Removes unfinished files of killed runs; other programs may be saving files here at this moment."""
        for folder in (self.root, self.root / CHECKPOINTS, self.root / PICTURES):
            for path, name in unfinished(folder):
                if WRITTEN.fullmatch(name):
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _drop_log_after(self, step: int) -> None:
        """Drops log lines of steps that will be repeated, and damaged lines."""
        if not self.log.exists():
            return
        lines = read_bytes(self.log, limit=LARGEST_LOG).splitlines(keepends=True)
        valid = [line for line in lines if line.endswith(b"\n") and _logged_step(line) <= step]
        write_atomically(self.log, b"".join(valid))


def _logged_step(line: bytes) -> float:
    """The step of a line of the log; infinite for a damaged line."""
    try:
        return int(parsed(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return math.inf


def read_recipe(root: Path) -> Recipe:
    """The recipe of the run in a folder.

    Raises:
        UsageError: `recipe.json` is not a valid recipe.
        ResourceError: it cannot be read.
    """
    path = root / RECIPE
    try:
        return Recipe.from_dict(parsed(decoded(read_bytes(path, limit=LARGEST_RECIPE))))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a recipe: {printable(str(error), limit=300)}") from None


def _check_same(old: Recipe, new: Recipe, root: Path) -> None:
    """Refuses to resume another recipe; `steps` may differ unless γ or the rates depend on it."""
    if old.network == OWN != new.network:
        raise UsageError(
            f"{root}: has a run with networks of your own, whose code no file names: give it again,"
            " --networks module:pair --trust-code, in Python networks=(…); or give another --out"
        )
    before, after = old.to_dict(), new.to_dict()
    changed = [key for key in before if before[key] != after[key]]
    if changed == ["steps"] and not new.depends_on_steps:
        return
    if changed:
        listed = ", ".join(f"{key} ({before[key]} → {after[key]})" for key in changed)
        raise UsageError(f"{root}: has a run with another recipe: {listed}; give another --out")
