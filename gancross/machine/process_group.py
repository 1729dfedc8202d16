"""Communication between the processes of a run: gloo between hosts, NCCL between GPUs, a board for the rest.

No process waits for one that never comes. While one waits it looks at the board several times a second: a
process that fails leaves its error there before it exits, and one that was stopped or killed gives no sign of
life any more. Only rank 0's own long work, and long work of unequal length, is waited for as long as its
process lives; all else, the beginning too, has a time limit.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from gancross.errors import Interrupted, OtherProcessFailed, ResourceError, UsageError, first_line
from gancross.machine.board import BEAT, Board, Vitals, ranks
from gancross.machine.signals import Terminated, seconds_since_stop_request

TIMEOUT = "GANCROSS_TIMEOUT"  # seconds
DEFAULT_TIMEOUT = 300.0
POLL = timedelta(seconds=0.2)  # between looks at the board
LONGEST_WAIT = timedelta(days=1)
LEAVE_TIMEOUT = 2.0  # seconds that a leaving process waits for the others
STOP_TIMEOUT = 10.0  # seconds in which the others must reach a point where a run can stop
ERROR = "error"  # the board's key for the first error


class Group:
    """The joined processes. Tensors lie on the CPU; those of `all_reduce_sum` may lie on a GPU."""

    def __init__(self, name: str, *, timeout: float | None = None) -> None:
        """A group of the processes that torchrun's environment names, which `join` joins.

        Args:
            timeout: seconds after which processes give each other up; by default from the environment.

        Raises:
            UsageError: the time limit in the environment is not a number of seconds.
        """
        self._timeout = time_limit() if timeout is None else timeout
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self._name = name
        self._owner = not dist.is_initialized()  # else the calling program has joined them
        self._joined = self._lost = False
        self._connecting = threading.Thread(target=self._connect, daemon=True)
        self._failures: list[Exception] = []
        self._gpus: Any = None
        self._waits = 0
        self._board = Board(self._board_store, rank=self.rank, size=self.size, watched=ERROR)

    def join(self) -> None:
        """Waits for all processes; torch waits in a thread, since it would not see signals.

        Raises:
            ResourceError: others did not come in time; the message names them.
        """
        self._board.mark("here")
        self._connecting.start()
        deadline = time.monotonic() + self._timeout
        self._connecting.join(POLL.total_seconds())
        while self._connecting.is_alive():
            first_error = self._first_error()
            if first_error is not None:
                raise first_error
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"{ranks(self._not_here())} of {self.size} did not join within {self._timeout:g} s: start"
                    f" all processes, slow ones with a longer --timeout or {TIMEOUT} (seconds)"
                )
            self._connecting.join(POLL.total_seconds())
        for failure in self._failures:
            what = f"the processes of this run cannot join at {os.environ['MASTER_ADDR']}"
            raise ResourceError(f"{what}:{os.environ['MASTER_PORT']}: {first_line(failure)}") from failure
        self._board.wait(self._timeout)  # whoever fails at once must be heard
        self._joined = True

    def _connect(self) -> None:
        try:
            self._connect_all()
        except Exception as error:
            self._failures.append(error)

    def _connect_all(self) -> None:
        limit = timedelta(seconds=self._timeout + 2 * LEAVE_TIMEOUT)  # the thread that joins is quicker
        store = dist.PrefixStore(self._name, _rendezvous(limit))  # type: ignore[attr-defined]
        if self._owner:
            dist.init_process_group("gloo", store=store, rank=self.rank, world_size=self.size, timeout=limit)
        self._hosts = dist.new_group(backend="gloo", timeout=limit)
        self._patient = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)

    def _board_store(self) -> Any:
        """A connection of its own: a store answers one question at a time."""
        limit = timedelta(seconds=self._timeout)
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = dist.TCPStore(  # type: ignore[attr-defined]
            address, port, is_master=False, wait_for_workers=False, timeout=limit
        )
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return dist.PrefixStore(f"{self._name}/board/{attempt}", store)  # type: ignore[attr-defined]

    def _not_here(self) -> list[int]:
        """The ranks that did not come, as far as it is known."""
        return self._board.absent("here") or self._unknown()

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
        missing = [] if self._joined else self._not_here()
        if isinstance(error, Terminated | KeyboardInterrupt) and missing:
            error = self._stopped(error, f"while waiting for {ranks(missing)}")
        elif isinstance(error, Terminated):
            # torchrun terminates all processes when one has died, or when it is terminated itself.
            died = not self._all_reach("stopped") and self._dead()
            error = first_error or (self._process_lost(died) if died else self._stopped(error))
        elif self._lost:
            error = first_error or error
        elsewhere = first_error is not None or (self._board.count("failed") or 1) > 1
        if not elsewhere:
            report = {"message": f"process {self.rank}: {first_line(error)}", "exit_code": _exit_code(error)}
            self._board.write(ERROR, json.dumps(report))
        error.is_reported_elsewhere = elsewhere  # type: ignore[attr-defined]
        self._all_reach("leaving", but=missing)  # the board may lie in this very process
        return error

    def _stopped(self, error: BaseException, when: str = "without a result") -> Interrupted:
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        return Interrupted(f"stopped by {number.name}, {when}", signal_number=number)

    def close(self) -> None:
        """Leaves the group; after the loss of a process the operating system closes the connections."""
        self._board.close(lost=self._lost or not self._joined)
        if self._connecting.is_alive():
            self._connecting.join(POLL.total_seconds())
        if self._owner and self._joined and not self._lost:
            dist.destroy_process_group()

    def _lengths(self, rows: torch.Tensor) -> tuple[int, ...]:
        return self.all_reduce_max([len(rows) if rank == self.rank else 0 for rank in range(self.size)])

    def _broadcast(self, tensor: torch.Tensor, source: int, *, patient: bool = False) -> None:
        self._wait(partial(dist.broadcast, tensor, source), patient=patient)

    def _wait(self, start: Callable[..., Any], *, patient: bool = False) -> None:
        """Waits for a collective operation in short polls, which see signals and other processes' errors."""
        self._waits += 1
        started, vitals = time.monotonic(), Vitals()
        group, work, ended, polls = self._patient if patient else self._hosts, None, False, 0
        while True:
            try:
                work = start(group=group, async_op=True) if work is None else work
                work.wait(POLL)
                return
            except RuntimeError:  # the poll is over, or the operation has failed
                if polls == 0:
                    self._board.mark("waiting", self._waits)
                polls += 1
                first_error = self._first_error()
                if first_error is not None:
                    raise first_error from None
                if patient:
                    late = vitals.silent(self._board.beats()) > self._timeout
                else:
                    late = time.monotonic() > started + self._timeout
                if work is None or ended or late or seconds_since_stop_request() > STOP_TIMEOUT:
                    raise self._process_lost() from None
                ended = work.is_completed()  # perhaps just now: the next wait says how

    def _process_lost(self, missing: Sequence[int] = ()) -> ResourceError:
        self._lost = True
        # Where all live: those that are not where this one waits.
        missing = missing or self._dead() or self._board.absent("waiting", self._waits) or self._others()
        return ResourceError(
            f"{ranks(missing)} of this run died or {'hangs' if len(missing) == 1 else 'hang'}, so this one"
            f" exits without a result; run the command again, with --timeout or {TIMEOUT} above"
            f" {self._timeout:g} (seconds) if only slow"
        )

    def _dead(self) -> list[int]:
        """The ranks without a sign of life."""
        before = self._board.beats()
        time.sleep(3 * BEAT)
        after = self._board.beats()
        if before is None or after is None:
            return self._unknown()
        return [rank for rank in self._others() if before[rank] == after[rank]]

    def _unknown(self) -> list[int]:
        """Where the board does not answer: rank 0, which serves it; to rank 0 itself all others."""
        return [0] if self.rank else self._others()

    def _others(self) -> list[int]:
        return [rank for rank in range(self.size) if rank != self.rank]

    def _all_reach(self, state: str, *, but: Sequence[int] = ()) -> bool:
        """Marks this process as in a state; whether the others reach it within `LEAVE_TIMEOUT`."""
        deadline = time.monotonic() + LEAVE_TIMEOUT
        self._board.mark(state)
        while (absent := self._board.absent(state)) is not None and time.monotonic() < deadline:
            if set(absent) <= set(but):
                return True
            time.sleep(POLL.total_seconds() / 4)
        return False

    def _first_error(self) -> OtherProcessFailed | None:
        """The error that the first process to fail has left on the board, as one line with its rank."""
        text = self._board.read(ERROR)
        if text is None:
            return None
        report = json.loads(text)
        error = OtherProcessFailed(report["message"], exit_code=report["exit_code"])
        error.is_reported_elsewhere = True  # type: ignore[attr-defined]
        return error


@cache
def _rendezvous(limit: timedelta) -> Any:
    """The store of all processes; one for the life of the process."""
    store, _, _ = next(rendezvous("env://", timeout=limit))
    return store


def _exit_code(error: BaseException) -> int:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return ResourceError.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)


def time_limit() -> float:
    """The time limit in the environment, in seconds.

    Raises:
        UsageError: it is no number of seconds.
    """
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < LONGEST_WAIT.total_seconds():
        raise UsageError(f"{TIMEOUT} must be a number of seconds above 0 and below a day, got {text!r}")
    return seconds
