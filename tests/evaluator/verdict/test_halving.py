"""The halves of the test data for judges of samples and of groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Missing
from gancross.evaluator.statistics.resampling import Halves
from gancross.evaluator.verdict.halving import Halving
from gancross.machine.crew import crew


def drawn(items: NDArray[np.int64], size: int) -> Halves | Missing:
    with crew(1) as workers:
        return Halving(items, seed=0, group_sizes=[size], workers=workers).of(size)


def test_identical_reals_stay_on_one_side_for_judges_of_groups_too() -> None:
    items = np.repeat(np.arange(200), np.tile([1, 1, 3, 5], 50))
    for size in (1, 4):
        halves = drawn(items, size)
        assert not isinstance(halves, Missing)
        sides = [set(items[half.index].tolist()) for half in halves]
        assert sides[0].isdisjoint(sides[1])
        assert sum(len(half.index) for half in halves) == len(items)


def test_too_few_groups_or_different_reals_have_no_halves() -> None:
    few, alike = drawn(np.arange(100), 4), drawn(np.zeros(9, dtype=np.int64), 1)
    assert isinstance(few, Missing) and "fewer than 30" in few.reason
    assert isinstance(alike, Missing) and "two different" in alike.reason
