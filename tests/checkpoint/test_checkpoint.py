"""Checkpoints come back as they went; `test_hostile_files.py` has those that are refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.errors import UsageError

STATES: dict[str, Any] = {"generator_state": {}, "discriminator_state": {}}


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


def test_a_shared_checkpoint_comes_back_but_for_its_optimizers(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    for path in checkpoints.values():
        loaded = checkpoint.load(path)
        checkpoint.save(tmp_path / "shared.safetensors", loaded)
        shared = checkpoint.load(tmp_path / "shared.safetensors")
        assert shared.training == {} and loaded.training != {}
        assert replace(shared, **STATES) == replace(loaded, training={}, **STATES)
        for name in STATES:
            old, new = getattr(loaded, name), getattr(shared, name)
            assert old.keys() == new.keys() and all(torch.equal(old[key], new[key]) for key in old)


def test_the_hashes_are_of_what_they_say(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "shared.safetensors", checkpoint.load(checkpoints["digits-plain"]))
    content = (tmp_path / "shared.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    assert metadata["data_sha256"] == hashlib.sha256(content[8 + length :]).hexdigest()
    assert metadata["text_sha256"] == hashlib.sha256(metadata["text"].encode()).hexdigest()
    with safe_open(tmp_path / "shared.safetensors", "pt") as file:  # any reader of the format takes it
        assert {name.partition(".")[0] for name in file.keys()} == {"generator", "discriminator"}  # noqa: SIM118
    assert (8 + length) % 8 == 0


def test_views_do_not_drag_their_storage_along(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    loaded = checkpoint.load(checkpoints["mixture-plain"])
    viewed = {key: torch.stack([value, value])[1] for key, value in loaded.generator_state.items()}
    checkpoint.save(tmp_path / "viewed.pt", replace(loaded, generator_state=viewed))
    again = checkpoint.load(tmp_path / "viewed.pt").generator_state
    assert all(torch.equal(again[key], value) for key, value in loaded.generator_state.items())


def test_other_suffixes_are_not_written(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.pt or \.safetensors"):
        checkpoint.save(tmp_path / "model.onnx", checkpoint.load(checkpoints["mixture-plain"]))
    assert not list(tmp_path.iterdir())


def test_a_contestant_is_ready_to_judge(checkpoints: dict[str, Path]) -> None:
    contestant = load_contestant(checkpoints["digits-regularized"], name="r")
    assert contestant.name == "r" and contestant.threshold == 0.0 and contestant.batch_size == 16
    assert contestant.generator is not None and contestant.discriminator is not None
    assert not contestant.generator.training and not contestant.discriminator.training
    images = contestant.generator(torch.randn(3, 16))
    assert images.shape == (3, 1, 8, 8) and contestant.discriminator(images).shape == (3, 1)


def test_the_last_checkpoint_of_a_run_is_called_after_its_folder(checkpoints: dict[str, Path]) -> None:
    assert load_contestant(checkpoints["mixture-plain"]).name == "mixture-plain"
    numbered = next((checkpoints["mixture-plain"].parent / "checkpoints").iterdir())
    assert load_contestant(numbered).name == numbered.stem
