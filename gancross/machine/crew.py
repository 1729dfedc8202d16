"""Whole pieces of work side by side in threads that each compute on one core, without a barrier but the end.

    with crew(4) as workers:
        for scores in workers.in_order(score, chunks):      # score(chunk) runs in one of four threads
            ...

Operations of torch are not divided among threads inside: those wait for each other at every operation, which
beside other busy processes costs many times the work, and their last bits depend on how many there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

import torch
from threadpoolctl import threadpool_limits

from gancross.machine.memory import hand_back
from gancross.machine.threads import available_threads, torch_threads
from gancross.machine.wanted import wanted_while

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 3  # pieces begun for each thread before the first result is taken: one slow piece stops no other

_local = threading.local()
_before: list[int] = []  # inside `one_core`, which one thread enters at a time: the threads of a crew


def own_store() -> dict[Any, Any] | None:
    """What the calling thread of a crew keeps for itself while the crew works; None in every other thread."""
    return getattr(_local, "store", None)


def own_crew() -> Crew:
    """The crew of the calling thread, which has an `own_store`."""
    workers: Crew = _local.crew
    return workers


class NotInACrewError(BaseException):
    """Ends a piece of work in a thread, of which no other code may make anything; see `leave_crew`."""


def leave_crew() -> None:
    """In a thread of a crew: ends its piece; the calling thread does it again, and all that are not done.

    For what concerns the whole process, as random generators do. Elsewhere without effect.
    """
    if own_store() is not None:
        own_crew().disturbed = True
        raise NotInACrewError


def most_threads() -> int:
    """How many threads a crew should have: as many as torch had before `one_core`, one a core at most."""
    return _before[-1] if _before else available_threads()


@contextmanager
def one_core() -> Iterator[None]:
    """Inside, torch and the libraries of linear algebra compute on one core; crews have as many as before.

    Last bits depend on how many threads divide an operation.
    """
    # SciPy has a library of its own, which can be limited when it is loaded, and is loaded late otherwise.
    import scipy.linalg  # noqa: F401

    _before.append(most_threads())
    try:
        with torch_threads(1), threadpool_limits(1, "blas"):
            yield
    finally:
        _before.pop()


class Piece(Generic[R]):
    """A piece of work that a crew has begun."""

    def __init__(self, workers: Crew, work: Callable[..., R], arguments: tuple[Any, ...]) -> None:
        self._workers, self._work, self._arguments = workers, work, arguments
        self._done: tuple[R] | None = None
        self._future: Future[tuple[R] | None] | None = None
        if workers.executor is None or workers.disturbed:
            workers.finish()
            self._done, self._arguments = (work(*arguments),), ()  # which may hold a chunk of samples
        else:
            self._future = workers.executor.submit(copy_context().run, self._run)
            workers.begun[id(self)] = self

    def _run(self) -> tuple[R] | None:
        if self._workers.disturbed:
            return None
        try:
            done = (self._work(*self._arguments),)
        except BaseException:
            if self._workers.disturbed:  # what it ran into may come of that
                return None
            raise
        if not self._workers.undisturbed():
            self._workers.disturbed = True
        if self._workers.disturbed:
            return None
        self._arguments = ()  # nobody asks for it again
        return done

    def result(self) -> R:
        """What the work returned, or the exception that it raised."""
        if self._done is None:
            assert self._future is not None
            self._done = self._future.result()
        if self._done is None:
            self._workers.wait()
            self._done = (self._work(*self._arguments),)
        self._workers.begun.pop(id(self), None)
        return self._done[0]

    def wait(self) -> None:
        """Until no thread works on it."""
        if self._future is not None:
            wait([self._future])


class Crew:
    """Threads at work; made by `crew`. A crew of one, or without threads, works in the calling thread."""

    def __init__(
        self, executor: ThreadPoolExecutor | None, size: int, undisturbed: Callable[[], bool]
    ) -> None:
        self.executor, self.size, self.undisturbed = executor, size, undisturbed
        self.disturbed = self.failed = False
        self.begun: dict[int, Piece[Any]] = {}  # in the order in which they began
        self.store: dict[Any, Any] = {}  # of all its threads, of which one changes it at a time

    def submit(self, work: Callable[..., R], *arguments: Any) -> Piece[R]:
        """Begins `work(*arguments)`."""
        return Piece(self, work, arguments)

    def in_order(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results of `work(item)` in the order of the items, a few of which are worked on ahead.

        Raises:
            Exception: what `work` raised, for the first item for which it did.
        """
        begun: deque[Piece[R]] = deque()
        for item in items:
            begun.append(self.submit(work, item))
            if len(begun) > (self.size * AHEAD if self.size > 1 else 0):
                yield begun.popleft().result()
                hand_back()
        while begun:
            yield begun.popleft().result()

    def wait(self) -> None:
        """Until no thread works."""
        for piece in self.begun.values():
            piece.wait()

    def finish(self) -> None:
        """Ends all pieces that were begun, in their order, as one thread would."""
        self.wait()
        for piece in list(self.begun.values()):
            with suppress(Exception):  # which its own `result` raises
                piece.result()


@contextmanager
def crew(size: int, *, undisturbed: Callable[[], bool] = lambda: True) -> Iterator[Crew]:
    """`size` threads that compute without gradients, each on one core; so does the calling thread meanwhile.

    At the end, after an exception too, pieces that were begun are waited for and others are dropped. After an
    exception, Ctrl-C above all, long ones end at their next `check_wanted`.

    Args:
        undisturbed: asked after each piece; once it says no, or a piece calls `leave_crew`, that piece and
            all that are not done yet are done again by the calling thread alone.
    """
    hand_back(between_works=True)
    with torch_threads(1):
        if size <= 1:
            yield Crew(None, 1, undisturbed)
            return
        workers = Crew(None, size, undisturbed)
        executor = ThreadPoolExecutor(
            size, thread_name_prefix="gancross", initializer=_begin, initargs=(workers,)
        )
        workers.executor = executor
        try:
            yield workers
        except BaseException:
            workers.failed = True
            raise
        finally:
            executor.shutdown(cancel_futures=True)


def _begin(workers: Crew) -> None:
    """In a new thread: what torch keeps for each thread."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    _local.store, _local.crew = {}, workers
    wanted_while(lambda: not workers.failed)
