"""The gradient of the discriminator's loss, by the cheapest exact way that its network allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import nn

from gancross.machine.distributed import Processes
from gancross.models.batch_norm import frozen_averages
from gancross.random_streams import Stream
from gancross.trainer.gradient import closed_form
from gancross.trainer.gradient.closed_form import Found
from gancross.trainer.gradient.compilation import Gradients, compiled_gradients, compiler_missing
from gancross.trainer.objective.noise import uniforms
from gancross.trainer.objective.objectives import OBJECTIVES, DiscriminatorLoss
from gancross.trainer.objective.regularizers import gradient_penalty, noise_induced, scored
from gancross.trainer.objective.weightings import UNREGULARIZED, NoiseInduced
from gancross.trainer.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a discriminator's gradients are found.

    Attributes:
        closed_form: every layer is known to `gancross.trainer.gradient.closed_form`.
        curved: one of them is smooth: six passes instead of four.
        coupled: a layer lets samples of a batch depend on each other, as batch norm does, or might.
        compiled: the closed form of this discriminator and recipe as a compiled function.
    """

    closed_form: bool = False
    curved: bool = True
    coupled: bool = True
    compiled: Gradients | None = None


def route_of(discriminator: nn.Module) -> Route:
    """The route of a network in training mode; one with unknown layers is taken through double backward."""
    known = closed_form.known(discriminator)
    if known is None:
        return Route()
    return Route(closed_form=True, curved=known.curved, coupled=known.coupled)


def with_compiler(route: Route, discriminator: nn.Module, recipe: Recipe) -> tuple[Route, str]:
    """The route with its closed form compiled, or as it was; and which, in words."""
    weights = noise_induced(recipe.regularizer, recipe.objective)
    whole = recipe.penalty_fraction == 1 and recipe.penalty_every == 1
    if weights.real is None or weights.fake is None or not route.closed_form or not whole:
        return route, "not compiled: only the whole batches' Ω_JS in closed form is"
    missing = compiler_missing(next(discriminator.parameters()).device)
    if missing:
        return route, f"not compiled: no working compiler here: {missing}"
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    made = compiled_gradients(discriminator, loss, weights)
    return replace(route, compiled=made), "compiled: the first step takes a minute or two"


def described(route: Route, recipe: Recipe) -> str:
    """The route in words, for people."""
    if recipe.regularizer == "gradient-penalty":
        return "the gradient penalty by double backward, through interpolates"
    if noise_induced(recipe.regularizer, recipe.objective) is UNREGULARIZED:
        return "no noise-induced regularizer: one backward pass"
    if not route.closed_form:
        return "the regularizer by double backward: its closed form does not know all layers"
    passes = (
        "six passes, for smooth layers" if route.curved else "four passes, for a piecewise-linear network"
    )
    return f"the regularizer in closed form: {passes}"


def add_gradients(
    discriminator: nn.Module,
    route: Route,
    recipe: Recipe,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    gamma: float,
    update: int,
    processes: Processes,
) -> Found:
    """Adds the gradient of −F + γ/2·Ω, or of what the objective has in its place, to the parameters' `grad`.

    With γ = 0 no input gradient is taken at all. Where it is known that no layer couples samples, real and
    generated ones share one pass; elsewhere each batch has its own, normalised by its own statistics, as in
    the authors' program. WGAN-GP's interpolates are one more, which leaves batch norm's averages alone.

    Args:
        real, fake: samples as the discriminator is to see them, (N, …).
        gamma: γ_t ≥ 0.
        update: number of this update, from 0; interpolation is a function of it.
    """
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    weights = noise_induced(recipe.regularizer, recipe.objective) if gamma > 0.0 else UNREGULARIZED
    if weights is not UNREGULARIZED and recipe.penalty_every == 1:
        return _regularized(discriminator, route, recipe, real, fake, loss, weights, gamma)
    scores_real, scores_fake = closed_form.plain_scores(discriminator, [real, fake], coupled=route.coupled)
    found = Found(
        loss=loss(real=scores_real, fake=scores_fake), real=scores_real.detach(), fake=scores_fake.detach()
    )
    total = found.loss
    if recipe.regularizer == "gradient-penalty":
        n = len(real) * processes.size
        epsilon = uniforms(real, n, Stream(recipe.seed, "interpolates", f"update-{update}"))
        with frozen_averages(discriminator):
            penalty = gradient_penalty(discriminator, real, fake, epsilon[processes.share(n)])
        total = total + recipe.gradient_penalty * penalty
        found = replace(found, penalty=penalty.detach())
    torch.autograd.backward(total)
    return replace(found, loss=found.loss.detach())


def add_penalty_gradients(
    discriminator: nn.Module, route: Route, recipe: Recipe, *,
    real: torch.Tensor, fake: torch.Tensor, gamma: float,
) -> torch.Tensor:  # fmt: skip
    """Adds the gradient of k·γ/2·Ω alone, k = `penalty_every`; returns Ω.

    Batch norm's averages are left alone: they have seen these samples.

    Source: Karras et al. 2020, appendix B, for the factor.
    """
    weights = noise_induced(recipe.regularizer, recipe.objective)
    with frozen_averages(discriminator):
        found = _regularized(
            discriminator, route, recipe, real, fake, None, weights, recipe.penalty_every * gamma
        )
    assert found.penalty is not None
    return found.penalty


def _regularized(
    discriminator: nn.Module, route: Route, recipe: Recipe, real: torch.Tensor, fake: torch.Tensor,
    loss: DiscriminatorLoss | None, weights: NoiseInduced, gamma: float,
) -> Found:  # fmt: skip
    if route.compiled is not None:
        return route.compiled(real, fake, real.new_full((), gamma))
    counted = [math.ceil(round(recipe.penalty_fraction * len(batch), 6)) for batch in (real, fake)]
    if route.closed_form:
        return closed_form.add_gradients(
            discriminator, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma,
            counted=(counted[0], counted[1]),
        )  # fmt: skip
    scores_real, penalty_real = scored(discriminator, real, weights.real, counted=counted[0])
    scores_fake, penalty_fake = scored(discriminator, fake, weights.fake, counted=counted[1])
    penalty = penalty_real + penalty_fake
    value = penalty.new_zeros(()) if loss is None else loss(real=scores_real, fake=scores_fake)
    torch.autograd.backward(value + gamma / 2 * penalty)
    return Found(
        loss=value.detach(), penalty=penalty.detach(), real=scores_real.detach(), fake=scores_fake.detach()
    )
