"""The command `gancross`, also as `python -m gancross`: installs signal handlers before it imports the rest.

On Ctrl-C Python raises KeyboardInterrupt wherever it is. During an import that is a traceback, or a library
takes an import for failed and continues without it; so before the command and during imports this process
exits at once. Nothing has been started by then that would need cleanup.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes as long as all of the above
    from types import FrameType

IMPORTING = "<frozen importlib._bootstrap>"
INTERRUPTED, TERMINATED = 130, 143
_begun = False


def main() -> None:
    """Runs the command line and leaves with the exit code of `gancross.errors`."""
    # Ignored signals, as Ctrl-C is in a background job of a script, stay ignored.
    numbers = [number for number in _stop_signals() if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _stop)
    # Of processes that do not come torch's sockets print pages; gancross says it in a line.
    if "WORLD_SIZE" in os.environ:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    # Threads that share an operation wait asleep for the last of them: awake they take the core on which it
    # could go on. libgomp reads it when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from gancross.machine.streams import open_screens

    open_screens()
    from gancross.cli.main import main as command

    global _begun  # noqa: PLW0603  # a signal handler has no other way to know
    try:
        _begun = True
        command()
    finally:  # the exit code is decided; a traceback from Python's shutdown would only confuse
        for number in numbers:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)


def _stop_signals() -> list[int]:
    """SIGINT and the signals of schedulers; Windows has no SIGUSR1."""
    names = ("SIGINT", "SIGTERM", "SIGUSR1")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _stop(number: int, frame: FrameType | None) -> None:
    if not _begun:
        _exit_now(number)
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            _exit_now(number)
        frame = frame.f_back
    raise KeyboardInterrupt(number)


def _exit_now(number: int) -> None:
    message = "Error: interrupted" if number == signal.SIGINT else "Error: terminated"
    show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar may have hidden the cursor
    try:
        if os.environ.get("RANK", "0") == "0":  # of the processes of torchrun one speaks
            os.write(2, f"{show_cursor}{message}\n".encode())
    except OSError:
        pass  # standard error is closed or full, and has nothing else to take
    os._exit(INTERRUPTED if number == signal.SIGINT else TERMINATED)


if __name__ == "__main__":
    main()
