"""How long a crew of any number of threads takes for a cross-test, by list scheduling of its pieces.

A cross-test judges one source after the other. Each source is one piece a chunk, which any free thread takes
in their order, at most `AHEAD` pieces a thread beyond the first unfinished one; a source ends with its last
piece. Statistics follow on one thread. Threads are taken to be as fast beside each other as alone: memory
that they share is not counted.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from gancross.machine.crew import AHEAD


@dataclass(frozen=True, kw_only=True)
class Work:
    """Seconds on one thread.

    Attributes:
        sources: the pieces of each source.
        serial: what one thread does before and after.
    """

    sources: Sequence[Sequence[float]]
    serial: float

    def seconds(self, threads: int, *, barriers: bool = True) -> float:
        """Of a call on so many threads.

        Args:
            barriers: whether a source begins when the one before has ended, as it does; else as if all
                pieces were of one source.
        """
        groups = self.sources if barriers else [[piece for source in self.sources for piece in source]]
        return self.serial + sum(makespan(pieces, threads) for pieces in groups)

    def speed_up(self, threads: int, *, barriers: bool = True) -> float:
        """Over one thread."""
        return self.seconds(1) / self.seconds(threads, barriers=barriers)


def makespan(pieces: Sequence[float], threads: int) -> float:
    """When the last piece ends: each begins on the first free thread, once its place is within the window."""
    free, taken = [0.0] * threads, list[float]()  # when each thread is free; when results are taken in order
    for number, piece in enumerate(pieces):
        begun = heapq.heappop(free)
        behind = number - threads * AHEAD - 1
        if threads > 1 and behind >= 0:
            begun = max(begun, taken[behind])
        end = begun + piece
        heapq.heappush(free, end)
        taken.append(max(end, taken[-1] if taken else 0.0))
    return taken[-1] if taken else 0.0
