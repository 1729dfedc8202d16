"""Checkpoints come back as they went, and hostile ones are refused without being executed."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import hostile
import pytest
import torch

from gancross import checkpoint
from gancross.checkpoint import load_contestant
from gancross.errors import CheckpointError, ResourceError, UsageError
from gancross.files import read_bytes, write_atomically


def test_a_checkpoint_comes_back_as_it_went(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for path in checkpoints.values():
        loaded = checkpoint.load(path)
        checkpoint.save(tmp_path / "again.pt", loaded)
        again = checkpoint.load(tmp_path / "again.pt")
        for spec in fields(loaded):
            old, new = getattr(loaded, spec.name), getattr(again, spec.name)
            if spec.name.endswith("_state"):
                assert old.keys() == new.keys()
                assert all(torch.equal(old[key], new[key]) for key in old)
            elif spec.name != "training":
                assert old == new


def test_a_contestant_is_ready_to_judge(checkpoints: dict[str, Path]) -> None:
    contestant = load_contestant(checkpoints["digits-regularized"], name="r")
    assert contestant.name == "r" and contestant.threshold == 0.0 and contestant.batch_size == 16
    assert contestant.generator is not None and contestant.discriminator is not None
    assert not contestant.generator.training and not contestant.discriminator.training
    images = contestant.generator(torch.randn(3, 16))
    assert images.shape == (3, 1, 8, 8) and contestant.discriminator(images).shape == (3, 1)


@pytest.fixture(scope="module")
def refused(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, tuple[bytes, str]], Path]:
    marker = tmp_path_factory.mktemp("marker") / "executed"
    return hostile.cases(checkpoints["mixture-plain"].read_bytes(), marker), marker


def test_hostile_files_are_refused_and_nothing_runs(
    refused: tuple[dict[str, tuple[bytes, str]], Path], tmp_path: Path
) -> None:
    cases, marker = refused
    assert len(cases) > 40
    path = tmp_path / "stranger.pt"
    said = {}
    for name, (content, _) in cases.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            load_contestant(path)
        said[name] = str(caught.value)
        assert not marker.exists(), name
    unexpected = {name: said[name] for name, (_, part) in cases.items() if part not in said[name]}
    assert not unexpected
    assert all(line.startswith(f"{path}: refused: ") and "\n" not in line for line in said.values())


def test_the_marker_would_be_written_by_a_careless_loader(tmp_path: Path) -> None:
    import pickle

    pickle.loads(hostile.legacy_pickle(tmp_path / "executed"))
    assert (tmp_path / "executed").exists()


def test_truncated_files_are_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    good = checkpoints["mixture-plain"].read_bytes()
    for part in range(64):
        path = tmp_path / "cut.pt"
        path.write_bytes(good[: len(good) * part // 64])
        with pytest.raises(CheckpointError):
            load_contestant(path)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_contestant(tmp_path / "missing.pt")
    with pytest.raises(UsageError, match="is a folder"):
        load_contestant(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pt")
        with pytest.raises(UsageError, match="not a regular file"):
            load_contestant(tmp_path / "pipe.pt")


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(11))
    with pytest.raises(ResourceError, match="longer than the limit"):
        read_bytes(tmp_path / "long", limit=10)


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"old")

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ResourceError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
