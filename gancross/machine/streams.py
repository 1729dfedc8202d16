"""Standard output and standard error that cannot stop the work: a screen that cannot show costs no record."""

from __future__ import annotations

import errno
import io
import os
import sys


class Screen(io.FileIO):
    """A stream that takes everything: what it cannot write is dropped, and the first reason is kept."""

    lost: OSError | None = None

    def write(self, content: object) -> int:
        """Writes a part or all of the content; says that all of it is written once the stream is lost."""
        try:
            while self.lost is None:
                written = super().write(content)  # type: ignore[arg-type]
                if written is not None:
                    return written
                _await_room(self)  # whoever shares the stream has made it non-blocking
        except OSError as error:
            self.lost = error
        return memoryview(content).nbytes  # type: ignore[arg-type]


def open_screens() -> None:
    """Replaces this process's standard output and error: characters that they cannot encode become '?'.

    A stream that was closed becomes the null device, or its number would go to the next file that is opened.
    A terminal of no columns is one of unknown width.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        buffer = getattr(stream, "buffer", None)
        if stream is None or isinstance(getattr(buffer, "raw", buffer), io.FileIO):
            setattr(sys, name, _screen(number, stream))
        else:  # a console of Windows
            stream.reconfigure(errors="replace")
    for name in ("COLUMNS", "LINES"):
        if not os.environ.get(name, "1").strip("0"):
            del os.environ[name]


def lost_output() -> OSError | None:
    """Why standard output could not be written; None if it was, or if its reader left with what he wanted."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, Screen) else None
    reader_left = isinstance(lost, ConnectionError) or (
        os.name == "nt" and lost is not None and lost.errno == errno.EINVAL
    )
    return None if reader_left else lost


def write_document(text: str) -> None:
    """Writes JSON or Markdown to standard output, in UTF-8 whatever the terminal's encoding."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
        return
    buffer.write(text.encode("utf-8", "backslashreplace"))
    buffer.flush()


def _screen(number: int, before: io.TextIOWrapper | None) -> io.TextIOWrapper:
    by_line = before is not None and (before.line_buffering or before.write_through)
    return io.TextIOWrapper(
        io.BufferedWriter(Screen(number, "wb", closefd=False)),
        encoding="utf-8" if before is None else before.encoding, errors="replace", line_buffering=by_line,
    )  # fmt: skip


def _await_room(stream: Screen) -> None:
    import select

    select.select([], [stream], [])
