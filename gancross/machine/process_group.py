"""How the processes of a run talk: gloo between hosts, NCCL between GPUs, and a store for last words.

Every wait looks at the store several times a second: a process that fails leaves its error there before it
goes. One that is killed closes its connections, which ends the waits of the others at once; one that hangs
is given up after a time limit. Only the leading process's own long work is waited for without limit.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from gancross.errors import (
    CheckpointError,
    DataError,
    DivergenceError,
    GancrossError,
    Interrupted,
    ResourceError,
    UsageError,
    first_line,
)

TIMEOUT = "GANCROSS_TIMEOUT"  # seconds
DEFAULT_TIMEOUT = 300.0
GLANCE = timedelta(seconds=0.2)  # between looks at the store
PATIENCE = timedelta(days=1)
FAREWELL = 2.0  # seconds in which the others are waited for on leaving
OUT_OF_MEMORY, INTERRUPTED, BUG = ResourceError.exit_code, 130, 1


class Terminated(BaseException):
    """SIGTERM came; not an Exception, so that nothing on the way swallows it."""


class Lost(ResourceError):
    """Another process of this run is gone."""


class Group:
    """The joined processes. Tensors that are sent lie on the CPU, but for `add_up`."""

    def __init__(self, store: Any, *, rank: int, size: int, timeout: float, owner: bool) -> None:
        self.rank, self.size = rank, size
        self._store, self._timeout, self._owner = store, timeout, owner
        self._lost = False
        self._hosts = dist.new_group(backend="gloo", timeout=timedelta(seconds=max(timeout, DEFAULT_TIMEOUT)))
        self._patient = dist.new_group(backend="gloo", timeout=PATIENCE)
        self._gpus: Any = None

    @classmethod
    def opened(cls, name: str) -> Group:
        """Joins the processes that torchrun's environment tells of.

        Raises:
            UsageError: the time limit in the environment is no number.
            ResourceError: the others did not come in time.
        """
        timeout = _timeout()
        joining = max(timeout, DEFAULT_TIMEOUT)  # a machine that is slow to start is not dead
        limit = timedelta(seconds=joining)
        owner = not dist.is_initialized()  # else the program has joined them itself, for purposes of its own
        try:
            shared, rank, size = _rendezvous(joining)
            store = dist.PrefixStore(name, shared)  # type: ignore[attr-defined]
            if owner:
                dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
            return cls(store, rank=rank, size=size, timeout=timeout, owner=owner)
        except (RuntimeError, ValueError) as error:
            raise ResourceError(
                f"the processes of this run did not come together in {joining:g} s: {first_line(error)}"
            ) from error

    def add_up(self, flat: torch.Tensor) -> None:
        """The sum over all processes, in place, with the same bits everywhere."""
        if flat.is_cuda:
            if self._gpus is None:
                self._gpus = dist.new_group(backend="nccl", timeout=timedelta(seconds=self._timeout))
            dist.all_reduce(flat, group=self._gpus)
        else:
            self._wait(lambda group: dist.all_reduce(flat, group=group, async_op=True))

    def highest(self, numbers: Sequence[int], *, patient: bool = False) -> tuple[int, ...]:
        """The highest of each number over the processes."""
        words = torch.tensor(numbers, dtype=torch.int64)
        highest = dist.ReduceOp.MAX
        self._wait(lambda group: dist.all_reduce(words, highest, group=group, async_op=True), patient=patient)
        return tuple(words.tolist())

    def gathered(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes in their order, on every process."""
        lengths = self._lengths(rows)
        padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in lengths]
        self._wait(lambda group: dist.all_gather(parts, padded, group=group, async_op=True))
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def from_others(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """The rows of processes 1, 2, … in their order, on every process, one process's at a time."""
        for rank, length in enumerate(self._lengths(rows)):
            if rank > 0 and length:
                part = rows.contiguous() if rank == self.rank else rows.new_empty((length, *rows.shape[1:]))
                self._broadcast(part, rank)
                yield part

    def from_first(self, content: bytes) -> bytes:
        """Process 0's bytes, on every process."""
        length = torch.tensor([len(content) if self.rank == 0 else 0])
        self._broadcast(length, 0, patient=True)
        received = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0)
        if self.rank > 0:
            received = torch.empty(int(length), dtype=torch.uint8)
        if int(length):
            self._broadcast(received, 0, patient=True)
        return received.numpy().tobytes()

    def copy_from_first(self, tensors: Sequence[torch.Tensor]) -> None:
        """Process 0's values in place of everyone's."""
        for tensor in tensors:
            sent = tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
            self._broadcast(sent, 0)
            tensor.detach().copy_(sent)

    def failed(self, error: BaseException) -> BaseException:
        """The error this process leaves with; it is printed by the first that failed, and nowhere else."""
        told = self._last_words()
        if isinstance(error, Terminated):
            # torchrun stops everybody when one process has died, or was asked to.
            error = told or (self._stopped() if self._all("stopped") else self._gone())
        elif isinstance(error, Lost):
            error = told or error
        if told is None and self._count("failed") == 1:
            with contextlib.suppress(RuntimeError):
                self._store.set("last words", json.dumps(_words(error)))
        else:
            error.said_elsewhere = True  # type: ignore[attr-defined]
        self._all("leaving")  # the last words may lie in this very process
        return error

    def close(self) -> None:
        """Leaves the group; where a process is gone, the operating system closes what is open."""
        if self._owner and not self._lost:
            dist.destroy_process_group()

    def _lengths(self, rows: torch.Tensor) -> tuple[int, ...]:
        return self.highest([len(rows) if rank == self.rank else 0 for rank in range(self.size)])

    def _broadcast(self, tensor: torch.Tensor, source: int, *, patient: bool = False) -> None:
        self._wait(lambda group: dist.broadcast(tensor, source, group=group, async_op=True), patient=patient)

    def _wait(self, start: Callable[[Any], Any], *, patient: bool = False) -> None:
        """Until it is done, in glances so that signals and other processes' errors are seen."""
        deadline = math.inf if patient else time.monotonic() + self._timeout
        work, ended = None, False
        while True:
            try:
                work = start(self._patient if patient else self._hosts) if work is None else work
                work.wait(GLANCE)
                return
            except RuntimeError:  # the glance is over, or the work has failed
                told = self._last_words()
                if told is not None:
                    raise told from None
                if work is None or ended or time.monotonic() > deadline:
                    raise self._gone() from None
                ended = work.is_completed()  # perhaps just now: once more tells how

    def _gone(self) -> Lost:
        self._lost = True
        return Lost(
            "another process of this run died or hangs, so this one ends too, without a result; start it"
            f" again, with {TIMEOUT} above {self._timeout:g} (seconds) if it was only slow"
        )

    def _stopped(self) -> Interrupted:
        return Interrupted("stopped by SIGTERM, without a result", signal_number=signal.SIGTERM)

    def _all(self, what: str) -> bool:
        """Whether every process says so within a moment; this one does."""
        deadline = time.monotonic() + FAREWELL
        count = self._count(what)
        while count < self.size and time.monotonic() < deadline:
            time.sleep(GLANCE.total_seconds() / 4)
            count = self._count(what, 0)
        return count >= self.size

    def _count(self, what: str, more: int = 1) -> int:
        """A common counter; where the store is gone this process is the only one that counts."""
        with contextlib.suppress(RuntimeError):
            return int(self._store.add(what, more))
        return 1

    def _last_words(self) -> GancrossError | None:
        """What the first process that failed has left in the store."""
        with contextlib.suppress(RuntimeError):
            if self._store.check(["last words"]):
                error = _rebuilt(**json.loads(self._store.get("last words")))
                error.said_elsewhere = True  # type: ignore[attr-defined]
                return error
        return None


@functools.cache
def _rendezvous(timeout: float) -> tuple[Any, int, int]:
    """The store, this process's rank, and how many there are; one store for the life of the process."""
    store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=timeout)))
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


def _words(error: BaseException) -> dict[str, Any]:
    """What the others are told of an error."""
    kind, code = type(error).__name__, getattr(error, "exit_code", BUG)
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError":
        code = OUT_OF_MEMORY
    if isinstance(error, KeyboardInterrupt):
        code = INTERRUPTED
    return {"kind": kind, "message": str(error), "exit_code": code}


def _rebuilt(kind: str, message: str, exit_code: int) -> GancrossError:
    """Another process's error, to be raised here."""
    kinds: dict[str, type[GancrossError]] = {
        one.__name__: one
        for one in (UsageError, CheckpointError, DataError, DivergenceError, ResourceError, Lost)
    }
    error = kinds.get(kind, GancrossError)(message)
    error.exit_code = exit_code
    return error


def _timeout() -> float:
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < PATIENCE.total_seconds():
        raise UsageError(f"{TIMEOUT} must be a number of seconds above 0 and below a day, is {text!r}")
    return seconds
