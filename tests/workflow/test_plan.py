"""The plan of a benchmark: the work that its runs mean."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from small_recipes import small
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.checkpoint.file import load
from gancross.data import catalogue
from gancross.trainer.loop import train
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import RECIPES, recipe
from gancross.trainer.run.status import RUNNING, write_status
from gancross.trainer.run.step_files import checkpoint_path
from gancross.workflow.plan import estimated_work, is_finished
from gancross.workflow.spec import PlannedRun


def test_work_is_what_the_networks_do() -> None:
    """One step of the plain algorithm, run for real under torch's counter."""
    chosen = recipe("cifar10-dcgan").with_changes({"width": 4, "batch_size": 8, "normalization": "none"})
    variants: list[dict[str, Setting]] = [
        {}, {"regularizer": "none"}, {"objective": "wgan-gp"}, {"n_phi": 3}, {"objective": "relativistic"},
        {"regularizer": "r1"}, {"regularizer": "r1", "update": "simultaneous"}, {"regularizer": "dragan"},
    ]  # fmt: skip
    for changes in variants:
        changed = chosen.with_changes(changes)
        work = estimated_work(changed, shape=(3, 32, 32))
        generator, discriminator = (
            models.skeleton(architecture)
            for architecture in models.pair(
                changed.network,
                models.PairSettings(
                    sample_shape=(3, 32, 32), latent_dim=changed.latent_dim, width=changed.width,
                    normalization=changed.normalization, activation=changed.activation,
                ),
            )
        )  # fmt: skip
        counter = FlopCounterMode(display=False)
        with counter:
            discriminator(generator(torch.empty(8, changed.latent_dim, device="meta"))).sum().backward()
        forward_and_backward = counter.get_total_flops()
        assert forward_and_backward < work.step_flop < 12 * changed.n_phi * forward_and_backward
        assert work.total_flop == work.step_flop * changed.steps
        assert work.parameters_generator == sum(parameter.numel() for parameter in generator.parameters())


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_estimated(name: str) -> None:
    changed = recipe(name).with_changes({"width": 8, "batch_size": 8})
    shape = catalogue.known_shape(changed.data, image_size=changed.image_size)
    classes = catalogue.known_classes(changed.data)
    assert shape is not None
    assert estimated_work(changed, shape=shape, num_classes=classes).step_flop > 0


def test_a_run_killed_between_its_last_two_files_is_not_finished(tmp_path: Path) -> None:
    """Its numbered checkpoint is whole, `last.pt` is of the step before, and would be judged in its place."""
    chosen = small("mixture", steps=2)
    run = PlannedRun(name="a", variant="a", recipe=chosen)
    last = train(chosen, tmp_path, device="cpu", checkpoint_every=1)
    assert is_finished(run, tmp_path)
    shutil.copy(checkpoint_path(tmp_path, 1), last)
    write_status(tmp_path, RUNNING, step=1, steps=2)
    assert not is_finished(run, tmp_path)
    assert load(train(chosen, tmp_path, device="cpu", checkpoint_every=1)).step == 2
    assert is_finished(run, tmp_path)
