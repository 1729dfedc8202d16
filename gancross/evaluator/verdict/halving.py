"""The halves of the test data on which FP at matched FN rests, for judges of samples and of groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Missing
from gancross.evaluator.statistics.groups import FEWEST_GROUPS, number_of_groups
from gancross.evaluator.statistics.resampling import Halves, draw_halves

if TYPE_CHECKING:
    from gancross.machine.crew import Crew


class Halving:
    """The same halves for all judges that saw the reals in groups of one size.

    Args:
        items: (N,) which test reals are identical: numbers that rise by 1 where another image begins.
        group_sizes: for which halves are wanted.
        workers: draw them, one thread for each size.
    """

    def __init__(
        self, items: NDArray[np.int64], *, seed: int, group_sizes: Iterable[int], workers: Crew
    ) -> None:
        self._items, self._seed = items, seed
        self._halves = {size: workers.submit(self._draw, size) for size in sorted(set(group_sizes))}

    def of(self, group_size: int) -> Halves | Missing:
        """The halves for judges of groups of that size, or why there are none."""
        return self._halves[group_size].result()

    def _draw(self, group_size: int) -> Halves | Missing:
        n = len(self._items)
        groups = number_of_groups(n, group_size)
        if group_size > 1 and groups < FEWEST_GROUPS:
            return Missing(f"{groups} groups of {group_size} test samples: fewer than {FEWEST_GROUPS}")
        units = self._items if group_size == 1 else self._groups(group_size)
        if units[-1] == 0:
            return Missing("fewer than two different test samples cannot be halved")
        return draw_halves(units, seed=self._seed)

    def _groups(self, group_size: int) -> NDArray[np.int64]:
        """(N,) the group of each real; groups that share an identical image count as one."""
        place = np.arange(1, len(self._items))
        begins = (place % group_size == 0) & (self._items[1:] != self._items[:-1])
        return np.concatenate([[0], np.cumsum(begins)])
