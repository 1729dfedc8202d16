"""A step of training waits for nothing of a GPU: the CPU goes on to the next one meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from loop_networks import SHAPE, Residual, plain
from run_folders import log
from simulated_gpu import GPU, simulated_gpu
from small_recipes import small
from torch import nn
from torch.nn.utils import parametrizations

from gancross.machine.devices import moved
from gancross.penalties import backward
from gancross.trainer import loop
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe

TINY: dict[str, Setting] = {"width": 2, "batch_size": 16, "steps": 4}
RECIPES: dict[str, tuple[str, dict[str, Setting]]] = {
    "regularized": ("mixture", {}),
    "simultaneous": ("mixture", {"update": "simultaneous"}),
    "double-backward": ("mixture", {"regularize_generator": True}),
    "parts-of-a-batch": ("mixture", {"accumulate": 2, "penalty_every": 2}),
    "weights-clipped": ("mixture", {"objective": "wgan", "optimizer": "rmsprop"}),
    "between-samples": ("mixture", {"objective": "wgan-gp"}),
    "around-reals": ("mixture", {"regularizer": "dragan", "lecam": 0.1}),
    "noise": ("mixture", {"noise": "laplacian", "noise_variance": 0.1, "nsr": 2}),
    "images": ("digits", {"augment": "diffaugment", "augment_policy": "color,translation,cutout"}),
    "adapted": ("digits", {
        "augment": "ada", "augment_policy": "bgc", "normalization": "spectral", "steps": 6,
    }),
    "average-and-schedule": ("digits-r3gan", {}),
    "labels": ("digits-projection", {}),
    "classes": ("digits-acgan", {}),
}  # fmt: skip


def trained(
    chosen: Recipe, out: Path, patch: pytest.MonkeyPatch, device: torch.device, **options: Any
) -> Path:
    patch.setattr(loop, "save_sample_picture", lambda *arguments: None)
    return loop.train(
        chosen, out, log_every=chosen.steps, checkpoint_every=chosen.steps, device=str(device), **options
    )


def waits_of_steps(
    chosen: Recipe, out: Path, patch: pytest.MonkeyPatch, **options: Any
) -> tuple[Counter[str], int]:
    """Why the CPU waited after the first and before the last step, which is logged; and copies to the GPU."""
    seen: list[tuple[Counter[str], int]] = []
    with simulated_gpu() as gpu:
        trained(
            chosen, out, patch, GPU, **options,
            progress=lambda step, steps, figures: seen.append((gpu.waits.copy(), gpu.sent)),
        )  # fmt: skip
    (first, sent), (last, sent_later) = seen[0], seen[-2]
    assert gpu.waits != last  # the line of the log
    return last - first, sent_later - sent


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_waits_for_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, changes = RECIPES[name]
    chosen = recipe(base).with_changes(TINY | changes)
    waits, sent = waits_of_steps(chosen, tmp_path, monkeypatch)
    assert not waits
    assert sent >= 2 * (chosen.steps - 2)  # latents and reals


def test_own_networks_with_dropout_wait_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    discriminator = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Dropout(0.5), nn.Linear(8, 1))
    chosen = small("mixture", latent_dim=5)
    waits, _ = waits_of_steps(chosen, tmp_path, monkeypatch, networks=(generator, discriminator))
    assert not waits


@pytest.mark.parametrize("penalty", ["jensen-shannon", "none"])
@pytest.mark.parametrize(
    "make",
    [Residual, lambda: plain(parametrizations.spectral_norm, nn.Dropout(0.5))],
    ids=["residual", "dropout"],
)
def test_gradients_for_loops_of_ones_own_wait_for_nothing_after_the_first_batch(
    penalty: str, make: Callable[[], nn.Module]
) -> None:
    with simulated_gpu() as gpu:
        discriminator = make().to(GPU)
        real, fake = (moved(torch.rand(4, *SHAPE), GPU) for _ in range(2))
        waits = list[Counter[str]]()
        for _ in range(3):
            backward(discriminator, real=real, fake=fake, penalty=penalty, gamma=0.1)
            waits.append(gpu.waits.copy())
    assert waits[0] and waits[0] == waits[2]


def test_the_simulated_gpu_trains_as_the_cpu_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = recipe("digits-r3gan").with_changes(TINY)
    with simulated_gpu():
        trained(chosen, tmp_path / "gpu", monkeypatch, GPU)
    trained(chosen, tmp_path / "cpu", monkeypatch, torch.device("cpu"))
    (simulated,), (line,) = log(tmp_path / "gpu"), log(tmp_path / "cpu")
    assert simulated == pytest.approx(line, rel=1e-3)
