"""Freed memory goes back to the system."""

from __future__ import annotations

import time

import pytest
import torch

from gancross.machine import crew, memory
from gancross.machine.memory import hand_back, resident

BLOCK = 100 << 10  # bytes: less than glibc maps alone
TOTAL = 192 << 20

glibc = pytest.mark.skipif(memory._trim() is None, reason="the C library has no malloc_trim")


@pytest.fixture(autouse=True)
def looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_seen_at", 0.0)
    monkeypatch.setattr(memory, "_usual", 0)
    monkeypatch.setattr(memory, "_least", 0)
    monkeypatch.setattr(memory, "INTERVAL", 0.0)


def kept_free_blocks() -> torch.Tensor:
    """A block before which glibc keeps `TOTAL` bytes of freed ones: it only gives back what lies behind."""
    blocks = [torch.ones(BLOCK, dtype=torch.uint8) for _ in range(TOTAL // BLOCK)]
    return blocks[-1]


@glibc
def test_freed_blocks_go_back_where_the_process_has_grown() -> None:
    hand_back()
    hand_back()
    before = resident()
    last = kept_free_blocks()
    assert resident() - before > TOTAL // 2
    hand_back()
    assert resident() - before < TOTAL // 4
    assert last.sum() == BLOCK


@glibc
def test_memory_goes_back_once_for_each_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(memory, "_trim", lambda: trims.append)
    sizes = iter([100, 60, 170, 90, 150, 300, 80, 250, 310, 320, 90])  # 60, 80 and 90 after a trim
    monkeypatch.setattr(memory, "resident", lambda: next(sizes) << 20)
    expected = [1, 1, 1, 1, 2, 2, 2, 3]  # 100 − 0; then 170 is usual, 90 is, 300 − 90; 250 is, 320 − 250
    for count in expected:
        hand_back()
        assert len(trims) == count


@glibc
def test_between_works_growth_counts_from_the_last_trim(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(memory, "INTERVAL", 3600.0)
    monkeypatch.setattr(memory, "_trim", lambda: trims.append)
    sizes = iter([100, 90, 150, 200, 110, 170])  # 90 and 110 after a trim
    monkeypatch.setattr(memory, "resident", lambda: next(sizes) << 20)
    for count in [1, 1, 2, 2]:  # 100 − 0; 150 − 90 is no growth; 200 − 90; 170 − 110 is none
        hand_back(between_works=True)
        hand_back()  # looks too soon
        assert len(trims) == count


@glibc
def test_it_looks_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "resident", lambda: pytest.fail("looked too soon"))
    monkeypatch.setattr(memory, "INTERVAL", 3600.0)
    monkeypatch.setattr(memory, "_seen_at", time.monotonic())
    hand_back()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    monkeypatch.setattr(memory, "resident", lambda: pytest.fail("looked for nothing"))
    hand_back()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_crew_hands_back_between_its_pieces(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[None] = []
    monkeypatch.setattr(crew, "hand_back", lambda **_: handed.append(None))
    with crew.crew(threads) as workers:
        assert list(workers.in_order(abs, range(20))) == list(range(20))
    assert len(handed) >= 1 + 20 - crew.AHEAD * threads
