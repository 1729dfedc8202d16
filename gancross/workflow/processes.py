"""Training runs as processes of this machine; a signal reaches each of them once, through the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gancross.trainer.run.interruption import StopRequest
from gancross.workflow.execution import Ended, Execution
from gancross.workflow.spec import PlannedRun

POLL = 0.2  # seconds between looks at a process
BUG = 1


def run_as_process(run: PlannedRun, folder: Path, execution: Execution, request: StopRequest) -> Ended:
    """`gancross train` for one run; after a signal to the parent it is terminated, saves and exits.

    After a signal no run is started.
    """
    if request.signal_number is not None:
        return Ended(name=run.name, exit_code=128 + request.signal_number, message="stopped")
    threads = str(execution.threads)
    with tempfile.TemporaryFile() as stderr_file:  # a full pipe would block the child
        try:
            process = subprocess.Popen(
                command(run, folder, execution),
                env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
                stdout=subprocess.DEVNULL, stderr=stderr_file,
                start_new_session=True,  # Ctrl-C reaches the parent, which terminates each child once
            )  # fmt: skip
        except OSError as error:
            return Ended(name=run.name, exit_code=5, message=f"cannot be started: {error.strerror}")
        try:
            while process.poll() is None and request.signal_number is None:
                time.sleep(POLL)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
        stderr_file.seek(0)
        return _ended(run, process.returncode, stderr_file.read().decode(errors="replace"))


def command(run: PlannedRun, folder: Path, execution: Execution) -> list[str]:
    """The command line that trains a run, with every field of its recipe."""
    settings = [
        part for key, value in run.recipe.to_dict().items() if key != "name"
        for part in ("--set", f"{key}={value}")
    ]  # fmt: skip
    return [
        sys.executable, "-m", "gancross", "train", run.recipe.name, "--out", str(folder), "--quiet",
        "--device", execution.device, "--data-root", str(execution.data_root),
        "--log-every", str(execution.log_every), *(["--download"] if execution.download else []), *settings,
    ]  # fmt: skip


def _ended(run: PlannedRun, code: int, stderr: str) -> Ended:
    """The end of a run by exit code and last line of error. Killed by a signal means: not by this program."""
    if code == 0:
        return Ended(name=run.name)
    last = (stderr.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("Error: ")
    if code < 0:
        name = signal.Signals(-code).name
        return Ended(name=run.name, exit_code=5, message=f"killed by {name}, perhaps for lack of memory")
    return Ended(name=run.name, exit_code=code or BUG, message=last)
