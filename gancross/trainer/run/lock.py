"""One process at a time in the folder of a run."""

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
    """The folder, made where there is none, for this process alone.

    The operating system holds the lock and frees it however the process ends: what `status.json` says of
    a process that was killed never keeps the next one out.

    Raises:
        ResourceError: another process is at work in it, or it cannot be written.
    """
    lock = FileLock(root / LOCK)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise ResourceError(
            f"{root}: another run is at work here{_holder(root)}; wait for its end, or give another --out"
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
    """Who holds the lock, as far as its status tells: it is written a moment after the lock is taken."""
    status = read_status(root)
    if status is None or status.status != RUNNING:
        return ""
    elsewhere = f" on {status.host}" if status.host != platform.node() else ""
    return f" (process {status.pid}{elsewhere})"
