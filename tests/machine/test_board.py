"""What processes tell each other: what was seen once outlives the process that serves it."""

from __future__ import annotations

import time

import pytest

from gancross.machine import board as boards
from gancross.machine.board import Board


class Store(dict[str, bytes]):
    """As torch's, in this process; gone once the process that serves it has left."""

    gone = False

    def check(self, keys: list[str]) -> bool:
        self._answers()
        return all(key in self for key in keys)

    def read(self, key: str) -> bytes:
        self._answers()
        return self[key]

    get = read  # type: ignore[assignment]

    def set(self, key: str, text: str) -> None:
        self._answers()
        self[key] = text.encode()

    def add(self, key: str, amount: int) -> int:
        self._answers()
        self[key] = str(int(super().get(key, b"0")) + amount).encode()
        return int(self[key])

    def _answers(self) -> None:
        if self.gone:
            raise RuntimeError("connection closed")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(boards, "BEAT", 0.01)
    return Store()


def test_an_error_that_was_left_is_known_after_its_process_has_gone(store: Store) -> None:
    board = Board(lambda: store, rank=1, size=2, watched="error")
    store.set("error", "rank 0: diverged")
    while not board._seen:
        time.sleep(0.01)
    store.gone = True
    assert board.read("error") == "rank 0: diverged"
    assert board.count("failed") is None and board.read("other") is None
    board.close()


def test_what_is_not_watched_is_asked_for(store: Store) -> None:
    board = Board(lambda: store, rank=0, size=2)
    while board.count("failed") is None:
        time.sleep(0.01)
    board.write("error", "late")
    while (text := board.read("error")) is None:
        time.sleep(0.01)
    assert text == "late" and board.count("failed") == 2
    board.close()


def test_a_process_that_asks_all_the_time_gives_signs_of_life(store: Store) -> None:
    """As one that waits does: its own silence would end its wait."""
    board = Board(lambda: store, rank=0, size=1)
    beats: set[int] = set()
    deadline = time.monotonic() + 60
    while len(beats) < 3:
        assert time.monotonic() < deadline
        beats |= set(board.beats() or ())
    board.close()
