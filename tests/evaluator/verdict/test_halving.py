"""The halves of the test data for judges of samples and of groups."""

from __future__ import annotations

import numpy as np

from gancross.evaluator.estimates import Missing
from gancross.evaluator.verdict.halving import Halving


def test_identical_reals_stay_on_one_side_for_judges_of_groups_too() -> None:
    items = np.repeat(np.arange(200), np.tile([1, 1, 3, 5], 50))
    for size in (1, 4):
        halves = Halving(items, seed=0).of(size)
        assert not isinstance(halves, Missing)
        sides = [set(items[half.index].tolist()) for half in halves]
        assert sides[0].isdisjoint(sides[1])
        assert sum(len(half.index) for half in halves) == len(items)


def test_too_few_groups_or_different_reals_have_no_halves() -> None:
    few, alike = Halving(np.arange(100), seed=0).of(4), Halving(np.zeros(9, dtype=np.int64), seed=0).of(1)
    assert isinstance(few, Missing) and "fewer than 30" in few.reason
    assert isinstance(alike, Missing) and "two different" in alike.reason
