"""`status.json` in the folder of a run: where it stands, and who said so."""

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

from gancross.errors import DivergenceError, GancrossError, Interrupted
from gancross.machine.files import read_bytes, write_atomically
from gancross.untrusted.strict_json import parsed

STATUS = "status.json"
RUNNING = "running"
LARGEST = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a run stands.

    Attributes:
        status: `running`, `preempted` (SIGTERM, SIGUSR1), `interrupted` (SIGINT), `diverged`, `failed` or
            `done`. A process that was killed leaves `running` behind.
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
    """Says where the run in `root` stands.

    Raises:
        ResourceError: the file cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = Status(
        status=status, step=step, steps=steps, pid=os.getpid(), host=platform.node(), time=now
    )  # fmt: skip
    write_atomically(root / STATUS, (json.dumps(asdict(record)) + "\n").encode())


def read_status(root: Path) -> Status | None:
    """What `status.json` says; None where there is none, or it is damaged."""
    try:
        return Status(**parsed(read_bytes(root / STATUS, limit=LARGEST)))
    except (GancrossError, ValueError, TypeError):
        return None


@contextmanager
def reported(root: Path, *, step: int, steps: int) -> Iterator[None]:
    """`status.json` says that the work inside is running, and then how it ended.

    Args:
        step: of the checkpoint that the work goes on from.
    """
    write_status(root, RUNNING, step=step, steps=steps)
    try:
        yield
    except BaseException as error:
        now = read_status(root)
        with contextlib.suppress(GancrossError):  # the work's own error says more than a full disk's
            write_status(root, _ending(error), step=step if now is None else now.step, steps=steps)
        raise
    write_status(root, "done", step=steps, steps=steps)


def _ending(error: BaseException) -> str:
    if isinstance(error, Interrupted):
        return "interrupted" if error.signal_number == signal.SIGINT else "preempted"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    # The error may be another process's, which has only its exit code in common with it.
    diverged = getattr(error, "exit_code", None) == DivergenceError.exit_code
    return "diverged" if diverged else "failed"
