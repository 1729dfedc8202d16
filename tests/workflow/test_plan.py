"""The plan of a benchmark: the work that its runs mean."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.data import catalogue
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import RECIPES, recipe
from gancross.workflow.plan import estimated_work


def test_work_is_what_the_networks_do() -> None:
    """One step of the plain algorithm, run for real under torch's counter."""
    chosen = recipe("cifar10-dcgan").with_changes({"width": 4, "batch_size": 8, "normalization": "none"})
    variants: list[dict[str, Setting]] = [{}, {"regularizer": "none"}, {"objective": "wgan-gp"}, {"n_phi": 3}]
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
    changed = recipe(name).with_changes({"width": 4, "batch_size": 8})
    shape = catalogue.known_shape(changed.data, image_size=changed.image_size)
    assert shape is not None and estimated_work(changed, shape=shape).step_flop > 0
