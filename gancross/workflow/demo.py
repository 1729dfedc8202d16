"""The demonstration: an unregularized and a regularized GAN on the digits, cross-tested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gancross.checkpoint import load_contestant
from gancross.data import catalogue
from gancross.errors import GancrossError, Interrupted, ResourceError, UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.result import Result
from gancross.files import read_bytes, write_atomically
from gancross.pictures import image_grid
from gancross.trainer.interruption import stop_requests

STEPS = 1000
LOG_EVERY = 20
SHARED = ("--set", "width=16", "--steps", str(STEPS), "--device", "cpu", "--log-every", str(LOG_EVERY))
VARIANTS: dict[str, tuple[str, ...]] = {
    "unregularized": ("--regularizer", "none"),
    "regularized": ("--gamma", "0.1"),
}
POLL = 0.2  # seconds between looks at the logs
STOPPED = (130, 143)  # exit codes of a run that a signal stopped
PICTURE_IMAGES = 64
LARGEST_PICTURE = 64 << 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What the demonstration made, and where it lies."""

    result: Result
    record: Path
    checkpoints: dict[str, Path]
    pictures: dict[str, Path]


def demonstrate(out: Path, *, progress: Progress | None = None) -> Demonstration:
    """Trains both GANs side by side, one thread each, and cross-tests them with 10,000 samples each.

    Called again, it goes on where it stopped.

    Args:
        progress: called with (what, steps or samples done, of how many).

    Raises:
        UsageError: `out` is a file.
        ResourceError: a training process failed; its own last line is in the message.
        Interrupted: SIGINT, SIGTERM or SIGUSR1 came.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file, expected a folder for the demonstration")
    folders = {name: out / name for name in VARIANTS}
    _train_side_by_side(folders, progress)
    contestants = [load_contestant(folders[name] / "last.pt", name=name) for name in VARIANTS]
    result = crosstest(contestants, data="digits", device="cpu", progress=progress)
    record = out / "result.json"
    result.save(record)
    pictures = {"test data": out / "test-data.png"}
    test = catalogue.load("digits").held_out(PICTURE_IMAGES)[:PICTURE_IMAGES]
    write_atomically(pictures["test data"], image_grid(test))
    for name, folder in folders.items():
        pictures[name] = out / f"{name}.png"
        drawn = read_bytes(folder / "samples" / f"step-{STEPS:010d}.png", limit=LARGEST_PICTURE)
        write_atomically(pictures[name], drawn)
    checkpoints = {name: folder / "last.pt" for name, folder in folders.items()}
    return Demonstration(result=result, record=record, checkpoints=checkpoints, pictures=pictures)


def _train_side_by_side(folders: dict[str, Path], progress: Progress | None) -> None:
    """One process per variant; the parent reads their logs. A signal stops and saves all of them.

    Raises:
        Interrupted: SIGINT, SIGTERM or SIGUSR1 came.
        ResourceError: a process failed.
    """
    processes: dict[str, subprocess.Popen[str]] = {}
    stopping: int | None = None
    try:
        with stop_requests() as request:  # before the first process is there, or it could be left behind
            for name, folder in folders.items():
                processes[name] = _started(name, folder)
            while request.signal_number is None and _going_well(processes):
                for name, folder in folders.items():
                    if progress is not None:
                        progress(f"training {name}", logged_step(folder / "log.jsonl"), STEPS)
                time.sleep(POLL)
            stopping = request.signal_number
        failed = [name for name, process in processes.items() if process.poll() not in (None, 0)]
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.terminate()
        complaints = {name: process.communicate()[1] for name, process in processes.items()}
    if stopping is None and any(processes[name].returncode in STOPPED for name in failed):
        stopping = signal.SIGTERM  # a scheduler's signal to every process reached this one last, or not
    if stopping is not None:
        raise Interrupted("stopped; the same command goes on from here", signal_number=stopping)
    for name in failed:  # not those that were only stopped on its account
        raise _failure(name, processes[name].returncode, complaints[name])


def _started(name: str, folder: Path) -> subprocess.Popen[str]:
    """A process that trains one variant.

    Raises:
        ResourceError: the system starts no more of them.
    """
    try:
        return subprocess.Popen(
            [
                sys.executable, "-m", "gancross", "train", "digits", "--out", str(folder), "--quiet",
                *SHARED, *VARIANTS[name],
            ],
            env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then asks each child once
        )  # fmt: skip
    except OSError as error:
        raise ResourceError(f"the training of '{name}' cannot be started: {error.strerror}") from error


def _going_well(processes: dict[str, subprocess.Popen[str]]) -> bool:
    """Some are at work and none has failed."""
    codes = [process.poll() for process in processes.values()]
    return None in codes and all(code in (None, 0) for code in codes)


def logged_step(log: Path) -> int:
    """The step of the last whole line of a log; 0 before there is one."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
        return int(json.loads(lines[-1])["step"])
    except (OSError, ValueError, IndexError, KeyError):
        return 0


def _failure(name: str, code: int, complaint: str) -> GancrossError:
    last = (complaint.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("Error: ")
    return ResourceError(f"the training of '{name}' failed: {last}")
