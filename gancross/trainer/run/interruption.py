"""Signals that stop a run: it finishes its step, saves and exits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gancross.machine.signals import STOP_SIGNALS, note_stop_request


class StopRequest:
    """The signal that was received, if any."""

    signal_number: int | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Inside, the first SIGINT, SIGTERM or SIGUSR1 is recorded; a second one has its previous effect.

    A signal that is ignored stays ignored: `nohup`, or a script that starts a job in the background, asked
    for that. Outside the main thread, where Python allows no handlers, this has no effect.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    previous = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}

    def record(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        note_stop_request()
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    for number in previous:
        signal.signal(number, record)
    try:
        yield request
    finally:
        note_stop_request(ended=True)
        restore()
