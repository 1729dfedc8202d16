"""A batch in parts has the whole batch's gradient, metrics and random numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from discriminators import gradients
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.gradient.route import Route, route_of
from gancross.trainer.noise import check_divisible, distinct_samples
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Players, Step

BASE = recipe("mixture").with_changes({"batch_size": 16, "gamma": 0.5})
VARIANTS: dict[str, dict[str, Setting]] = {
    "regularized": {},
    "unregularized": {"gamma": 0.0},
    "simultaneous": {"update": "simultaneous"},
    "lazy": {"penalty_every": 1_000_000},
    "f-gan": {"objective": "kl"},
    "wgan-gp": {"objective": "wgan-gp"},
    "regularized-generator": {"regularize_generator": True},
    "noise": {"noise": "gaussian", "noise_variance": 0.1, "nsr": 2},
}


def players(chosen: Recipe, *, closed_form: bool) -> Players:
    generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    discriminator = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    random = torch.Generator().manual_seed(0)
    for parameter in (*generator.parameters(), *discriminator.double().parameters()):
        nn.init.normal_(parameter, std=0.5, generator=random)
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen, player="discriminator"),
        route=route_of(discriminator) if closed_form else Route(),
    )  # fmt: skip


@pytest.mark.parametrize("closed_form", [True, False], ids=["closed-form", "double-backward"])
@pytest.mark.parametrize("name", VARIANTS)
def test_parts_have_the_gradient_of_the_whole(name: str, closed_form: bool) -> None:
    ends = []
    for parts in (1, 4):
        chosen = BASE.with_changes({**VARIANTS[name], "accumulate": parts})
        pair = players(chosen, closed_form=closed_form)
        random = torch.Generator().manual_seed(1)
        real, latents = (
            torch.randn(
                distinct_samples(chosen, "discriminator"), size, generator=random, dtype=torch.float64
            )
            for size in (3, 2)
        )
        update = 999_999 if name == "lazy" else 0  # the last gradient is then that of the penalty alone
        step = Step(pair, chosen, gamma=chosen.gamma, update=update, measure=True)
        if name == "simultaneous":
            metrics = simultaneous_step(step, real=real, latents=latents)
        else:
            metrics = discriminator_step(step, real=real, latents=latents)
            metrics |= generator_step(replace(step, update=0), latents=latents)
        ends.append(([*gradients(pair.discriminator), *gradients(pair.generator)], metrics))
    (whole, whole_metrics), (in_parts, metrics) = ends
    assert len(whole) == 10 and sum(gradient.norm() for gradient in whole) > 0.01
    torch.testing.assert_close(in_parts, whole, rtol=0, atol=1e-10)
    torch.testing.assert_close(metrics, whole_metrics, rtol=0, atol=1e-10)


def test_every_process_divides_its_own_part() -> None:
    check_divisible(BASE.with_changes({"accumulate": 4}), 4)
    with pytest.raises(UsageError, match="among 3 processes of 4 parts each: use --set batch_size=24"):
        check_divisible(BASE.with_changes({"accumulate": 4}), 3)
