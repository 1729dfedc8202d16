"""Threads of torch: those of a call, and afterwards those of before."""

from __future__ import annotations

import pytest
import torch

from gancross.errors import UsageError
from gancross.machine import threads
from gancross.machine.threads import available_threads, checked_threads, torch_threads


def failing_on(count: int) -> None:
    with torch_threads(count):
        assert torch.get_num_threads() == count
        raise ZeroDivisionError


def test_threads_are_put_back_after_failures_too() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        failing_on(before + 2)
    with torch_threads(None):
        assert torch.get_num_threads() == before


def test_no_more_than_the_cores_and_no_more_than_torch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    for of_torch, expected in ((1, 1), (2, 2), (5, 2)):
        with torch_threads(of_torch):
            assert available_threads() == expected


@pytest.mark.parametrize("count", [0, -1, 1.0, "2"], ids=str)
def test_other_numbers_are_refused(count: object) -> None:
    with pytest.raises(UsageError, match="threads must be"):
        checked_threads(count)  # type: ignore[arg-type]
