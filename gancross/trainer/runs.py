"""The folder of one training run: recipe, log, checkpoints, pictures; and how a run resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gancross import checkpoint
from gancross.checkpoint import Checkpoint
from gancross.errors import ResourceError, UsageError
from gancross.files import read_bytes, write_atomically
from gancross.trainer.recipes import Recipe

LARGEST_RECIPE = 1 << 20


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
    """`recipe.json`, `log.jsonl`, `checkpoints/step-….pt`, `last.pt` and `samples/` of one run."""

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

    def prepare(self, recipe: Recipe, *, resume: bool) -> Checkpoint | None:
        """Makes or reopens the folder; returns the checkpoint to go on from, None at the start.

        Raises:
            UsageError: the folder holds something else, another recipe, or anything without `resume`.
            CheckpointError: `last.pt` is refused.
            ResourceError: the folder cannot be written.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: is a file, expected the folder of a run")
        occupied = self.root.is_dir() and any(self.root.iterdir())
        recipe_path = self.root / "recipe.json"
        if occupied and not resume:
            raise UsageError(f"{self.root}: not empty; give another --out, or resume it")
        if occupied and not recipe_path.is_file():
            raise UsageError(f"{self.root}: not empty and not the folder of a run; give another --out")
        if occupied:
            _check_same(_read_recipe(recipe_path), recipe, self.root)
        write_atomically(recipe_path, (json.dumps(recipe.to_dict(), indent=2) + "\n").encode())
        if not self.last.exists():
            self._resume_after(0)
            return None
        resumed = checkpoint.load(self.last)
        self._resume_after(resumed.step)
        return resumed

    def save(self, state: Checkpoint, *, milestone: bool) -> None:
        """Writes `last.pt`, and a numbered checkpoint before it at a milestone."""
        content = checkpoint.to_bytes(state)
        if milestone:
            write_atomically(self.root / "checkpoints" / f"step-{state.step:010d}.pt", content)
        write_atomically(self.last, content)

    def append_log(self, figures: dict[str, Any]) -> None:
        """One line of JSON; numbers that are not finite become null."""
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures, allow_nan=False) + "\n")
        except OSError as error:
            raise ResourceError(f"{self.log}: cannot be written: {error.strerror}") from error
        for observer in self.observers:
            observer.figures(figures["step"], {key: value for key, value in figures.items() if key != "step"})

    def save_picture(self, step: int, png: bytes) -> None:
        """A picture of samples."""
        write_atomically(self.root / "samples" / f"step-{step:010d}.png", png)
        for observer in self.observers:
            observer.picture(step, png)

    def _resume_after(self, step: int) -> None:
        self._forget_log_after(step)
        for observer in self.observers:
            observer.resumed(step)

    def _forget_log_after(self, step: int) -> None:
        """Drops log lines of steps that will be done again, and a last line that was cut off."""
        if not self.log.exists():
            return
        kept = []
        for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True):
            try:
                logged = json.loads(line)["step"]
            except (ValueError, KeyError, TypeError):
                break
            if logged <= step and line.endswith("\n"):
                kept.append(line)
        write_atomically(self.log, "".join(kept).encode())


def _read_recipe(path: Path) -> Recipe:
    try:
        return Recipe.from_dict(json.loads(read_bytes(path, limit=LARGEST_RECIPE)))
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
