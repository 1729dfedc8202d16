"""Freed memory stays inside the context, and the process is as quick as before afterwards."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from gancross.machine.memory import kept_memory

BLOCKS, ELEMENTS = 20, 1 << 17  # half a mebibyte each, several alive at once


def faults() -> int:
    """Pages fetched while the same blocks are taken and freed again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        held = [torch.ones(ELEMENTS) for _ in range(BLOCKS)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_blocks_are_fetched_once_inside_and_not_more_often_than_before_afterwards():
    with kept_memory():
        faults()
        inside = faults()
    faults()
    afterwards = faults()
    one_round = BLOCKS * ELEMENTS * 4 // resource.getpagesize()
    assert inside < one_round
    assert afterwards < 2 * one_round  # 20 rounds would be 20 times that if every block went back at once


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancross.machine.memory._glibc", lambda: None)
    with kept_memory():
        assert torch.ones(3).sum() == 3
