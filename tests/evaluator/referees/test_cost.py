"""What training will cost: counted without training, measured on a few steps, and without a trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_referees import arena_of, grains, points, same_entries

from gancross.evaluator.referees import cost
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.cost import training_estimate
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.work import refereed

LARGE, STEPS = (1, 8, 65), 6
REALS, SAMPLES = grains(60, shape=LARGE), grains(50, seed=1, shape=LARGE)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))


@pytest.fixture
def arena() -> Arena:
    return arena_of(REALS, [SAMPLES], seeds=2, steps=STEPS)


@pytest.fixture
def sets() -> dict[str, SampleSet]:
    return {"a": sample_set(SAMPLES)}


@pytest.mark.parametrize("samples", [points(60), grains(60), grains(60, shape=(3, 64, 64))])
def test_vectors_and_images_of_any_size_have_an_estimate(samples: torch.Tensor) -> None:
    estimate = training_estimate([({"a": sample_set(samples)}, arena_of(samples, [samples]))])
    assert estimate is not None and (estimate.num_trained, estimate.num_cached) == (2, 0)
    assert 0 < estimate.seconds < 600


def test_referees_to_train_are_counted_over_all_calls(arena: Arena, sets: dict[str, SampleSet]) -> None:
    fewer = replace(arena, protocol=replace(arena.protocol, seeds=1))
    refereed(sets, fewer)
    others = {"b": sample_set(grains(50, seed=2, shape=LARGE))}
    estimate = training_estimate([(sets, arena), (others, fewer)])
    assert estimate is not None
    assert (estimate.num_trained, estimate.num_cached, estimate.workers) == (4, 2, 1)
    assert training_estimate([(sets, fewer)]) is None


def test_seconds_are_those_of_steps_and_of_scores(
    arena: Arena, sets: dict[str, SampleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a referee does not train on is tested at 12 rungs; too few reals to choose among snapshots."""
    tested = 4 * (len(REALS) - arena.size + len(SAMPLES) - arena.size)
    for step, score in ((2.0, 0.0), (0.0, 0.5), (1.0, 1.0)):
        pace = cost._Pace(step=step, score=score)
        monkeypatch.setattr(cost, "_pace", lambda task, pace=pace: pace)
        for workers, rounds in ((1, 4), (2, 2), (3, 2), (9, 1)):
            estimate = training_estimate([(sets, replace(arena, workers=workers))])
            assert estimate is not None and estimate.workers == min(workers, 4)
            whole = 4 * STEPS * step + 12 * tested * score
            assert estimate.processor_seconds == pytest.approx(whole)
            assert estimate.seconds == pytest.approx(whole * rounds / 4)


def test_scores_by_which_snapshots_are_chosen_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_pace", lambda task: cost._Pace(step=0.0, score=1.0))
    reals, samples = grains(1000, shape=LARGE), grains(1000, seed=1, shape=LARGE)
    arena = arena_of(reals, [samples], steps=150)
    assert arena.size == 500 and arena.protocol.snapshots == (50, 100, 150)
    estimate = training_estimate([({"a": sample_set(samples)}, arena)])
    assert estimate is not None
    assert estimate.processor_seconds == 2 * 12 * (2 * 500 + 3 * 2 * 50)


def test_measuring_changes_nothing(
    arena: Arena, sets: dict[str, SampleSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "first"))
    expected = refereed(sets, arena)[0]["a"]
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "second"))
    torch.manual_seed(3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    assert training_estimate([(sets, arena)]) is not None
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert not list((tmp_path / "second").rglob("*.npz"))
    assert same_entries(refereed(sets, arena)[0]["a"], expected)


def test_what_cannot_be_measured_is_no_error(
    arena: Arena, sets: dict[str, SampleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(cost, "training_snapshots", fail)
    assert training_estimate([(sets, arena)]) is None
