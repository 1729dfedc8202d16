"""What is done of referees while they train: it grows steadily, reaches all of it, and costs no referee."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path

import pytest

from gancross.evaluator.referees import parts
from gancross.evaluator.referees.parts import UNWATCHED, Effort, Meter, Slots, watched

EFFORT = Effort(steps=100, scores=1500, batch_size=5)


def waited(reports: list[tuple[int, int]], *, more_than: int) -> None:
    """Until so many reports are there, or too long."""
    until = time.monotonic() + 20
    while len(reports) <= more_than and time.monotonic() < until:
        time.sleep(0.01)


def test_scores_count_as_steps_that_take_as_long() -> None:
    assert EFFORT.in_steps == 200 and Effort(steps=7, scores=0, batch_size=64).in_steps == 7


def test_a_part_is_reported_before_its_referee_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PERIOD", 0.0)
    reports: list[tuple[int, int]] = []
    with watched([EFFORT] * 3, lambda done, total: reports.append((done, total))) as watch:
        assert reports == [(0, 600)]
        meter = Meter(EFFORT, pickle.loads(pickle.dumps(watch.slots(1))))
        for _ in range(50):
            meter.step()
        waited(reports, more_than=1)
        meter.scored(750)
        while reports[-1][0] < 100 and len(reports) < 100:
            waited(reports, more_than=len(reports))
        assert reports[-1] == (100, 600)
        for number, done in ((1, 200), (0, 400), (2, 600)):
            watch.finish(number)
            assert reports[-1] == (done, 600)
    assert reports == sorted(set(reports))


def test_one_stands_for_those_that_train_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PERIOD", 0.0)
    reports: list[tuple[int, int]] = []
    with watched([EFFORT] * 3, lambda done, total: reports.append((done, total))) as watch:
        meter = Meter(EFFORT, watch.slots(0, 1))
        meter.scored(750)
        watch.tell()
        assert reports[-1] == (100, 600)


def test_it_is_written_a_few_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[float] = []
    monkeypatch.setattr(Slots, "write", lambda slots, part: written.append(part))
    monkeypatch.setattr(time, "perf_counter", iter(range(1000)).__next__)
    monkeypatch.setattr(parts, "PERIOD", 20)
    meter = Meter(EFFORT, Slots(path=tmp_path, numbers=(0,)))
    for _ in range(100):
        meter.step()
    assert 3 <= len(written) <= 5 and written == sorted(written) and 0.4 <= written[-1] <= 0.5


def test_where_nobody_looks_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slots, "write", None)
    threads = threading.active_count()
    with watched([EFFORT], None) as watch:
        assert watch.slots(0) is None and threading.active_count() == threads
        Meter(EFFORT, watch.slots(0)).step()
        UNWATCHED.step()
        watch.finish(0)


def test_nothing_to_do_is_not_reported() -> None:
    with watched([], lambda done, total: pytest.fail("reported")):
        pass


def test_without_a_file_referees_count_as_a_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Slots(path=tmp_path / "of another machine", numbers=(0,)).write(0.5)
    assert not list(tmp_path.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    reports: list[tuple[int, int]] = []
    with watched([EFFORT] * 2, lambda done, total: reports.append((done, total))) as watch:
        assert watch.slots(0) is None
        watch.finish(1)
        watch.finish(0)
    assert reports == [(0, 400), (200, 400), (400, 400)]


def test_the_thread_and_the_file_are_gone_at_the_end() -> None:
    before = threading.active_count()
    with watched([EFFORT], lambda done, total: None) as watch:
        slots = watch.slots(0)
        assert slots is not None and slots.path.exists() and threading.active_count() == before + 1
    assert not slots.path.parent.exists() and threading.active_count() == before


def test_what_the_report_raises_in_the_thread_stops_the_next_referee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PERIOD", 0.0)
    raised = threading.Event()

    def report(done: int, total: int) -> None:
        if done:
            raised.set()
            raise KeyboardInterrupt

    with watched([EFFORT], report) as watch:
        Meter(EFFORT, watch.slots(0)).scored(750)
        assert raised.wait(20)
        time.sleep(0.05)
        monkeypatch.setattr(watch, "tell", None)
        with pytest.raises(KeyboardInterrupt):
            watch.finish(0)
