"""The gradient of the discriminator's loss, by the cheapest exact method that its network allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.machine.distributed import Processes
from gancross.models.batch_norm import frozen_averages
from gancross.random_streams import Stream
from gancross.trainer.gradient import closed_form
from gancross.trainer.gradient.closed_form import DiscriminatorPass
from gancross.trainer.gradient.compilation import CompiledGradients, compiled_gradients, compiler_error
from gancross.trainer.gradient.passes import layer_passes
from gancross.trainer.labels import BatchLabels, on_fake, on_real, takes_labels
from gancross.trainer.noise import uniforms
from gancross.trainer.objective.objectives import OBJECTIVES, DiscriminatorLoss
from gancross.trainer.objective.regularizers import gradient_penalty, penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import UNREGULARIZED, PenaltyWeights
from gancross.trainer.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a discriminator's gradient is computed.

    Attributes:
        closed_form: `gancross.trainer.gradient.closed_form` supports every layer; else double backward.
        smooth: one of the layers is smooth: six passes instead of four.
        coupled: a layer couples the samples of a batch, as batch norm does, or might.
        compiled: the closed form of this discriminator and recipe as a compiled function.
    """

    closed_form: bool = False
    smooth: bool = True
    coupled: bool = True
    compiled: CompiledGradients | None = None


def route_of(discriminator: nn.Module) -> Route:
    """The route of a network in training mode: the closed form if it supports all layers."""
    try:
        passes = layer_passes(discriminator)
    except UsageError:
        return Route()
    return Route(closed_form=True, smooth=passes.smooth, coupled=passes.coupled)


def with_compiler(route: Route, discriminator: nn.Module, recipe: Recipe) -> tuple[Route, str]:
    """The route with its closed form compiled, or unchanged; and a message that says which."""
    weights = penalty_weights(recipe.regularizer, recipe.objective)
    whole = recipe.penalty_fraction == 1 and recipe.penalty_every == 1
    if weights.real is None or weights.fake is None or not route.closed_form or not whole:
        return route, "not compiled: only Ω_JS of whole batches in closed form can be compiled"
    error = compiler_error(next(discriminator.parameters()).device)
    if error:
        return route, f"not compiled: no working compiler here: {error}"
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    compiled = compiled_gradients(discriminator, loss, weights)
    return replace(route, compiled=compiled), "compiled: the first step takes a minute or two"


def route_description(route: Route, recipe: Recipe) -> str:
    """One line for the user: how the regularizer's gradient is computed."""
    if recipe.regularizer == "gradient-penalty":
        return "the gradient penalty by double backward, through interpolates"
    if penalty_weights(recipe.regularizer, recipe.objective) is UNREGULARIZED:
        return "no noise-induced regularizer: one backward pass"
    if not route.closed_form:
        return "the regularizer by double backward: the closed form does not support all layers"
    cost = "six passes, for smooth layers" if route.smooth else "four passes, for a piecewise-linear network"
    return f"the regularizer in closed form: {cost}"


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
    labels: BatchLabels | None = None,
) -> DiscriminatorPass:
    """Adds the gradient of L_D + γ/2·Ω, or of L_D + λ·gradient penalty, to the parameters' `grad`.

    With γ = 0 no input gradient is computed. Where no layer couples samples, real and generated ones share
    one pass; elsewhere each batch has its own, normalised by its own statistics, as in the authors' program.
    WGAN-GP's interpolates take a third, which does not update batch norm's averages.

    Args:
        real, fake: the discriminator's inputs, noise included, (N, …).
        gamma: γ_t ≥ 0.
        update: index of this update, from 0; the interpolation depends on it.
        labels: of both batches, held fixed, where the players are conditional. An interpolate has that of its
            real sample.
    """
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    weights = penalty_weights(recipe.regularizer, recipe.objective) if gamma > 0.0 else UNREGULARIZED
    if weights is not UNREGULARIZED and recipe.penalty_every == 1:
        return _regularized_pass(discriminator, route, recipe, real, fake, loss, weights, gamma, labels)
    if not takes_labels(labels):
        scores_real, scores_fake = closed_form.batch_scores(
            discriminator, [real, fake], coupled=route.coupled
        )
    else:
        scores_real = on_real(discriminator, labels)(real).flatten()
        scores_fake = on_fake(discriminator, labels)(fake).flatten()
    value = total = loss(real=scores_real, fake=scores_fake)
    penalty = None
    if recipe.regularizer == "gradient-penalty":
        n = len(real) * processes.size
        epsilon = uniforms(real, n, Stream(recipe.seed, "interpolates", f"update-{update}"))
        with frozen_averages(discriminator):
            penalty = gradient_penalty(
                on_real(discriminator, labels), real, fake, epsilon[processes.share(n)]
            )
        total = value + recipe.gradient_penalty * penalty
    torch.autograd.backward(total)
    return DiscriminatorPass(
        loss=value.detach(), penalty=None if penalty is None else penalty.detach(),
        scores_real=scores_real.detach(), scores_fake=scores_fake.detach(),
    )  # fmt: skip


def add_penalty_gradients(
    discriminator: nn.Module, route: Route, recipe: Recipe, *,
    real: torch.Tensor, fake: torch.Tensor, gamma: float, labels: BatchLabels | None = None,
) -> torch.Tensor:  # fmt: skip
    """Adds the gradient of k·γ/2·Ω alone, k = `penalty_every`; returns Ω.

    Batch norm's averages are not updated: the same update has updated them with these samples.

    Source: Karras et al. 2020, appendix B, for the factor.
    """
    weights = penalty_weights(recipe.regularizer, recipe.objective)
    with frozen_averages(discriminator):
        result = _regularized_pass(
            discriminator, route, recipe, real, fake, None, weights, recipe.penalty_every * gamma, labels
        )
    assert result.penalty is not None
    return result.penalty


def _regularized_pass(
    discriminator: nn.Module, route: Route, recipe: Recipe, real: torch.Tensor, fake: torch.Tensor,
    loss: DiscriminatorLoss | None, weights: PenaltyWeights, gamma: float, labels: BatchLabels | None,
) -> DiscriminatorPass:  # fmt: skip
    if route.compiled is not None:
        return route.compiled(real, fake, real.new_full((), gamma))
    n_real, n_fake = (math.ceil(round(recipe.penalty_fraction * len(batch), 6)) for batch in (real, fake))
    if route.closed_form and not takes_labels(labels):
        return closed_form.add_regularized_gradients(
            discriminator, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma,
            num_penalized=(n_real, n_fake),
        )  # fmt: skip
    scores_real, penalty_real = scores_and_penalty(
        on_real(discriminator, labels), real, weights.real, num_penalized=n_real
    )
    scores_fake, penalty_fake = scores_and_penalty(
        on_fake(discriminator, labels), fake, weights.fake, num_penalized=n_fake
    )
    penalty = penalty_real + penalty_fake
    value = penalty.new_zeros(()) if loss is None else loss(real=scores_real, fake=scores_fake)
    torch.autograd.backward(value + gamma / 2 * penalty)
    return DiscriminatorPass(
        loss=value.detach(), penalty=penalty.detach(),
        scores_real=scores_real.detach(), scores_fake=scores_fake.detach(),
    )  # fmt: skip
