"""The samples of one source by class: their places, their scores, their rates, those of all other classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.groups import (
    effective_number_of_sums,
    group_sums,
    groups_of_part,
    number_of_groups,
    proportion,
)


@dataclass(frozen=True, kw_only=True)
class ClassParts:
    """N samples of K classes.

    Attributes:
        classes: 0…K−1, int64 (N,).
        num_classes: K.
    """

    classes: NDArray[np.int64]
    num_classes: int

    @cached_property
    def members(self) -> list[NDArray[np.intp]]:
        """The places of the samples of each class, rising."""
        order = np.argsort(self.classes, kind="stable")
        return np.split(order, np.cumsum(self.sizes)[:-1])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Samples of each class."""
        return tuple(np.bincount(self.classes, minlength=self.num_classes).tolist())

    def rate(self, decisions: NDArray[np.bool_], number: int, group_size: int) -> Proportion | None:
        """The share of True, of decisions (N,), in one class; None where it has no samples."""
        places = self.members[number]
        return proportion(decisions[places], groups_of_part(places, group_size)) if len(places) else None

    def other_rate(self, decisions: NDArray[np.bool_], number: int, group_size: int) -> Proportion:
        """The share of True in all classes but one, pooled; these have samples."""
        called = decisions[self.members[number]]
        count, n = int(decisions.sum()) - int(called.sum()), len(decisions) - len(called)
        if group_size == 1:
            return Proportion(count=count, n=n)
        # All of each group but what it has of the class: a search among all samples takes K times as long.
        sizes, inside = self._sizes_without(number, group_size), self.members[number] // group_size
        sums = group_sums(decisions, group_size) - np.bincount(inside, weights=called, minlength=len(sizes))
        held = sizes > 0
        return Proportion(count=count, n=n, effective_n=effective_number_of_sums(sums[held], sizes[held]))

    def fewest_groups(self, number: int, group_size: int) -> int:
        """How many groups hold samples of a class, or samples of others, whichever is less."""
        others = int((self._sizes_without(number, group_size) > 0).sum())
        return min(self.groups(number, group_size), others)

    def groups(self, number: int, group_size: int) -> int:
        """How many groups hold samples of a class."""
        places = self.members[number]
        return number_of_groups(len(places), groups_of_part(places, group_size))

    def _sizes_without(self, number: int, group_size: int) -> NDArray[np.float64]:
        """Samples of other classes in each group, (G,)."""
        whole = group_sums(np.ones(len(self.classes)), group_size)
        return whole - np.bincount(self.members[number] // group_size, minlength=len(whole))
