"""What the processes of a run tell each other beside their work: who is here, who lives, who failed.

It lies in a store of torch.distributed, which rank 0 or torchrun serves. A store that is not there yet, or
whose server hangs, does not answer, and torch waits for it where no signal arrives; so a thread asks, and
this one waits for a while.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
BEAT = 0.5  # seconds between the signs of life of a process
ANSWER = 2.0  # seconds in which the store must answer
PATIENCE = 30.0  # seconds for the last answer of a store that was there a moment before


class Board:
    """The board of one group, seen from one of its processes.

    Args:
        connect: waits for the store and returns it.
        watched: the key of a text that is kept once it was seen, for the store may be gone when it is wanted.
    """

    def __init__(self, connect: Callable[[], Any], *, rank: int, size: int, watched: str = "") -> None:
        self._connect, self._rank, self._size = connect, rank, size
        self._watched, self._seen = watched, dict[str, str]()
        self._store: Any = None
        self._answers = False
        self._connected = threading.Event()
        self._questions: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until the store is there; torch asks for it about once a second, and until then nobody answers."""
        self._connected.wait(seconds)

    def mark(self, state: str, number: int = 1) -> None:
        """Says that this process has reached a state, or number `number` of it; does not wait."""
        self._questions.put(lambda: self._store.set(f"{state}/{self._rank}", str(number)))

    def absent(self, state: str, number: int = 1) -> list[int] | None:
        """The ranks that have not reached a state; None if the store does not answer."""

        def reached(rank: int) -> bool:
            key = f"{state}/{rank}"
            return bool(self._store.check([key])) and int(self._store.get(key)) >= number

        return self._ask(lambda: [rank for rank in range(self._size) if not reached(rank)], None)

    def count(self, name: str) -> int | None:
        """Adds 1 to a counter of all processes; None if the store does not answer."""
        return self._ask(lambda: int(self._store.add(name, 1)), None)

    def write(self, key: str, text: str) -> None:
        """Leaves a text for all; does not wait."""
        self._questions.put(lambda: self._store.set(key, text))

    def read(self, key: str) -> str | None:
        """The text at a key, if there is one and the store answers or the text was seen before."""
        return self._ask(lambda: self._text(key), self._seen.get(key))

    def beats(self) -> list[int] | None:
        """The signs of life of every process so far; None if the store does not answer."""
        return self._ask(lambda: [int(self._store.add(_beat(rank), 0)) for rank in range(self._size)], None)

    def close(self, *, lost: bool = False) -> None:
        """Ends the thread, unless the store does not answer.

        Python ends a thread that comes back from the store while Python itself ends, and torch aborts then.

        Args:
            lost: whether the store may be gone; otherwise a busy machine may take its time.
        """
        self._questions.put(None)
        self._thread.join(ANSWER if lost else PATIENCE)

    def _ask(self, question: Callable[[], T], default: T) -> T:
        if not self._answers:
            return default
        answers: SimpleQueue[T] = SimpleQueue()

        def answer() -> None:
            try:
                answers.put(question())
            except RuntimeError:  # the store is gone
                answers.put(default)
                raise

        self._questions.put(answer)
        try:
            return answers.get(timeout=ANSWER)
        except Empty:
            self._answers = False
            return default

    def _serve(self) -> None:
        with contextlib.suppress(RuntimeError, ValueError):
            self._store = self._connect()
            next_beat = time.monotonic()
            while True:
                self._answers = True
                self._connected.set()
                if time.monotonic() >= next_beat:  # however many questions there are
                    self._live()
                    next_beat = time.monotonic() + BEAT
                with contextlib.suppress(Empty):
                    question = self._questions.get(timeout=BEAT)
                    if question is None:
                        break
                    question()
        self._answers = False
        self._connected.set()

    def _live(self) -> None:
        self._store.add(_beat(self._rank), 1)
        if self._watched and self._watched not in self._seen and (text := self._text(self._watched)):
            self._seen[self._watched] = text

    def _text(self, key: str) -> str | None:
        return self._store.get(key).decode() if self._store.check([key]) else None


class Vitals:
    """For how long a process has given no sign of life, by what the board said at several times."""

    def __init__(self) -> None:
        self._beats: dict[int, int] = {}
        self._heard: dict[int, float] = {}
        self._started = time.monotonic()

    def silent(self, beats: list[int] | None) -> float:
        """Seconds since the latest sign of the process that has been silent longest."""
        now = time.monotonic()
        for rank, beat in enumerate(beats or ()):
            if self._beats.get(rank) != beat:
                self._beats[rank], self._heard[rank] = beat, now
        return now - min(self._heard.values(), default=self._started)


def _beat(rank: int) -> str:
    return f"beat/{rank}"


def ranks(numbers: Sequence[int]) -> str:
    """Ranks for people: `rank 1`, `ranks 1, 2 and 5`."""
    if len(numbers) == 1:
        return f"rank {numbers[0]}"
    return f"ranks {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
