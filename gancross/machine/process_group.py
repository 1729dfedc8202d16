"""Communication between the processes of a run: gloo between hosts, NCCL between GPUs, a store for errors.

Every wait polls the store several times a second: a process that fails leaves its error there before it
exits. A killed process closes its connections, which ends the waits of the others at once; a process that
hangs is given up after a time limit. Only rank 0's own long work, and long work of unequal length, is waited
for without a limit.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from gancross.errors import Interrupted, OtherProcessFailed, ResourceError, UsageError, first_line

TIMEOUT = "GANCROSS_TIMEOUT"  # seconds
DEFAULT_TIMEOUT = 300.0
POLL = timedelta(seconds=0.2)  # between looks at the store
LONGEST_WAIT = timedelta(days=1)
LEAVE_TIMEOUT = 2.0  # seconds that a leaving process waits for the others
ERROR = "error"  # the store's key for the first error


class Terminated(BaseException):
    """SIGTERM came; not an Exception, so that no handler on the way swallows it."""


class Group:
    """The joined processes. Tensors lie on the CPU; those of `all_reduce_sum` may lie on a GPU."""

    def __init__(self, name: str) -> None:
        """Joins the processes that torchrun's environment names.

        Raises:
            UsageError: the time limit in the environment is not a number of seconds.
            ResourceError: the others did not join in time.
        """
        self._timeout = _timeout()
        # A machine that is slow to start is not dead.
        limit = timedelta(seconds=max(self._timeout, DEFAULT_TIMEOUT))
        self._owner = not dist.is_initialized()  # else the calling program has joined them
        self._lost = False
        self._gpus: Any = None
        try:
            shared, rank, size = _rendezvous(limit)
            self.rank, self.size = rank, size
            self._store = store = dist.PrefixStore(name, shared)  # type: ignore[attr-defined]
            if self._owner:
                dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
            self._hosts = dist.new_group(backend="gloo", timeout=limit)
            self._patient = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
        except (RuntimeError, ValueError) as error:
            what = f"the processes of this run did not join within {limit.total_seconds():g} s"
            raise ResourceError(f"{what}: {first_line(error)}") from error

    def all_reduce_sum(self, flat: torch.Tensor) -> None:
        """The sum over all processes, in place, with the same bits everywhere."""
        if flat.is_cuda:
            if self._gpus is None:
                self._gpus = dist.new_group(backend="nccl", timeout=timedelta(seconds=self._timeout))
            dist.all_reduce(flat, group=self._gpus)
        else:
            self._wait(partial(dist.all_reduce, flat))

    def all_reduce_max(self, numbers: Sequence[int], *, patient: bool = False) -> tuple[int, ...]:
        """The maximum of each number over the processes."""
        maxima = torch.tensor(numbers, dtype=torch.int64)
        self._wait(partial(dist.all_reduce, maxima, dist.ReduceOp.MAX), patient=patient)
        return tuple(maxima.tolist())

    def all_gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes by rank, on every process."""
        lengths = self._lengths(rows)
        padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in lengths]
        self._wait(partial(dist.all_gather, parts, padded))
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def rows_by_rank(self, rows: torch.Tensor, *, first: int = 0) -> Iterator[torch.Tensor]:
        """The rows of each rank from `first` on, on every process, one rank at a time."""
        for rank, length in enumerate(self._lengths(rows)):
            if rank >= first and length:
                part = rows.contiguous() if rank == self.rank else rows.new_empty((length, *rows.shape[1:]))
                self._broadcast(part, rank)
                yield part

    def broadcast_from_rank0(self, content: bytes) -> bytes:
        """Rank 0's bytes, on every process."""
        length = torch.tensor([len(content)])
        self._broadcast(length, 0, patient=True)
        if not length:
            return b""
        received = bytearray(content if self.rank == 0 else int(length))
        self._broadcast(torch.frombuffer(received, dtype=torch.uint8), 0, patient=True)
        return bytes(received)

    def copy_from_rank0(self, tensors: Sequence[torch.Tensor]) -> None:
        """Rank 0's values in place of every process's."""
        for tensor in tensors:
            sent = tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
            self._broadcast(sent, 0)
            tensor.detach().copy_(sent)

    def common_error(self, error: BaseException) -> BaseException:
        """The error with which this process leaves; the process that failed first prints its own."""
        first_error = self._first_error()
        if isinstance(error, Terminated):
            # torchrun terminates all processes when one has died, or when it is terminated itself.
            stopped = Interrupted("stopped by SIGTERM, without a result", signal_number=signal.SIGTERM)
            error = first_error or (stopped if self._all_reach("stopped") else self._process_lost())
        elif self._lost:
            error = first_error or error
        if first_error is None and self._count("failed") == 1:
            report = {"message": f"process {self.rank}: {first_line(error)}", "exit_code": _exit_code(error)}
            with contextlib.suppress(RuntimeError):
                self._store.set(ERROR, json.dumps(report))
        else:
            error.is_reported_elsewhere = True  # type: ignore[attr-defined]
        self._all_reach("leaving")  # the store may lie in this very process
        return error

    def close(self) -> None:
        """Leaves the group; after the loss of a process the operating system closes the connections."""
        if self._owner and not self._lost:
            dist.destroy_process_group()

    def _lengths(self, rows: torch.Tensor) -> tuple[int, ...]:
        return self.all_reduce_max([len(rows) if rank == self.rank else 0 for rank in range(self.size)])

    def _broadcast(self, tensor: torch.Tensor, source: int, *, patient: bool = False) -> None:
        self._wait(partial(dist.broadcast, tensor, source), patient=patient)

    def _wait(self, start: Callable[..., Any], *, patient: bool = False) -> None:
        """Waits for a collective operation in short polls, which see signals and other processes' errors."""
        deadline = math.inf if patient else time.monotonic() + self._timeout
        group, work, ended = self._patient if patient else self._hosts, None, False
        while True:
            try:
                work = start(group=group, async_op=True) if work is None else work
                work.wait(POLL)
                return
            except RuntimeError:  # the poll is over, or the operation has failed
                first_error = self._first_error()
                if first_error is not None:
                    raise first_error from None
                if work is None or ended or time.monotonic() > deadline:
                    raise self._process_lost() from None
                ended = work.is_completed()  # perhaps just now: the next wait says how

    def _process_lost(self) -> ResourceError:
        self._lost = True
        return ResourceError(
            "another process of this run died or hangs, so this one exits without a result; run the command"
            f" again, with {TIMEOUT} above {self._timeout:g} (seconds) if that process was only slow"
        )

    def _all_reach(self, state: str) -> bool:
        """Marks this process as in a state; whether the others reach it within `LEAVE_TIMEOUT`."""
        deadline = time.monotonic() + LEAVE_TIMEOUT
        count = self._count(state)
        while count < self.size and time.monotonic() < deadline:
            time.sleep(POLL.total_seconds() / 4)
            count = self._count(state, 0)
        return count >= self.size

    def _count(self, counter: str, increment: int = 1) -> int:
        """A counter of all processes; 1 if the store is lost."""
        with contextlib.suppress(RuntimeError):
            return int(self._store.add(counter, increment))
        return 1

    def _first_error(self) -> OtherProcessFailed | None:
        """The error that the first process to fail has left in the store, as one line with its rank."""
        with contextlib.suppress(RuntimeError):
            if self._store.check([ERROR]):
                report = json.loads(self._store.get(ERROR))
                error = OtherProcessFailed(report["message"], exit_code=report["exit_code"])
                error.is_reported_elsewhere = True  # type: ignore[attr-defined]
                return error
        return None


@cache
def _rendezvous(limit: timedelta) -> tuple[Any, int, int]:
    """The store, this process's rank and the number of processes; one store for the life of the process."""
    store, rank, size = next(rendezvous("env://", timeout=limit))
    return store, rank, size


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises `Terminated`; torchrun sends it when another process has failed.

    Outside the main thread, where Python allows no handlers, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return ResourceError.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)


def _timeout() -> float:
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < LONGEST_WAIT.total_seconds():
        raise UsageError(f"{TIMEOUT} must be a number of seconds above 0 and below a day, got {text!r}")
    return seconds
