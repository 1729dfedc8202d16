"""What the cache keeps of a referee: the way there and back, its key, and damage."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_referees import arena_of, points, referees_of, same_entries, tiny

from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.entries import Entry, EntryKey, cached, decoded, encoded, keep
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.training import Identity
from gancross.evaluator.referees.work import refereed
from gancross.machine import caches

KEY = EntryKey(
    samples="a" * 64,
    reals="b" * 64,
    protocol=tiny(),
    size=30,
    identity=Identity(seed=0, half=0),
    device="cpu",
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arena, dict[str, SampleSet], list[Entry]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        arena = arena_of(points(60), steps=3)
        sets, entries = referees_of(arena, a=points(60, seed=1))
    return arena, sets, entries["a"]


def test_an_entry_survives_its_way_to_bytes_and_back(
    made: tuple[Arena, dict[str, SampleSet], list[Entry]],
) -> None:
    _, _, entries = made
    assert same_entries([decoded(encoded(entry)) for entry in entries], entries)
    entry = entries[0]
    snapshots = dict.fromkeys((50, 1600, 3), entry.referee.snapshots[3])
    several = replace(entry, referee=replace(entry.referee, snapshots=snapshots, chosen=(50, 1600, 3) * 4))
    assert same_entries([decoded(encoded(several))], [several])
    with np.load(io.BytesIO(encoded(entry)), allow_pickle=False) as archive:
        assert {array.dtype.kind for array in archive.values()} <= {"f", "i"}


def test_what_was_kept_is_found_and_counted_as_gancross_own(
    made: tuple[Arena, dict[str, SampleSet], list[Entry]],
) -> None:
    entry = made[2][0]
    assert cached(KEY) is None
    keep(KEY, encoded(entry))
    found = cached(KEY)
    assert found is not None and same_entries([found], [entry])
    assert caches.cache_sizes()["referees"] == caches.clear()["referees"] == [len(encoded(entry))]
    assert cached(KEY) is None


def test_every_field_of_the_key_makes_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {
        "samples": "c" * 64, "reals": "a" * 64, "size": 31, "device": "cuda",
        "identity": Identity(seed=0, half=1), "protocol": tiny(width=9),
    }  # fmt: skip
    assert set(changes) == {field.name for field in fields(EntryKey)}
    keys = [replace(KEY, **{name: value}) for name, value in changes.items()]  # type: ignore[arg-type]
    keys += [replace(KEY, samples="b" * 64, reals="a" * 64), replace(KEY, identity=Identity(seed=1, half=0))]
    values: dict[str, Any] = {"form": "images", "betas": (0.5, 0.9)}
    keys += [
        replace(KEY, protocol=replace(KEY.protocol, **{field.name: values.get(field.name, 77)}))
        for field in fields(KEY.protocol) if field.name not in ("budget", "seeds")
    ]  # fmt: skip
    call = replace(KEY, protocol=replace(KEY.protocol, budget="full", seeds=77))
    assert call.sha256 == KEY.sha256  # more seeds leave the first referees as they are
    assert len({key.sha256 for key in [KEY, *keys]}) == len(keys) + 1
    before = KEY.sha256
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert KEY.sha256 != before


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    place = content.index(b"real_KN") + 400
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def foreign(content: bytes) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, identity=np.array([0, 0]))
    return stream.getvalue()


def of_a_sibling(content: bytes) -> bytes:
    entry = decoded(content)
    return encoded(replace(entry, scores=replace(entry.scores, half=1 - entry.scores.half)))


@pytest.mark.parametrize(
    "damage", [truncated, flipped, foreign, of_a_sibling, lambda content: b"", lambda content: b"nonsense"]
)
def test_a_damaged_entry_is_trained_anew(
    made: tuple[Arena, dict[str, SampleSet], list[Entry]], damage: Callable[[bytes], bytes]
) -> None:
    arena, sets, entries = made
    for entry in entries:
        key = arena.key(sets["a"], Identity(seed=0, half=entry.scores.half))
        keep(key, encoded(entry))
    path = arena.key(sets["a"], Identity(seed=0, half=1)).path
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again, trained = refereed(sets, arena)
    assert trained == 1 and same_entries(again["a"], entries)
    assert path.read_bytes() == whole and refereed(sets, arena)[1] == 0


def test_a_cache_that_cannot_be_written_only_costs_time(
    made: tuple[Arena, dict[str, SampleSet], list[Entry]], tmp_path: Path
) -> None:
    arena, sets, entries = made
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        again, trained = refereed(sets, arena)
        assert trained == 2 and same_entries(again["a"], entries)
