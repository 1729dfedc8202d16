"""The samples of one source by class: their places, their scores, their rates, those of all other classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.groups import groups_of_part, number_of_groups, proportion


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

    def others(self, number: int) -> NDArray[np.intp]:
        """The places of the samples of all classes but one."""
        return np.flatnonzero(self.classes != number)

    def rate(self, decisions: NDArray[np.bool_], number: int, group_size: int) -> Proportion | None:
        """The share of True, of decisions (N,), in one class; None where it has no samples."""
        places = self.members[number]
        return proportion(decisions[places], groups_of_part(places, group_size)) if len(places) else None

    def other_rate(self, decisions: NDArray[np.bool_], number: int, group_size: int) -> Proportion:
        """The share of True in all classes but one, pooled; these have samples."""
        if group_size == 1:
            count = int(decisions.sum()) - int(decisions[self.members[number]].sum())
            return Proportion(count=count, n=len(decisions) - self.sizes[number])
        places = self.others(number)
        return proportion(decisions[places], groups_of_part(places, group_size))

    def groups(self, places: NDArray[np.intp], group_size: int) -> int:
        """How many groups hold some of these samples."""
        return number_of_groups(len(places), groups_of_part(places, group_size))
