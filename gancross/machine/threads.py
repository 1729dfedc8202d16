"""How many threads torch computes on: the cores that are really available, or a number for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gancross.arguments import integer
from gancross.errors import UsageError
from gancross.machine.cores import available_cores

MOST_PER_CORE = 64  # threads; a run of a machine with 32 times the cores, and two for each, goes on


def available_threads() -> int:
    """Threads for one process: torch's own number, but no more than the cores that this process may use.

    torch follows `OMP_NUM_THREADS` and affinity; it does not know the CPU quota of a control group.
    """
    return min(torch.get_num_threads(), available_cores())


def uses_all_cores() -> bool:
    """Whether torch's number leaves no core out that this process may use, as `OMP_NUM_THREADS` can."""
    return torch.get_num_threads() >= available_cores()


def checked_threads(count: int | None) -> int | None:
    """A number of threads that a caller asks for, or None.

    Raises:
        UsageError: it is no integer of at least 1, or absurdly large.
    """
    if count is None:
        return None
    number = integer(count, "threads")
    most = MOST_PER_CORE * available_cores()
    if not 1 <= number <= most:
        raise UsageError(
            f"threads must be at least 1 and at most {most:,}, {MOST_PER_CORE} for each core, got {number:,}"
        )
    return number


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Inside, torch computes on so many threads; afterwards on as many as before.

    Args:
        count: None: on as many as now.
    """
    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
