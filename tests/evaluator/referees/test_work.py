"""Referees of many sample sets: the same bits however they are trained, and nothing is trained twice."""

from __future__ import annotations

import errno
import gc
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from paths import SUPPORT
from processes import side_by_side
from tiny_referees import CPU, arena_of, grains, points, referees_of, same_entries
from two_workers import FAR, NEAR, REALS, STEPS

from gancross.errors import DivergenceError, ResourceError
from gancross.evaluator.referees import work
from gancross.evaluator.referees.arena import Arena, default_workers
from gancross.evaluator.referees.entries import Entry, decoded
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.work import Task, refereed
from gancross.machine import stored_arrays
from gancross.machine.stored_arrays import stored_array


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def arena() -> Arena:
    return arena_of(REALS, [NEAR, FAR], steps=STEPS)


@pytest.fixture(scope="module")
def sets() -> dict[str, SampleSet]:
    return {"near": sample_set(NEAR), "far": sample_set(FAR)}


@pytest.fixture(scope="module")
def usual(
    arena: Arena, sets: dict[str, SampleSet], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Entry]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return refereed(sets, arena)[0]


def agree(first: dict[str, list[Entry]], second: dict[str, list[Entry]]) -> bool:
    return first.keys() == second.keys() and all(same_entries(first[name], second[name]) for name in first)


def test_every_contestant_has_two_referees_a_seed_that_test_the_rest(
    arena: Arena, sets: dict[str, SampleSet]
) -> None:
    entries, trained = refereed(sets, replace(arena, protocol=replace(arena.protocol, seeds=2)))
    assert trained == 8
    for name, of_one in entries.items():
        assert [(entry.scores.seed, entry.scores.half) for entry in of_one] == [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
        ]
        for entry in of_one:
            assert len(entry.scores.reals) == len(entry.scores.samples) == 90 - arena.size == 45
            assert entry.scores.real_KN.shape == (12, 45) and entry.referee.chosen == (8,) * 12
        for first, second in (of_one[:2], of_one[2:]):
            assert sorted([*first.scores.reals, *second.scores.reals]) == list(range(90))
            assert sorted([*first.scores.samples, *second.scores.samples]) == list(range(90)), name
    near, far = (entries[name][0].scores.reals for name in sets)
    assert (near == far).all()  # differences are paired


@pytest.mark.slow
def test_two_processes_train_the_same_referees(usual: dict[str, list[Entry]], tmp_path: Path) -> None:
    """An interruption ends both without a word and keeps what was ready."""
    (ended,) = side_by_side(
        1, [str(SUPPORT / "two_workers.py"), str(tmp_path)], GANCROSS_CACHE=str(tmp_path / "cache")
    )
    assert (ended.code, ended.err) == (0, ""), ended
    assert ended.out == "trained after the interruption: 3\n"
    for name, of_one in usual.items():
        contents = [(tmp_path / f"{name}-{half}.npz").read_bytes() for half in (0, 1)]
        assert same_entries([decoded(content) for content in contents], of_one)


def test_neither_threads_nor_the_cache_nor_the_order_of_contestants_change_a_bit(
    arena: Arena, sets: dict[str, SampleSet], usual: dict[str, list[Entry]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    torch.set_num_threads(2)
    try:
        backwards, trained = refereed(dict(reversed(sets.items())), arena)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert trained == 4 and list(backwards) == ["far", "near"]
    assert agree({name: backwards[name] for name in usual}, usual) and len(list(tmp_path.rglob("*.npz"))) == 4
    monkeypatch.setattr(work, "trained_entry", None)
    again, trained = refereed(sets, arena)
    assert trained == 0 and agree(again, usual)


def test_the_order_in_which_samples_were_stored_changes_no_bit(usual: dict[str, list[Entry]]) -> None:
    shuffled = arena_of(REALS.flip(0), [NEAR.flip(0)], steps=STEPS)
    _, entries = referees_of(shuffled, near=NEAR.flip(0))
    assert same_entries(entries["near"], usual["near"])


def test_an_added_contestant_trains_only_its_own_unless_it_is_smaller(
    arena: Arena, sets: dict[str, SampleSet]
) -> None:
    assert refereed({"near": sets["near"]}, arena)[1] == 2
    assert refereed(sets, arena)[1] == 2
    renamed = {"x": sets["near"], "y": sets["far"]}
    assert refereed(renamed, arena)[1] == 0  # content is what counts
    twins = {"near": sets["near"], "twin": sets["near"]}
    entries, trained = refereed(twins, arena)
    assert trained == 0 and same_entries(entries["near"], entries["twin"])
    small = grains(60, seed=3)
    smaller = arena_of(REALS, [NEAR, small], steps=STEPS)
    assert smaller.size == 30
    assert refereed({"near": sets["near"], "small": sample_set(small)}, smaller)[1] == 4


def test_reals_seeds_and_protocols_of_their_own_train_anew(arena: Arena, sets: dict[str, SampleSet]) -> None:
    one = {"near": sets["near"]}
    assert refereed(one, arena)[1] == 2
    for changed in (
        replace(arena, reals=sample_set(grains(90, seed=9))), replace(arena, seed=5),
        replace(arena, protocol=replace(arena.protocol, steps=9)),
        replace(arena, protocol=replace(arena.protocol, version=arena.protocol.version + 1)),
    ):  # fmt: skip
        assert refereed(one, changed)[1] == 2
    assert refereed(one, arena)[1] == 0


def test_an_interrupted_call_goes_on_where_it_stopped(
    arena: Arena, sets: dict[str, SampleSet], usual: dict[str, list[Entry]]
) -> None:
    def stop(what: str, done: int, total: int) -> None:
        assert what == "referees"
        if 2 * done >= total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refereed(sets, arena, progress=stop)
    calls: list[tuple[int, int]] = []
    entries, trained = refereed(sets, arena, progress=lambda what, done, total: calls.append((done, total)))
    assert trained == 2 and agree(entries, usual)
    assert (
        calls[0][0] == 0 and calls[-1][0] == calls[-1][1] and {total for _, total in calls} == {calls[0][1]}
    )


@pytest.mark.parametrize("bad", ["reals", "samples"])
def test_scores_that_are_not_finite_stop_with_the_contestants_name(bad: str) -> None:
    vectors = {"reals": points(60), "samples": points(60, seed=1)}
    vectors[bad][7, 1] = float("nan")
    clean = arena_of(points(60), [points(60)], steps=3)
    arena = replace(clean, reals=sample_set(vectors["reals"]))
    with pytest.raises(DivergenceError, match="a referee of 'mad': its scores are NaN or infinite"):
        refereed({"mad": sample_set(vectors["samples"])}, arena)


def test_a_failing_referee_is_not_kept(
    arena: Arena, sets: dict[str, SampleSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = work.trained_entry, iter(range(4))

    def failing(task: Task) -> bytes:
        if next(calls) == 1:
            raise MemoryError
        return real(task)

    monkeypatch.setattr(work, "trained_entry", failing)
    with pytest.raises(MemoryError):
        refereed(sets, arena)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    monkeypatch.setattr(work, "trained_entry", real)
    assert refereed(sets, arena)[1] == 3


def test_a_killed_worker_is_a_lack_of_resources(
    arena: Arena, sets: dict[str, SampleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parallel:
        def __init__(self, **options: object) -> None:
            pass

        def __call__(self, tasks: object) -> Iterator[tuple[int, bytes]]:
            yield from ()
            raise BrokenProcessPool

    monkeypatch.setattr(joblib, "Parallel", Parallel)
    with pytest.raises(ResourceError, match="was killed, probably for lack of memory"):
        refereed(sets, replace(arena, workers=2))


def test_large_arrays_lie_in_files_while_somebody_holds_them(
    arena: Arena, usual: dict[str, list[Entry]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(stored_arrays, "LARGEST_IN_MEMORY", REALS.nbytes - 1)
    stored = {"near": sample_set(NEAR), "far": sample_set(FAR)}
    files = list((tmp_path / "temporary").iterdir())
    assert len(files) == 2 and {file.stat().st_size for file in files} == {NEAR.nbytes}
    (task,) = work.tasks_of([("far", arena.identities[0])], stored, arena)
    assert isinstance(task.samples, np.memmap) and Path(str(task.samples.filename)) in files
    assert torch.equal(stored["near"].array, sample_set(NEAR.flip(0)).array)
    assert agree(refereed(stored, arena)[0], usual)
    del stored, task
    gc.collect()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none_left() -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        yield np.zeros(10, np.uint8)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ResourceError, match=rf"^{tmp_path}: .*No space left on device; TMPDIR=FOLDER"):
        stored_array(none_left(), (20,), np.uint8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ResourceError, match=r"No such file or directory; TMPDIR"):
        stored_array([], (0,), np.uint8)
    assert list(tmp_path.iterdir()) == []


def test_one_worker_for_each_processor_and_one_for_a_gpu() -> None:
    assert default_workers(torch.device("cuda")) == 1 and default_workers(CPU) >= 1
