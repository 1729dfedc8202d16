"""Threads of a crew: results in order, each on one core, and nothing left behind."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from functools import partial

import numpy as np
import pytest
import torch
from imports import heavy_imports

from gancross.evaluator.statistics.resampling import draw_halves
from gancross.machine.crew import Crew, Piece, crew, leave_crew, most_threads, own_store
from gancross.machine.wanted import UnwantedError, check_wanted

SCALE = ContextVar("SCALE", default=1)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(size: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3))  # later pieces end first
        return number**2

    with crew(size) as workers:
        assert list(workers.in_order(work, range(20))) == [number**2 for number in range(20)]
        assert list(workers.in_order(work, [])) == []


def test_a_slow_piece_stops_no_other() -> None:
    others_done = threading.Event()
    done: list[int] = []

    def work(number: int) -> int:
        if number == 0:
            assert others_done.wait(30)
        else:
            done.append(number)
            if len(done) == 5:
                others_done.set()
        return number

    with crew(2) as workers:
        assert list(workers.in_order(work, range(6))) == list(range(6))


@pytest.mark.parametrize("size", [1, 3])
def test_the_first_error_by_order_ends_it(size: int) -> None:
    def work(number: int) -> int:
        if number in (2, 3):
            time.sleep(0.05 * (3 - number))
            raise ValueError(f"piece {number}")
        return number

    taken = []
    with crew(size) as workers:
        results = workers.in_order(work, range(1000))
        taken += [next(results), next(results)]
        with pytest.raises(ValueError, match="piece 2"):
            next(results)
    assert taken == [0, 1]
    assert [thread for thread in threading.enumerate() if thread.name.startswith("gancross")] == []


@pytest.mark.parametrize("size", [1, 2])
def test_every_thread_computes_on_one_core_without_gradients(size: int) -> None:
    torch.set_num_threads(2)
    try:
        assert most_threads() in (1, 2)
        with torch.no_grad(), crew(size) as workers:
            seen = [workers.submit(_state).result() for _ in range(4)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert {(threads, grad) for threads, grad, _ in seen} == {(1, False)}
    assert {store for *_, store in seen} == {size > 1}
    assert own_store() is None


def _state() -> tuple[int, bool, bool]:
    return torch.get_num_threads(), torch.is_grad_enabled(), own_store() is not None


def test_work_in_the_calling_thread_may_be_interrupted() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with crew(1) as workers, pytest.raises(KeyboardInterrupt):
        workers.submit(stop)
    assert isinstance(workers, Crew)


@pytest.mark.parametrize("size", [1, 4])
def test_what_disturbs_others_is_done_again_by_the_calling_thread_alone(size: int) -> None:
    moved = threading.Event()

    def work(number: int) -> tuple[int, bool]:
        in_a_thread = own_store() is not None
        if number == 7 and in_a_thread:
            moved.set()
        return number, in_a_thread

    with crew(size, undisturbed=lambda: not moved.is_set()) as workers:
        results = list(workers.in_order(work, range(40)))
        assert workers.submit(work, 40).result() == (40, False)
    numbers, in_threads = zip(*results, strict=True)
    assert list(numbers) == list(range(40))
    assert in_threads[0] == (size > 1) and not in_threads[7] and not in_threads[39]


def test_threads_see_context_variables_of_the_caller() -> None:
    token = SCALE.set(3)
    with crew(2) as workers:
        assert list(workers.in_order(lambda number: number * SCALE.get(), range(4))) == [0, 3, 6, 9]
    SCALE.reset(token)


def test_what_ran_into_an_error_is_done_again_where_another_piece_left_the_crew() -> None:
    left = threading.Event()

    def work(number: int) -> int:
        if own_store() is None:
            return number
        if number == 0:
            assert left.wait(30)
            raise ValueError("torn")
        try:
            leave_crew()
        finally:
            left.set()
        return -1

    with crew(2) as workers:
        assert list(workers.in_order(work, range(2))) == [0, 1]


def test_pieces_that_are_done_again_keep_their_order() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if own_store() is not None:
            time.sleep(0.001)
            leave_crew()
        done.append(number)
        return number

    with crew(2) as workers:
        pieces = []
        for number in range(20):
            pieces.append(workers.submit(work, number))
            time.sleep(0.0005)  # the crew is left between two of them
        assert [piece.result() for piece in pieces] == list(range(20))
    assert done == list(range(20))


def test_libraries_that_are_loaded_later_compute_on_one_core_too() -> None:
    """SciPy has a BLAS of its own: with the threads of the machine last bits of a FID depended on them."""
    program = (
        "from gancross.machine.crew import one_core\n"
        "from threadpoolctl import threadpool_info\n"
        "with one_core():\n"
        "    import scipy.linalg, sklearn.cluster\n"
        "    libraries = [each for each in threadpool_info() if each['user_api'] == 'blas']\n"
        "    print(len(libraries) > 1, *{each['num_threads'] for each in libraries})\n"
    )
    assert heavy_imports(program, OPENBLAS_NUM_THREADS="3")[1].split() == ["True", "1"]


def test_an_interruption_ends_pieces_that_were_begun_at_their_next_block() -> None:
    begun, done, pieces = threading.Event(), list[int](), list[Piece[None]]()

    def work() -> None:
        for block in range(3_000):
            check_wanted()
            done.append(block)
            begun.set()
            time.sleep(0.001)

    def interrupted() -> None:
        with crew(2) as workers:
            pieces.append(workers.submit(work))
            begun.wait()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(UnwantedError):
        pieces[0].result()
    assert len(done) < 3_000


def test_resamples_of_halves_are_blocks_of_work_that_end() -> None:
    draw = partial(draw_halves, np.arange(40), seed=0)
    with crew(2) as workers:
        assert workers.submit(draw).result()[0].times.shape == (20, 1999)
        workers.failed = True
        piece = workers.submit(draw)
        with pytest.raises(UnwantedError):
            piece.result()
        draw()  # the calling thread is interrupted by Python


def test_pieces_that_nobody_asks_for_end_whole_where_the_crew_ends_well() -> None:
    done = []

    def work() -> None:
        time.sleep(0.01)
        check_wanted()
        done.append(True)

    with crew(2) as workers:
        workers.submit(work)
        time.sleep(0.005)
    assert done == [True]
