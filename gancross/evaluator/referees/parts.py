"""The part of each piece of work that is done while it is being done, in whatever process that is.

A file holds eight bytes for each piece, such as a referee. Who works at it writes its part, a few times a
second; a thread of the calling process reads all of them and reports how much is done of all.
"""

from __future__ import annotations

import contextlib
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PERIOD = 0.25  # seconds between two writes, and between two reads
PART = struct.Struct("=d")

Report = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a referee takes.

    Attributes:
        steps: of its training.
        scores: of one sample by one network each: those that choose its snapshots, and those that judge.
        batch_size: pairs of a real and a sample in a step.
    """

    steps: int
    scores: int
    batch_size: int

    @property
    def in_steps(self) -> int:
        """All of it; a step takes about as long as one and a half scores of each of its samples.

        Measured 1.1 to 2.5 for vectors and images of 8×8, 16×16 and 32×32 on one and two cores.
        """
        return self.steps + self.scores // (3 * self.batch_size)


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Where the part of a piece of work is written; can be sent to another process.

    Attributes:
        numbers: of the piece; and of others that are worked at elsewhere at the same pace.
    """

    path: Path
    numbers: tuple[int, ...]

    def write(self, part: float) -> None:
        """Writes the part, 0 … 1. On a machine that has no such file nothing is written."""
        with contextlib.suppress(OSError), self.path.open("r+b", buffering=0) as file:
            for number in self.numbers:
                file.seek(number * PART.size)
                file.write(PART.pack(part))


class Meter:
    """Counts what is done of one piece of work, in steps, and writes it at times.

    Args:
        effort: the whole in steps.
        slots: where the part is written; None: nobody looks.
    """

    def __init__(self, effort: Effort | None = None, slots: Slots | None = None) -> None:
        self._effort, self._slots = effort, slots
        self._steps = self._scores = 0
        self._written = time.perf_counter()

    def step(self) -> None:
        """A step of training is done."""
        self._steps += 1
        self._write()

    def scored(self, scores: int) -> None:
        """So many samples have been scored by one network each."""
        self._scores += scores
        self._write()

    def _write(self) -> None:
        if self._slots is None or self._effort is None or time.perf_counter() < self._written + PERIOD:
            return
        done = Effort(steps=self._steps, scores=self._scores, batch_size=self._effort.batch_size)
        # The effort is estimated: what takes more stays at its end until it is done.
        self._slots.write(min(1.0, done.in_steps / self._effort.in_steps))
        self._written = time.perf_counter()


UNWATCHED = Meter()


class Watch:
    """Reports how much is done of several pieces of work, in steps."""

    def __init__(self, efforts: Sequence[Effort], report: Report | None, path: Path | None) -> None:
        self._efforts, self._report, self._path = [effort.in_steps for effort in efforts], report, path
        self._finished: set[int] = set()
        self._last = -1
        self._failure: BaseException | None = None
        self._lock = threading.Lock()

    def slots(self, *numbers: int) -> Slots | None:
        """Where the part of the first of these pieces is written, which stands for the others' too."""
        return None if self._path is None else Slots(path=self._path, numbers=numbers)

    def finish(self, number: int) -> None:
        """A piece is done.

        Raises:
            BaseException: what the report raised before in the thread.
        """
        if self._failure is not None:
            raise self._failure
        self._finished.add(number)
        self.tell()

    def tell(self) -> None:
        """Reports steps done and steps in all, unless no more are done than at the last report."""
        if self._report is None or not self._efforts:
            return
        with self._lock:
            parts = [1.0 if number in self._finished else part for number, part in enumerate(self._parts())]
            done = int(sum(part * effort for part, effort in zip(parts, self._efforts, strict=True)))
            if done > self._last:
                self._last = done
                self._report(done, sum(self._efforts))

    def tell_until(self, ended: threading.Event) -> None:
        """Reports until then; what the report raises is raised by the next `finish`."""
        while self._failure is None and not ended.wait(PERIOD):
            try:
                self.tell()
            except BaseException as failure:
                self._failure = failure

    def _parts(self) -> Sequence[float]:
        content = b"" if self._path is None else self._path.read_bytes()
        return [part for (part,) in PART.iter_unpack(content)] or [0.0] * len(self._efforts)


@contextmanager
def watched(efforts: Sequence[Effort], report: Report | None) -> Iterator[Watch]:
    """Inside, a thread reports what is done, from 0 on; pieces count as a whole where no file can be made.

    Args:
        efforts: of each piece.
        report: called with steps done and steps in all, by that thread and by `Watch.finish`, never by both
            at once.
    """
    with ExitStack() as stack:
        path = None
        if report is not None and efforts:
            with contextlib.suppress(OSError):  # a line of progress is worth no referee
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gancross-")))
                (folder / "parts").write_bytes(bytes(PART.size * len(efforts)))
                path = folder / "parts"
        watch, ended = Watch(efforts, report, path), threading.Event()
        watch.tell()
        if path is not None:
            thread = threading.Thread(target=watch.tell_until, args=[ended], daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(ended.set)
        yield watch
