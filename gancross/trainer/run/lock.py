"""The lock on the folder of a run: one process at a time."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gancross.errors import ResourceError
from gancross.trainer.run.status import RUNNING, read_status

LOCK = ".lock"


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
