"""A run with every training habit at once stops and ends bit-identical."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from run_folders import identical, log
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.errors import CheckpointError, Interrupted
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.recipe import Recipe

HABITS: dict[str, Setting] = {
    "discriminator_learning_rate": 4e-4, "discriminator_beta1": 0.0, "schedule": "cosine",
    "schedule_end": 0.25, "schedule_from": 1, "beta2": 0.9, "beta2_end": 0.99, "anneal": True,
    "anneal_shape": "cosine", "ema_half_life": 0.02, "ema_ramp_up": 0.5, "ema_from": 2,
    "ema_buffers": "average", "precision": "bf16", "accumulate": 2,
}  # fmt: skip
AUGMENTED: dict[str, dict[str, Setting]] = {
    "ada": {"augment": "ada", "augment_policy": "bgc", "ada_target": -0.9, "ada_speed": 0.1, "n_phi": 2},
    "diffaugment": {
        "augment": "diffaugment", "augment_policy": "color,translation,cutout", "update": "simultaneous",
    },
}  # fmt: skip


def trained(recipe: Recipe, folder: Path, *, stop_at: int = 0) -> Path:
    def stop(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    return train(recipe, folder, device="cpu", log_every=1, checkpoint_every=5, progress=stop)


@pytest.mark.parametrize("name", AUGMENTED)
def test_a_stopped_run_with_all_habits_ends_bit_identical(name: str, tmp_path: Path) -> None:
    recipe = small("digits", steps=5, **HABITS | AUGMENTED[name])
    straight = trained(recipe, tmp_path / "straight")
    with pytest.raises(Interrupted):
        trained(recipe, tmp_path / "stopped", stop_at=2)
    middle = checkpoint.load(tmp_path / "stopped" / "last.pt")
    assert middle.step == 3 and ("ada" in middle.training) == (name == "ada")  # between changes of p
    with torch.autocast("cpu", dtype=torch.bfloat16):  # a caller's, which changes nothing
        resumed = trained(recipe, tmp_path / "stopped")
    assert identical(straight, resumed)
    lines = log(tmp_path / "straight")
    assert lines == log(tmp_path / "stopped")
    if name == "ada":  # of the samples that D calls real, more than one in twenty: p rises
        assert [line["augment_probability"] for line in lines] == pytest.approx([0, 0.64, 0.64, 1, 1])


def test_a_checkpoint_without_p_is_not_resumed(tmp_path: Path) -> None:
    recipe = small("digits", steps=1, **AUGMENTED["ada"])
    last = trained(recipe, tmp_path)
    values = torch.load(last, weights_only=True)
    del values["training"]["ada"]
    torch.save(values, last)
    with pytest.raises(CheckpointError, match="cannot be resumed: 'ada'"):
        trained(recipe, tmp_path)
