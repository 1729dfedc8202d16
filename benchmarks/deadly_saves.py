"""A run that kills itself inside a save, for `kill_and_resume.py`.

Only the process that sets a trap is changed: it wraps the steps of
`gancross.machine.files.write_atomically`.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gancross.checkpoint.checkpoint import Checkpoint
from gancross.machine.files import TEMPORARY
from gancross.trainer.run.folder import RunFolder

PARTIAL, UNSYNCED, UNNAMED, NAMED, BETWEEN = (
    "half of the file is written", "before the file's fsync", "before the rename",
    "after the rename, before the folder's fsync", "between the numbered checkpoint and last.pt",
)  # fmt: skip
POINTS = (PARTIAL, UNSYNCED, UNNAMED, NAMED, BETWEEN)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One kill: after `delay` seconds, or at a point of the `save`-th writing of a file."""

    delay: float | None = None
    point: str = ""
    file: str = ""
    save: int = 0


class Teller:
    """Tells the parent, by a pipe that outlives a kill, what happens; an observer of the run's folder."""

    def __init__(self, wire: int) -> None:
        self._wire = wire

    def tell(self, what: str, step: int) -> None:
        os.write(self._wire, f"{what} {step}\n".encode())

    def resumed(self, step: int) -> None:
        self.tell("resumed", step)

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        self.tell("logged", step)

    def picture(self, step: int, png: bytes) -> None:
        """Nothing to tell."""


class HalfWritten:
    """A file of which half gets written before the process is killed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *error: object) -> None:
        """Never reached."""

    def write(self, content: bytes) -> NoReturn:
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        die()


class Trap:
    """Tells of every save of this process, and kills it where the plan says."""

    def __init__(self, plan: Plan, teller: Teller) -> None:
        self._plan, self._teller = plan, teller
        self._times: Counter[str] = Counter()
        self._open, self._replace, self._fsync, self._save = Path.open, os.replace, os.fsync, RunFolder.save
        self._file, self._sprung, self._step = "", False, 0

    def set(self) -> None:
        """In this process only, which ends with the run."""
        trap = self

        def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            return trap.open(path, mode, trap._open(path, mode, *arguments, **named))

        def save(folder: RunFolder, state: Checkpoint, *, milestone: bool) -> None:
            trap._step = state.step
            trap._teller.tell("saving", state.step)
            trap._save(folder, state, milestone=milestone)
            trap._teller.tell("saved", state.step)

        Path.open, RunFolder.save = opened, save  # type: ignore[method-assign,assignment]
        os.replace, os.fsync = self.replace, self.fsync  # type: ignore[assignment]

    def open(self, path: Path, mode: str, file: Any) -> Any:
        named = TEMPORARY.fullmatch(path.name)
        if mode != "xb" or named is None:
            return file
        self._file = "step" if named[1].startswith("step-") and named[1].endswith(".pt") else named[1]
        self._times[self._file] += 1
        planned = (self._plan.file, self._plan.save)
        self._sprung = (self._file, self._times[self._file]) == planned
        if self._sprung and self._plan.point == BETWEEN:
            die()
        return HalfWritten(file) if self._sprung and self._plan.point == PARTIAL else file

    def fsync(self, handle: int) -> None:
        if self._sprung and self._plan.point == UNSYNCED:
            die()
        self._fsync(handle)

    def replace(self, source: Path, target: Path) -> None:
        if self._sprung and self._plan.point == UNNAMED:
            die()
        self._replace(source, target)
        if self._file in ("step", "last.pt"):
            self._teller.tell("whole", self._step)
        if self._sprung and self._plan.point == NAMED:
            die()


def die() -> NoReturn:
    """At once, with nothing flushed and nothing tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
