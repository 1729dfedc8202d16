"""The processes of one run as torchrun starts them, on torch.distributed.

    @joined()                                # joins the processes that torchrun's environment names
    def work(n):
        processes = current()                # one process where torchrun started none
        part = processes.share(n)            # this process's part of n items in order
        return processes.all_gather(rows_of(part))

With one process every method returns its argument and torch.distributed is not imported. A process that
fails leaves its error on the board of the group: the others leave with the same exit code, and only the
process that failed prints a message. One that was killed or stopped gives no sign of life any more.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.errors import ResourceError, UsageError, printable

if TYPE_CHECKING:
    import torch

    from gancross.machine.process_group import Group


@dataclass(frozen=True, kw_only=True)
class Processes:
    """All processes of a run, seen from one of them.

    Attributes:
        rank: number of this process, 0 … size − 1; rank 0 alone writes and prints.
        size: number of processes.
        local_rank: number of this process on its machine.
        group: their connections; None for one process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    group: Group | None = None

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This process's contiguous part of n items; the lengths of parts differ by at most one."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def device(self, target: torch.device) -> torch.device:
        """The device of this process: CUDA device `local_rank` where the target is CUDA.

        Raises:
            UsageError: the target is one CUDA device for all processes.
            ResourceError: this machine has more processes than CUDA devices.
        """
        if self.group is None or target.type != "cuda":
            return target
        import torch

        if target.index is not None:
            raise UsageError(
                f"device '{target}': {self.size} processes need a device each; write --device cuda"
            )
        if self.local_rank >= torch.cuda.device_count():
            raise ResourceError(
                f"local rank {self.local_rank}: this machine has {torch.cuda.device_count()} CUDA devices,"
                " expected one for each process; start fewer processes"
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Each tensor becomes its mean over the processes, in place; one message for all of them.

        Every process ends with the same bits. The tensors are of one type, on one device.
        """
        if self.group is None or not tensors:
            return
        import torch

        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        self.group.all_reduce_sum(flat)
        means = torch.split(flat / self.size, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.detach().copy_(mean.view(tensor.shape))

    def all_reduce_max(self, *numbers: int) -> tuple[int, ...]:
        """The maximum of each number over the processes: how they agree on what to do next."""
        return numbers if self.group is None else self.group.all_reduce_max(numbers)

    def all_gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes by rank, (N, …) on the CPU; parts may differ in length."""
        return rows if self.group is None else self.group.all_gather(rows)

    def rows_of_other_ranks(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """The rows of ranks 1, 2, … one rank at a time; nothing with one process.

        Every process must iterate over all of them.
        """
        return iter(()) if self.group is None else self.group.rows_by_rank(rows, first=1)

    def wait_for_all(self) -> None:
        """Waits without a time limit until every process is here, after work of unequal length."""
        if self.group is not None:
            self.group.all_reduce_max([0], patient=True)

    def broadcast_from_rank0(self, content: bytes) -> bytes:
        """Rank 0's content, on every process; the others wait for it without a time limit."""
        return content if self.group is None else self.group.broadcast_from_rank0(content)

    def copy_from_rank0(self, tensors: Sequence[torch.Tensor]) -> None:
        """Each tensor becomes rank 0's, in place."""
        if self.group is not None:
            self.group.copy_from_rank0(tensors)

    @contextmanager
    def rank_zero_first(self, enabled: bool) -> Iterator[None]:
        """If enabled, rank 0 finishes the block before the others enter it."""
        if enabled and not self.is_rank_zero:
            self.broadcast_from_rank0(b"")
        yield
        if enabled and self.is_rank_zero:
            self.broadcast_from_rank0(b"")


ALONE = Processes()
_calls = itertools.count()
_current: list[Processes] = []


def process_count() -> int:
    """The number of processes by torchrun's environment; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if _is_started() and not _no_place() else 1


def _is_started() -> bool:
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


def _no_place() -> str:
    """What the environment says of this process's place among others, where that is none."""
    if not _is_started():
        return ""
    rank, size = (os.environ[name] for name in ("RANK", "WORLD_SIZE"))
    if rank.isdecimal() and size.isdecimal() and int(rank) < int(size):
        return ""
    return f"RANK={printable(rank)}, WORLD_SIZE={printable(size)}"


def is_rank_zero() -> bool:
    """Whether this process writes and prints; needs no group."""
    return process_count() == 1 or int(os.environ["RANK"]) == 0


def current() -> Processes:
    """The joined processes; this process alone where none are joined."""
    return _current[0] if _current else ALONE


@contextmanager
def joined(*, timeout: float | None = None, exits: bool = False) -> Iterator[None]:
    """Joins the processes of this run; a nested call changes nothing.

    A context manager and a decorator. All processes leave together, or with the exit code of the first that
    failed; SIGTERM and Ctrl-C end the wait for others at once.

    Args:
        timeout: seconds after which processes give up one that does not come; by default
            `GANCROSS_TIMEOUT`, or 300.
        exits: whether the process exits after an error, as a command does.

    Raises:
        UsageError: the environment gives this process no place among the others.
        ResourceError: another process died, hangs or did not join in time; its rank is named.
        OtherProcessFailed: another process failed first.
        Interrupted: SIGTERM came.
        Exception: what this process raised.
    """
    if place := _no_place():
        raise UsageError(f"{place}: no place among processes of torchrun; unset both for a single process")
    if _current or process_count() == 1:
        yield
        return
    from gancross.machine.process_group import Group
    from gancross.machine.signals import terminable

    group = Group(f"gancross-{next(_calls)}", timeout=timeout)
    try:
        with terminable(exits=exits):
            try:
                group.join()
                local_rank = int(os.environ.get("LOCAL_RANK", group.rank))
                _current.append(
                    Processes(rank=group.rank, size=group.size, local_rank=local_rank, group=group)
                )
                yield
                group.all_reduce_max([0], patient=True)  # no process leaves before all have succeeded
            except BaseException as error:
                common = group.common_error(error)
                if common is error:
                    raise
                raise common from None
    finally:
        _current.clear()
        group.close()


def is_reported_elsewhere(error: BaseException) -> bool:
    """Whether another process prints this error; of one before they joined, which all have, rank 0."""
    return getattr(error, "is_reported_elsewhere", not is_rank_zero())
