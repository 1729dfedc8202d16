"""Training runs as processes of this machine, each of which a signal reaches once and through its parent."""

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
    """`gancross train` for one run; once a signal is noted it is asked to stop, saves and leaves.

    A run that is not begun by then never is.
    """
    if request.signal_number is not None:
        return Ended(name=run.name, exit_code=128 + request.signal_number, message="stopped")
    threads = str(execution.threads)
    with tempfile.TemporaryFile() as complaints:  # a pipe that nobody empties stops a talkative child
        try:
            process = subprocess.Popen(
                command(run, folder, execution),
                env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
                stdout=subprocess.DEVNULL, stderr=complaints,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then asks each child once
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
        complaints.seek(0)
        return _ended(run, process.returncode, complaints.read().decode(errors="replace"))


def command(run: PlannedRun, folder: Path, execution: Execution) -> list[str]:
    """The command line that trains a run; every field of its recipe is spelt out."""
    settings = [
        part for key, value in run.recipe.to_dict().items() if key != "name"
        for part in ("--set", f"{key}={value}")
    ]  # fmt: skip
    return [
        sys.executable, "-m", "gancross", "train", run.recipe.name, "--out", str(folder), "--quiet",
        "--device", execution.device, "--data-root", str(execution.data_root),
        "--log-every", str(execution.log_every), *(["--download"] if execution.download else []), *settings,
    ]  # fmt: skip


def _ended(run: PlannedRun, code: int, complaint: str) -> Ended:
    """From exit code and last words. A process that a signal killed was never asked: memory ran out, say."""
    if code == 0:
        return Ended(name=run.name)
    last = (complaint.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("Error: ")
    if code < 0:
        name = signal.Signals(-code).name
        return Ended(name=run.name, exit_code=5, message=f"killed by {name}, perhaps for lack of memory")
    return Ended(name=run.name, exit_code=code or BUG, message=last)
