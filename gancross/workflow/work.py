"""How much work a run is, counted and not measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.trainer.recipes import Recipe
from gancross.trainer.weightings import WEIGHTINGS

# Passes through (generator, discriminator) of one batch; a forward pass is 1, a backward pass 2, one that
# only goes through to the input 1, double backward through a shared forward pass 6 in all.
DISCRIMINATOR_UPDATE = (1, 6)
REGULARIZED_UPDATE = (1, 12)
GRADIENT_PENALTY_UPDATE = (1, 12)  # 6 for the batches, 6 for the interpolates
GENERATOR_UPDATE = (3, 2)


@dataclass(frozen=True, kw_only=True)
class Work:
    """Sizes of a recipe's networks, and the floating-point operations of one step and of the whole run.

    Multiplications and additions of convolutions and matrix products are counted, one each; elementwise
    operations are not.
    """

    parameters_generator: int
    parameters_discriminator: int
    step_flop: float
    total_flop: float


def estimated_work(recipe: Recipe, *, shape: tuple[int, ...]) -> Work:
    """Counts the work of a recipe on networks without memory; touches no data.

    Args:
        shape: of one sample, (C, H, W) or (d,).

    Raises:
        UsageError: network and data do not fit together.
    """
    architectures = models.pair(
        recipe.network,
        models.Shape(
            sample=shape, latent_dim=recipe.latent_dim, width=recipe.width,
            normalization=recipe.normalization, activation=recipe.activation,
        ),
    )  # fmt: skip
    generator, discriminator = (models.skeleton(architecture) for architecture in architectures)
    n = recipe.batch_size
    g = _forward_flop(generator, (n, recipe.latent_dim))
    d = _forward_flop(discriminator, (n, *shape))
    update = DISCRIMINATOR_UPDATE
    if recipe.regularizer in WEIGHTINGS:
        update = REGULARIZED_UPDATE
    elif recipe.regularizer == "gradient-penalty":
        update = GRADIENT_PENALTY_UPDATE
    step = recipe.n_phi * (update[0] * g + update[1] * d) + GENERATOR_UPDATE[0] * g + GENERATOR_UPDATE[1] * d
    return Work(
        parameters_generator=_parameters(generator), parameters_discriminator=_parameters(discriminator),
        step_flop=step, total_flop=step * recipe.steps,
    )  # fmt: skip


def _forward_flop(network: torch.nn.Module, shape: tuple[int, ...]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.empty(shape, device="meta"))
    return float(counter.get_total_flops())


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
