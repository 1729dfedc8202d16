"""TensorBoard's events of a run, and what is said where it is not installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call
from PIL import Image
from small_recipes import small

from gancross.errors import ResourceError
from gancross.trainer.loop import train
from gancross.trainer.run.tracking import TensorBoard


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


@pytest.mark.parametrize("name", ["mixture", "digits"])
def test_a_resumed_run_has_no_event_twice(tmp_path: Path, name: str) -> None:
    """The run dies after step 5, its last checkpoint is that of step 4: step 5 is done again."""

    def die(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 5:
            raise RuntimeError("power cut")

    settings = {"device": "cpu", "checkpoint_every": 2, "log_every": 1}
    with TensorBoard(tmp_path / "tensorboard") as board, pytest.raises(RuntimeError, match="power cut"):
        train(small(name), tmp_path, progress=die, observers=[board], **settings)  # type: ignore[arg-type]
    assert [event.step for event in events(tmp_path / "tensorboard").Scalars("gamma")] == [1, 2, 3, 4, 5]
    with TensorBoard(tmp_path / "tensorboard") as board:
        train(small(name), tmp_path, observers=[board], **settings)  # type: ignore[arg-type]
    read = events(tmp_path / "tensorboard")

    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert set(read.Tags()["scalars"]) == set(log[0]) - {"step"}
    for tag in read.Tags()["scalars"]:
        values = [(event.step, event.value) for event in read.Scalars(tag)]
        assert [step for step, _ in values] == [1, 2, 3, 4, 5, 6]
        np.testing.assert_allclose([value for _, value in values], [line[tag] for line in log], rtol=1e-6)
    pictures = read.Images("samples")
    assert [event.step for event in pictures] == [2, 4, 6]
    with Image.open(tmp_path / "samples" / "step-0000000006.png") as image:
        assert (pictures[-1].width, pictures[-1].height) == image.size


def test_a_finished_run_writes_no_more_events(tmp_path: Path) -> None:
    train(small("digits"), tmp_path, device="cpu")
    with TensorBoard(tmp_path / "tensorboard") as board:
        train(small("digits"), tmp_path, device="cpu", observers=[board])
    assert not (tmp_path / "tensorboard").exists()


def test_without_tensorboard_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ResourceError):
        TensorBoard(tmp_path)
    assert call("train", "digits", "--out", tmp_path / "run", "--tensorboard", "-q") == 5
    assert "pip install 'gancross[tensorboard]'" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_flag_writes_events(tmp_path: Path) -> None:
    settings = ["--set", "width=4", "--set", "batch_size=16", "--steps", "2", "--log-every", "1"]
    assert (
        call("train", "digits", *settings, "--device", "cpu", "--tensorboard", "--out", tmp_path, "-q") == 0
    )
    assert [event.step for event in events(tmp_path / "tensorboard").Scalars("loss_generator")] == [1, 2]
