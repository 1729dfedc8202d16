"""How long a question may take: rounds are added until its share of the time is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The seconds on the clock that a question has for all that it measures.

    Attributes:
        seconds: 0: every series has its least number of rounds.
        clock: seconds from some fixed moment.
    """

    seconds: float = 0.0
    clock: Callable[[], float] = time.perf_counter

    def rounds(self, least: int, *, warmup: int, share: float) -> Iterator[int]:
        """The numbers of the rounds of one series: from −warmup, which do not count, to least − 1 and on.

        Beyond the least number there is another round while one of their mean length, warm-up included, still
        ends within this share of the seconds.
        """
        started = self.clock()
        number = -warmup
        while number < least or self._fits(self.clock() - started, number + warmup, share):
            yield number
            number += 1

    def _fits(self, spent: float, rounds: int, share: float) -> bool:
        return spent > 0 and spent * (rounds + 1) / rounds <= share * self.seconds
