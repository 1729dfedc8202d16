"""The command `gancross`, also as `python -m gancross`: signals first, everything else after.

Python answers Ctrl-C with KeyboardInterrupt wherever it happens to be. In the middle of an import that
means a traceback, or an import that some library takes for failed and goes on without; so there this
process leaves at once: nothing has been begun that would have to be put in order.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone takes as long to import as all of the above
    from types import FrameType

IMPORTING = "<frozen importlib._bootstrap>"
INTERRUPTED, TERMINATED = 130, 143


def main() -> None:
    """Runs the command line and leaves with the exit code of `gancross.errors`."""
    # One that is ignored, as Ctrl-C is for a job in the background of a script, stays so.
    numbers = [number for number in _stopping() if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _stop)
    from gancross.cli.main import main as command

    try:
        command()
    finally:  # the exit code stands, and a traceback out of Python's own end would only confuse
        for number in numbers:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)


def _stopping() -> list[int]:
    """SIGINT, and what schedulers send; Windows has no SIGUSR1."""
    names = ("SIGINT", "SIGTERM", "SIGUSR1")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _stop(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            _leave(number)
        frame = frame.f_back
    raise KeyboardInterrupt(number)


def _leave(number: int) -> None:
    message = "Error: interrupted" if number == signal.SIGINT else "Error: terminated"
    shown = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar may have hidden the cursor
    os.write(2, f"{shown}{message}\n".encode())
    os._exit(INTERRUPTED if number == signal.SIGINT else TERMINATED)


if __name__ == "__main__":
    main()
