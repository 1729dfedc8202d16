"""The folder of one training run: recipe, log, checkpoints, pictures; and how a run resumes."""

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
from gancross.errors import ResourceError, UsageError
from gancross.machine.files import read_bytes, unfinished, write_atomically
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.lock import LOCK, locked
from gancross.trainer.run.resume import Note, newest_checkpoint
from gancross.trainer.run.status import RUNNING, reported, write_status
from gancross.untrusted.strict_json import parsed

LARGEST_RECIPE = 1 << 20
LARGEST_LOG = 4 << 30
WRITTEN = re.compile(r"recipe\.json|status\.json|log\.jsonl|last\.pt|step-\d{10}\.(pt|png)")


class Observer(Protocol):
    """Is told what a run writes for people."""

    def resumed(self, step: int) -> None:
        """The run goes on after this step, 0 at the start; what was told of later steps is void."""

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
        """Makes or reopens the folder, for this process alone, and keeps its `status.json`.

        Gives the checkpoint to go on from, None at the start.

        Args:
            note: is told in one line if that is not simply `last.pt`.

        Raises:
            UsageError: the folder holds something else, another recipe, a run that is past its last step, or
                anything without `resume`.
            CheckpointError: no checkpoint of the folder is good, or one is of a newer format.
            ResourceError: the folder cannot be written, or another process is at work in it.
        """
        self._check(recipe, resume=resume)  # a folder of something else is not even locked
        with locked(self.root):
            self._check(recipe, resume=resume)
            self._remove_unfinished()
            resumed = newest_checkpoint(self.last, self.root / "checkpoints", note=note)
            step = 0 if resumed is None else resumed.step
            if step > recipe.steps:  # else its last checkpoint would pass for one of so many steps
                raise UsageError(
                    f"{self.root}: is at step {step:,} already, past the {recipe.steps:,} asked for; give"
                    " another --out, or take one of its numbered checkpoints"
                )
            write_atomically(
                self.root / "recipe.json", (json.dumps(recipe.to_dict(), indent=2) + "\n").encode()
            )
            with reported(self.root, step=step, steps=recipe.steps):
                self._forget_log_after(step)
                for observer in self.observers:
                    observer.resumed(step)
                yield resumed

    def save(self, state: Checkpoint, *, milestone: bool) -> None:
        """Writes `last.pt`, and a numbered checkpoint before it at a milestone."""
        content = checkpoint.to_bytes(state)
        if milestone:
            write_atomically(self.root / "checkpoints" / f"step-{state.step:010d}.pt", content)
        write_atomically(self.last, content)
        write_status(self.root, RUNNING, step=state.step, steps=state.recipe["steps"])

    def append_log(self, figures: dict[str, Any]) -> None:
        """One line of JSON; numbers that are not finite become null."""
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave a checkpoint without its lines
        except OSError as error:
            raise ResourceError(f"{self.log}: cannot be written: {error.strerror or error}") from error
        for observer in self.observers:
            observer.figures(figures["step"], {key: value for key, value in figures.items() if key != "step"})

    def save_picture(self, step: int, png: bytes) -> None:
        """A picture of samples."""
        write_atomically(self.root / "samples" / f"step-{step:010d}.png", png)
        for observer in self.observers:
            observer.picture(step, png)

    def _check(self, recipe: Recipe, *, resume: bool) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: is a file, expected the folder of a run")
        recipe_path = self.root / "recipe.json"
        if not self._occupied():
            return
        if not resume:
            raise UsageError(f"{self.root}: not empty; give another --out, or resume it")
        if not recipe_path.is_file():
            raise UsageError(f"{self.root}: not empty and not the folder of a run; give another --out")
        _check_same(_read_recipe(recipe_path), recipe, self.root)

    def _occupied(self) -> bool:
        """Whether there is more than a run leaves that was killed before it began."""
        begun = {path for path, name in unfinished(self.root) if WRITTEN.fullmatch(name)}
        begun.add(self.root / LOCK)
        return self.root.is_dir() and any(path not in begun for path in self.root.iterdir())

    def _remove_unfinished(self) -> None:
        """Only what runs write: somebody else may be saving a figure here at this moment."""
        for folder in (self.root, self.root / "checkpoints", self.root / "samples"):
            for path, name in unfinished(folder):
                if WRITTEN.fullmatch(name):
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _forget_log_after(self, step: int) -> None:
        """Drops log lines of steps that will be done again, and lines that were cut off."""
        if not self.log.exists():
            return
        lines = read_bytes(self.log, limit=LARGEST_LOG).splitlines(keepends=True)
        kept = [line for line in lines if line.endswith(b"\n") and _logged_step(line) <= step]
        write_atomically(self.log, b"".join(kept))


def _logged_step(line: bytes) -> float:
    """The step of a line of the log; infinite for a damaged one, which every step is before."""
    try:
        return int(parsed(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return math.inf


def _read_recipe(path: Path) -> Recipe:
    try:
        return Recipe.from_dict(parsed(read_bytes(path, limit=LARGEST_RECIPE)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a recipe: {error}; give another --out") from None


def _check_same(old: Recipe, new: Recipe, root: Path) -> None:
    """Only `steps` may change on resuming, and not under annealing, where γ_t depends on it."""
    before, after = old.to_dict(), new.to_dict()
    changed = [key for key in before if before[key] != after[key]]
    if changed == ["steps"] and not new.anneal:
        return
    if changed:
        listed = ", ".join(f"{key} ({before[key]} → {after[key]})" for key in changed)
        raise UsageError(f"{root}: holds a run with another recipe: {listed}; give another --out")
