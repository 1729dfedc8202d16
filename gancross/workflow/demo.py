"""The demonstration: an unregularized and a regularized GAN on the digits, cross-tested."""

from __future__ import annotations

import json
import os
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
from gancross.files import write_atomically
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
PICTURE_IMAGES = 64

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
        Interrupted: SIGINT or SIGTERM came.
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
        write_atomically(pictures[name], (folder / "samples" / f"step-{STEPS:010d}.png").read_bytes())
    checkpoints = {name: folder / "last.pt" for name, folder in folders.items()}
    return Demonstration(result=result, record=record, checkpoints=checkpoints, pictures=pictures)


def _train_side_by_side(folders: dict[str, Path], progress: Progress | None) -> None:
    """One process per variant; the parent reads their logs. A signal stops and saves all of them.

    Raises:
        Interrupted: SIGINT or SIGTERM came.
        ResourceError: a process failed.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    processes = {
        name: subprocess.Popen(
            [
                sys.executable, "-m", "gancross", "train", "digits", "--out", str(folder), "--quiet",
                *SHARED, *VARIANTS[name],
            ],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then asks each child once
        )
        for name, folder in folders.items()
    }  # fmt: skip
    try:
        with stop_requests() as request:
            while all(process.poll() in (None, 0) for process in processes.values()):
                if request.signal_number is not None:
                    raise Interrupted(
                        "stopped; the same command goes on from here", signal_number=request.signal_number
                    )
                for name, folder in folders.items():
                    if progress is not None:
                        progress(f"training {name}", logged_step(folder / "log.jsonl"), STEPS)
                if all(process.poll() == 0 for process in processes.values()):
                    break
                time.sleep(POLL)
        failed = [name for name, process in processes.items() if process.poll() not in (None, 0)]
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.terminate()
        complaints = {name: process.communicate()[1] for name, process in processes.items()}
    for name in failed:  # not those that were only stopped on its account
        raise _failure(name, processes[name].returncode, complaints[name])


def logged_step(log: Path) -> int:
    """The step of the last whole line of a log; 0 before there is one."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
        return int(json.loads(lines[-1])["step"])
    except (OSError, ValueError, IndexError, KeyError, TypeError, ArithmeticError, RecursionError):
        return 0


def _failure(name: str, code: int, complaint: str) -> GancrossError:
    last = (complaint.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("Error: ")
    return ResourceError(f"the training of '{name}' failed: {last}")
