"""Images decoded by worker processes, in the order they were asked for.

`concurrent.futures` and not torch's DataLoader, for three reasons. A DataLoader installs a SIGCHLD
handler that raises wherever the main thread happens to be when a worker dies; its workers import torch,
which costs seconds and hundreds of MB each; and errors in them come back as tracebacks in a message.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from gancross.data.readers import Reader, read_batch
from gancross.errors import ResourceError, UsageError

MOST_BY_DEFAULT = 4
AHEAD = 2  # batches being read for each worker
GRACE = 1.0  # seconds a worker has to leave by itself once nobody wants its images
# What asks a run to stop; Windows has no SIGUSR1.
STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]  # fmt: skip


def resolve_workers(workers: int | None) -> int:
    """How many processes read images; None is one per CPU, at most four. 0 reads in this process.

    Raises:
        UsageError: a negative number.
    """
    if workers is not None and workers < 0:
        raise UsageError(f"workers must be at least 0, is {workers}")
    if multiprocessing.current_process().daemon:  # Python gives daemonic processes no children
        return 0
    return min(MOST_BY_DEFAULT, os.cpu_count() or 1) if workers is None else workers


def decoded(
    batches: Iterable[NDArray[np.bytes_]], reader: Reader, *, name: str, workers: int
) -> Iterator[NDArray[np.uint8]]:
    """Each batch of items as uint8 (N, C, H, W); the same for any number of workers.

    Closing the iterator ends the processes.

    Args:
        batches: items of `reader`, batch by batch; may be endless.
        reader: picklable and small, for every worker gets a copy.
        name: of the data set, for errors.

    Raises:
        DataError: an image is refused.
        ResourceError: a worker died.
    """
    if workers == 0:
        for items in batches:
            yield read_batch(reader, items)
        return
    # Spawned workers inherit nothing: a fork would copy torch's thread pools in whatever state they are,
    # and a fork server is shared with the rest of the program.
    context = multiprocessing.get_context("spawn")
    ends, wanted = context.Pipe(duplex=False)
    with _signals_held():
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker, initargs=(ends,))
    under_way: deque[Future[NDArray[np.uint8]]] = deque()
    try:
        for items in batches:
            with _signals_held():
                under_way.append(pool.submit(read_batch, reader, items))
            if len(under_way) == AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool:
        raise ResourceError(
            f"data '{name}': a process that reads images died, perhaps for lack of memory: use fewer"
            " workers, or workers=0; a script that calls gancross needs if __name__ == '__main__':"
        ) from None
    finally:
        wanted.close()
        pool.shutdown(cancel_futures=True)
        ends.close()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Ctrl-C, and a scheduler's signals to all processes of a job, wait while a process may be started.

    A worker inherits the blocked signals and is deaf to them from its first instruction: this process
    decides when to stop. So is the tracker, which cleans up after a pool and itself only ignores SIGINT
    and SIGTERM. Windows has no signal masks; there `_prepare_worker` does it a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        resource_tracker.ensure_running()  # here, since its start unblocks SIGINT and SIGTERM
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker(ends: Connection) -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_leave_at_the_end, args=(ends,), daemon=True).start()


def _leave_at_the_end(ends: Connection) -> None:
    """A worker whose parent was killed would wait for work for ever.

    So would one of a broken pool, which is asked to leave by SIGTERM. The pipe ends in either case.
    """
    ends.poll(None)
    time.sleep(GRACE)
    os._exit(1)
