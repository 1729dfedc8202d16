"""The work of a run in floating-point operations, counted on networks without memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from gancross import models
from gancross.trainer.gradient.route import Route, route_of
from gancross.trainer.objective.weightings import WEIGHTINGS
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import architectures

# Passes of one batch through a network: a forward pass counts 1, a backward pass 2, a backward pass to the
# input alone 1. A batch with a term in the regularizer takes four passes in closed form if D is piecewise
# linear, six if it is smooth or needs double backward (`gancross.trainer.gradient.route`).
PLAIN, PIECEWISE_LINEAR, SMOOTH = 3, 4, 6
INTERPOLATES = 6  # WGAN-GP's third batch


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
    """Counts the work of a recipe on networks without memory; reads no data.

    Args:
        shape: of one sample, (C, H, W) or (d,).

    Raises:
        UsageError: network and data do not fit together.
    """
    generator, discriminator = map(models.skeleton, architectures(recipe, shape))
    n = recipe.batch_size
    g = _forward_flop(generator, (n, recipe.latent_dim))
    d = _forward_flop(discriminator, (n, *shape))
    route = route_of(discriminator)
    step = recipe.n_phi * (g + _update(recipe, route) * d)
    if recipe.update == "alternating":
        step += 3 * g + 2 * d
    else:  # shared: the generator's forward pass, and D's backward pass to its samples if the penalty took it
        whole = recipe.penalty_every == 1 and recipe.penalty_fraction == 1
        free = recipe.regularizer in WEIGHTINGS and route.closed_form and not route.coupled and whole
        step += 2 * g + (0 if free else 2 * d)
    return Work(
        parameters_generator=_parameters(generator), parameters_discriminator=_parameters(discriminator),
        step_flop=step, total_flop=step * recipe.steps,
    )  # fmt: skip


def _update(recipe: Recipe, route: Route) -> float:
    """Passes through the discriminator of one of its updates, both batches, on average."""
    if recipe.regularizer == "gradient-penalty":
        return 2 * PLAIN + INTERPOLATES
    if recipe.regularizer not in WEIGHTINGS:
        return 2 * PLAIN
    weights = WEIGHTINGS[recipe.regularizer].weights(recipe.objective)
    terms = sum(weight is not None for weight in (weights.real, weights.fake))
    each = PIECEWISE_LINEAR if route.closed_form and not route.smooth else SMOOTH
    share = 1.0 if route.coupled else recipe.penalty_fraction  # coupled batches are not subsampled
    if recipe.penalty_every > 1:
        alone = terms if route.closed_form and not route.coupled else 2
        return 2 * PLAIN + (terms * share * each + (alone - terms) * PLAIN) / recipe.penalty_every
    return 2 * PLAIN + terms * share * (each - PLAIN)


def _forward_flop(network: torch.nn.Module, shape: tuple[int, ...]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.empty(shape, device="meta"))
    return float(counter.get_total_flops())


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
