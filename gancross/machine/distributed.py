"""The processes of one run as torchrun starts them, on torch.distributed.

    @joined()                                # joins what torchrun's environment tells of
    def work(n):
        processes = current()                # one process, where it tells of none
        part = processes.share(n)            # what is this process's of n things in order
        return processes.gathered(made_of(part))

Alone, every method returns what it was given and costs nothing; torch.distributed is not even imported. A
process that fails says so in the store of the group, so that the others leave with the same error and only
the first one prints it; a process that was killed is noticed by its closed connections.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.errors import ResourceError, UsageError

if TYPE_CHECKING:
    import torch

    from gancross.machine.process_group import Group

ENVIRONMENT = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, kw_only=True)
class Processes:
    """All processes of a run, seen from one of them.

    Attributes:
        rank: number of this process, 0 … size − 1; process 0 alone writes and prints.
        size: how many there are.
        local_rank: number of this process on its machine.
        group: what joins them; None for one process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    group: Group | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This process's contiguous part of n things; parts differ by at most one."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def device(self, target: torch.device) -> torch.device:
        """The device of this process: CUDA device `local_rank` where the target is CUDA.

        Raises:
            UsageError: one device was named for all processes.
            ResourceError: this machine has more processes than CUDA devices.
        """
        if self.group is None or target.type != "cuda":
            return target
        import torch

        if target.index is not None:
            raise UsageError(
                f"device '{target}': {self.size} processes take a device each; write --device cuda"
            )
        if self.local_rank >= torch.cuda.device_count():
            raise ResourceError(
                f"process {self.local_rank} of this machine has no CUDA device of its own: there are"
                f" {torch.cuda.device_count()}; start fewer processes"
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
        self.group.add_up(flat)
        means = torch.split(flat / self.size, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.detach().copy_(mean.view(tensor.shape))

    def highest(self, *numbers: int) -> tuple[int, ...]:
        """The highest of each number over the processes: how they agree on what to do next."""
        return numbers if self.group is None else self.group.highest(numbers)

    def gathered(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes in their order, (N, …) on the CPU; parts may differ in length."""
        return rows if self.group is None else self.group.gathered(rows)

    def from_others(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """The rows of processes 1, 2, … in their order, one process's at a time; nothing alone.

        Every process goes through all of them, whether it wants them or not.
        """
        return iter(()) if self.group is None else self.group.from_others(rows)

    def from_first(self, content: bytes) -> bytes:
        """What process 0 has, on every process; it may take its time."""
        return content if self.group is None else self.group.from_first(content)

    def copy_from_first(self, tensors: Sequence[torch.Tensor]) -> None:
        """Each tensor becomes that of process 0, in place."""
        if self.group is not None:
            self.group.copy_from_first(tensors)

    @contextmanager
    def in_turn(self, wanted: bool) -> Iterator[None]:
        """Where wanted, process 0 is through the block before the others enter it."""
        if wanted and not self.first:
            self.from_first(b"")
        yield
        if wanted and self.first:
            self.from_first(b"")


ALONE = Processes()
_calls = itertools.count()
_current: list[Processes] = []


def process_count() -> int:
    """How many processes the environment tells of; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in ENVIRONMENT) else 1


def is_first() -> bool:
    """Whether this process writes and prints; needs no group."""
    return process_count() == 1 or int(os.environ["RANK"]) == 0


def current() -> Processes:
    """The processes that were joined; this one alone where none were."""
    return _current[0] if _current else ALONE


@contextmanager
def joined() -> Iterator[None]:
    """Joins the processes of this run, once: what is called inside is joined already.

    A context and a decorator. All processes leave together, or with the error that the first of them
    failed with.

    Raises:
        ResourceError: another process died, hangs or never came.
        Exception: what another process raised; `said_elsewhere` tells that it was printed there.
    """
    if _current or process_count() == 1:
        yield
        return
    from gancross.machine.process_group import Group, terminable

    group = Group.opened(f"gancross-{next(_calls)}")
    _current.append(
        Processes(
            rank=group.rank, size=group.size, local_rank=int(os.environ.get("LOCAL_RANK", group.rank)),
            group=group,
        )
    )  # fmt: skip
    try:
        with terminable():
            yield
            group.highest([0], patient=True)  # nobody leaves before all have succeeded
    except BaseException as error:
        told = group.failed(error)
        if told is error:
            raise
        raise told from None
    finally:
        _current.clear()
        group.close()


def said_elsewhere(error: BaseException) -> bool:
    """Whether another process prints this error."""
    return getattr(error, "said_elsewhere", False)
