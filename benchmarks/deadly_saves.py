"""A run that kills itself inside a save, for `kill_and_resume.py`.

The trap wraps the steps of `gancross.machine.files.write_atomically` in its own process only.
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
    """One kill: after `delay` seconds, or at a point of the `save`-th writing of a file; "": of any file."""

    delay: float | None = None
    point: str = ""
    file: str = ""
    save: int = 0


class Reporter:
    """Reports progress to the parent process by a pipe, which survives a kill; an observer of the run."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def report(self, event: str, step: int) -> None:
        os.write(self._descriptor, f"{event} {step}\n".encode())

    def resumed(self, step: int) -> None:
        self.report("resumed", step)

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        self.report("logged", step)

    def picture(self, step: int, png: bytes) -> None:
        """Not reported."""


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
    """Reports every save of this process, and kills it at the planned point."""

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan, self._reporter = plan, reporter
        self._times: Counter[str] = Counter()
        self._open, self._replace, self._fsync, self._save = Path.open, os.replace, os.fsync, RunFolder.save
        self._file, self._sprung, self._step = "", False, 0

    def set(self) -> None:
        """Installs the trap in this process, which ends with the run."""
        trap = self

        def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            return trap.open(path, mode, trap._open(path, mode, *arguments, **named))

        def save(folder: RunFolder, state: Checkpoint, *, milestone: bool) -> None:
            trap._step = state.step
            trap._reporter.report("saving", state.step)
            trap._save(folder, state, milestone=milestone)
            trap._reporter.report("saved", state.step)

        Path.open, RunFolder.save = opened, save  # type: ignore[method-assign,assignment]
        os.replace, os.fsync = self.replace, self.fsync  # type: ignore[assignment]

    def open(self, path: Path, mode: str, file: Any) -> Any:
        named = TEMPORARY.fullmatch(path.name)
        if mode != "xb" or named is None:
            return file
        self._file = "step" if named[1].startswith("step-") and named[1].endswith(".pt") else named[1]
        for written in {self._file, ""}:
            self._times[written] += 1
        self._reporter.report("writing", self._times[""])
        meant = self._plan.file in (self._file, "")
        self._sprung = meant and self._times[self._plan.file] == self._plan.save
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
            self._reporter.report("whole", self._step)
        if self._sprung and self._plan.point == NAMED:
            die()


def die() -> NoReturn:
    """Kills this process without flushing or cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
