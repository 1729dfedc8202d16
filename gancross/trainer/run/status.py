"""Lock and `status.json` of a run's folder: one process at a time, which reports its progress."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from gancross.errors import DivergenceError, GancrossError, Interrupted, ResourceError
from gancross.machine.files import read_bytes, write_atomically
from gancross.untrusted.strict_json import parsed

STATUS, LOCK = "status.json", ".lock"
RUNNING, DONE = "running", "done"
LARGEST = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Status:
    """The status of a run.

    Attributes:
        status: `running`, `preempted` (SIGTERM, SIGUSR1), `interrupted` (SIGINT), `diverged`, `failed` or
            `done`. A killed process leaves `running` behind.
        step: of the last checkpoint, 0 before the first.
        steps: of the whole run.
        pid, host: of the process that wrote this.
        time: when, in UTC.
    """

    status: str
    step: int
    steps: int
    pid: int
    host: str
    time: str


def write_status(root: Path, status: str, *, step: int, steps: int) -> None:
    """Writes `status.json` of the run in `root`.

    Raises:
        ResourceError: the file cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = Status(
        status=status, step=step, steps=steps, pid=os.getpid(), host=platform.node(), time=now
    )  # fmt: skip
    write_atomically(root / STATUS, (json.dumps(asdict(record)) + "\n").encode())


def read_status(root: Path) -> Status | None:
    """Reads `status.json`; None if it is missing or damaged."""
    try:
        return Status(**parsed(read_bytes(root / STATUS, limit=LARGEST)))
    except (GancrossError, ValueError, TypeError):
        return None


@contextmanager
def reported(root: Path, *, step: int, steps: int) -> Iterator[None]:
    """Writes the status `running` on entry, and on exit how the run ended.

    Args:
        step: of the checkpoint from which the run resumes.
    """
    write_status(root, RUNNING, step=step, steps=steps)
    try:
        yield
    except BaseException as error:
        now = read_status(root)
        with contextlib.suppress(GancrossError):  # the original error matters more than a full disk
            write_status(root, _ending(error), step=step if now is None else now.step, steps=steps)
        raise
    write_status(root, DONE, step=steps, steps=steps)


def _ending(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return "interrupted" if error.signal_number == signal.SIGINT else "preempted"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    # The error may be another process's, which has only its exit code in common with it.
    diverged = getattr(error, "exit_code", None) == DivergenceError.exit_code
    return "diverged" if diverged else "failed"


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Locks the folder for this process and creates it if needed.

    The operating system releases the lock however the process ends, so the `status.json` of a killed process
    never blocks the next one.

    Raises:
        ResourceError: another process uses the folder, or it cannot be written.
    """
    lock = FileLock(root / LOCK)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise ResourceError(
            f"{root}: in use by another run{_holder(root)}; wait for its end, or give another --out"
        ) from None
    except NotImplementedError:
        raise ResourceError(f"{root}: cannot be locked: this file system has no locks") from None
    except OSError as error:
        raise ResourceError(f"{root}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _holder(root: Path) -> str:
    """The process that holds the lock, if `status.json` names it (it is written just after locking)."""
    status = read_status(root)
    if status is None or status.status != RUNNING:
        return ""
    elsewhere = f" on {status.host}" if status.host != platform.node() else ""
    return f" (process {status.pid}{elsewhere})"
