"""The signals that stop a run."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Slurm can send SIGUSR1 before preemption; Windows has none.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]  # fmt: skip

_requests: list[float] = []  # the time of a request, while one is open


def note_stop_request(*, ended: bool = False) -> None:
    """Says that a run was asked to stop, and will at its next step; or that it has."""
    _requests.clear()
    if not ended:
        _requests.append(time.monotonic())


def seconds_since_stop_request() -> float:
    """Since a run was asked to stop; −∞ if none was."""
    return time.monotonic() - _requests[0] if _requests else -math.inf


class Terminated(BaseException):
    """SIGTERM came; not an Exception, so that no handler on the way swallows it."""


@contextmanager
def terminable(*, exits: bool) -> Iterator[None]:
    """Inside, SIGTERM raises `Terminated`; torchrun sends it when another process has failed.

    A SIGTERM that is ignored stays ignored. Outside the main thread, where Python allows no handlers, nothing
    is changed.

    Args:
        exits: whether the process exits after an error; SIGTERM is then ignored on its way out.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    signal.signal(signal.SIGTERM, leave)
    after = signal.SIG_IGN if exits else before
    try:
        yield
        after = before
    finally:
        signal.signal(signal.SIGTERM, after if after is not None else signal.SIG_DFL)
