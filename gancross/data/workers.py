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
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker

import numpy as np
from numpy.typing import NDArray

from gancross.data.readers import Reader, read_batch
from gancross.errors import ResourceError, UsageError

MOST_BY_DEFAULT = 4
AHEAD = 2  # batches being read for each worker


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
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    under_way: deque[Future[NDArray[np.uint8]]] = deque()
    try:
        for items in batches:
            with _interrupts_held():
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
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits while a worker may be started.

    The worker inherits the blocked signal and is deaf to Ctrl-C from its first instruction: this process
    decides when to stop. Windows has no signal masks; there `_prepare_worker` does it a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # spawn starts it otherwise, and its start unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):  # torchrun asks a whole group of processes to stop; this one's parent decides
        os.setsid()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
