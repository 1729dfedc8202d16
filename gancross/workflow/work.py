"""How much work a run is, counted and not measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.trainer import closed_form
from gancross.trainer.recipes import Recipe
from gancross.trainer.weightings import WEIGHTINGS

# Passes through (generator, discriminator) of one batch; a forward pass is 1, a backward pass 2, one that
# only goes through to the input 1. The regularizer takes four passes a batch in closed form where D is
# piecewise linear, six where it is smooth or double backward is left (`gancross.trainer.closed_form`).
DISCRIMINATOR_UPDATE = (1, 6)
PIECEWISE_LINEAR_UPDATE = (1, 8)
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
    step = recipe.n_phi * _sum(_update(recipe, discriminator), g, d)
    if recipe.update == "simultaneous":  # the generator's forward pass is shared
        free = recipe.regularizer in WEIGHTINGS and recipe.penalty_every == 1 and recipe.penalty_fraction == 1
        step += _sum((2, 0 if free and not _coupled(discriminator) else 2), g, d)
    else:
        step += _sum(GENERATOR_UPDATE, g, d)
    return Work(
        parameters_generator=_parameters(generator), parameters_discriminator=_parameters(discriminator),
        step_flop=step, total_flop=step * recipe.steps,
    )  # fmt: skip


def _update(recipe: Recipe, discriminator: torch.nn.Module) -> tuple[float, float]:
    """Passes of one update of the discriminator, on average."""
    if recipe.regularizer == "gradient-penalty":
        return GRADIENT_PENALTY_UPDATE
    if recipe.regularizer not in WEIGHTINGS:
        return DISCRIMINATOR_UPDATE
    known = closed_form.known(discriminator)
    g, whole = PIECEWISE_LINEAR_UPDATE if known is not None and not known.curved else REGULARIZED_UPDATE
    if recipe.penalty_every > 1:
        return g, DISCRIMINATOR_UPDATE[1] + whole * recipe.penalty_fraction / recipe.penalty_every
    if known is None or known.coupled:
        return g, whole
    share = recipe.penalty_fraction
    return g, share * whole + (1 - share) * DISCRIMINATOR_UPDATE[1]


def _coupled(discriminator: torch.nn.Module) -> bool:
    known = closed_form.known(discriminator)
    return known is None or known.coupled


def _sum(passes: tuple[float, float], g: float, d: float) -> float:
    return passes[0] * g + passes[1] * d


def _forward_flop(network: torch.nn.Module, shape: tuple[int, ...]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.empty(shape, device="meta"))
    return float(counter.get_total_flops())


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
