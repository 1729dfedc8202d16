"""Images decoded by worker processes, in the order of the requests.

`concurrent.futures` and not torch's DataLoader, for three reasons. A DataLoader installs a SIGCHLD
handler that raises anywhere in the main thread when a worker dies; its workers import torch, which costs
seconds and hundreds of MB each; and it reports their errors as tracebacks in a message.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from gancross.data.images import ImageBatch, Reader, read_batch
from gancross.errors import ResourceError, UsageError
from gancross.machine.cores import available_cores
from gancross.machine.signals import STOP_SIGNALS

MAX_DEFAULT_WORKERS = 4
BATCHES_PER_WORKER = 2  # that are being read at a time
EXIT_DELAY = 1.0  # seconds that a worker has to exit by itself after its images are no longer needed


def resolve_workers(workers: int | None) -> int:
    """The number of processes that read images; None: one per core, at most four, where there can be any.

    0: this process reads.

    Raises:
        UsageError: a negative number.
        ResourceError: this machine lets processes share nothing.
    """
    if workers is not None and workers < 0:
        raise UsageError(f"workers must be at least 0, got {workers}")
    if multiprocessing.current_process().daemon:  # Python gives daemonic processes no children
        return 0
    if workers != 0 and not _processes_can_share():
        if workers is not None:
            raise ResourceError(
                f"{workers} workers: processes can share no lock on this machine, perhaps for lack of"
                " /dev/shm; give 0 workers"
            )
        return 0
    return min(MAX_DEFAULT_WORKERS, available_cores()) if workers is None else workers


def _processes_can_share() -> bool:
    """Whether the system has semaphores; on Linux they lie in /dev/shm, which containers may lack."""
    methods = multiprocessing.get_all_start_methods()
    try:
        # The semaphore of a fork has no name, and so needs no process that cleans up after it.
        multiprocessing.get_context("fork" if "fork" in methods else "spawn").Lock()
    except (OSError, ImportError):
        return False
    return True


def decoded_batches(
    batches: Iterable[NDArray[np.bytes_]], reader: Reader, *, name: str, workers: int
) -> Generator[ImageBatch, None, None]:
    """The images of each batch of items; the number of workers changes nothing.

    Closing the iterator ends the processes.

    Args:
        batches: items of `reader`, batch by batch; may be endless.
        reader: picklable and small, since every worker gets a copy.
        name: of the data set, for errors.

    Raises:
        DataError: an image is refused.
        ResourceError: a worker died, or a file cannot be read.
    """
    if workers == 0:
        for items in batches:
            yield read_batch(reader, items)
        return
    # Spawned workers inherit nothing: a fork would copy torch's thread pools in their current state, and a
    # fork server is shared with the rest of the program.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with _signals_blocked():
        pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_prepare_worker, initargs=(receiver,)
        )
    pending: deque[Future[ImageBatch]] = deque()
    try:
        for items in batches:
            with _signals_blocked():
                pending.append(pool.submit(read_batch, reader, items))
            if len(pending) == BATCHES_PER_WORKER * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool:
        raise ResourceError(
            f"data '{name}': a process that reads images died, perhaps for lack of memory: use fewer"
            " workers, or workers=0; a script that calls gancross needs if __name__ == '__main__':"
        ) from None
    finally:
        sender.close()
        pool.shutdown(cancel_futures=True)
        receiver.close()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Defers Ctrl-C, and a scheduler's signals to all processes of a job, while a process may start.

    A worker inherits the blocked signals and ignores them from its first instruction: this process decides
    when to stop. The resource tracker, which cleans up after a pool, inherits them too; by itself it ignores
    only SIGINT and SIGTERM. Windows has no signal masks; there `_prepare_worker` does it a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        resource_tracker.ensure_running()  # first, since its start unblocks SIGINT and SIGTERM
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _prepare_worker(receiver: Connection) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(receiver,), daemon=True).start()


def _exit_with_parent(receiver: Connection) -> None:
    """Ends a worker when the other end of the pipe is closed.

    A worker whose parent was killed would wait for work for ever, and so would a worker of a broken pool,
    which SIGTERM is meant to end.
    """
    receiver.poll(None)
    time.sleep(EXIT_DELAY)
    os._exit(1)
