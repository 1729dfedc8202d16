"""The gradient of the discriminator's loss, by the cheapest exact method that its network allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from gancross.trainer.gradient.double_backward import add_gradients_by_double_backward
from gancross.trainer.gradient.graph_passes import GraphPasses
from gancross.trainer.gradient.scorer import Scorer
from gancross.trainer.gradient.structure import network_passes, with_structure
from gancross.trainer.gradient.verification import refusal
from gancross.trainer.labels import BatchLabels, on_fake, on_real, pair_of_labels, takes_labels
from gancross.trainer.noise import uniforms
from gancross.trainer.objective.lecam import with_lecam
from gancross.trainer.objective.objectives import OBJECTIVES, DiscriminatorLoss
from gancross.trainer.objective.regularizers import penalty_weights, slope_penalty
from gancross.trainer.objective.slope_penalties import SLOPE_PENALTIES, Surroundings
from gancross.trainer.objective.weightings import UNREGULARIZED, PenaltyWeights
from gancross.trainer.precision import autocast
from gancross.trainer.recipes.recipe import Recipe

ANY_LABELS = (torch.empty(0, dtype=torch.int64),)  # what tracing needs to know of them


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a discriminator's gradient is computed.

    Attributes:
        closed_form: `gancross.trainer.gradient.closed_form` supports every layer; else double backward.
        smooth: one of the layers is smooth: six passes instead of four.
        coupled: a layer couples the samples of a batch, as batch norm does, or might: a traced one always.
        traced: the layers were found by tracing; the first batch is compared with double backward.
        compiled: the closed form of this discriminator and recipe as a compiled function.
    """

    closed_form: bool = False
    smooth: bool = True
    coupled: bool = True
    traced: bool = False
    compiled: CompiledGradients | None = None


def route_of(discriminator: nn.Module, *, labels: bool = False) -> Route:
    """The route of a network in training mode: the closed form if it supports all layers.

    The closed form adds gradients to every parameter, so one that is not to be trained needs autograd.

    Args:
        labels: whether the network takes labels beside the samples.
    """
    if not all(parameter.requires_grad for parameter in discriminator.parameters()):
        return Route()
    try:
        passes = network_passes(discriminator, ANY_LABELS if labels else ())
    except UsageError:
        return Route()
    traced = isinstance(passes, GraphPasses)
    return Route(closed_form=True, smooth=passes.smooth, coupled=passes.coupled or traced, traced=traced)


def with_compiler(
    route: Route, discriminator: nn.Module, recipe: Recipe, *, graphs: bool = False
) -> tuple[Route, str]:
    """The route with its closed form compiled, or unchanged; and a message that says which.

    Args:
        graphs: as of `compiled_gradients`.
    """
    weights = penalty_weights(recipe.regularizer, recipe.objective)
    whole = recipe.penalty_fraction == 1 and recipe.penalty_every == 1 and recipe.accumulate == 1
    if recipe.lecam > 0:
        return route, "not compiled: only losses without LeCam's averages can be compiled"
    if weights.real is None or weights.fake is None or not route.closed_form or not whole:
        return route, "not compiled: only a penalty of both whole batches in closed form can be compiled"
    if route.traced:
        return route, "not compiled: only gancross's own networks can be compiled"
    error = compiler_error(next(discriminator.parameters()).device)
    if error:
        return route, f"not compiled: no working compiler here: {error}"
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    compiled = compiled_gradients(discriminator, loss, weights, graphs=graphs)
    return replace(route, compiled=compiled), "compiled: the first step takes a minute or two"


def route_description(route: Route, recipe: Recipe) -> str:
    """One line for the user: how the regularizer's gradient is computed."""
    if recipe.regularizer in SLOPE_PENALTIES:
        return f"the {SLOPE_PENALTIES[recipe.regularizer].title} by double backward, through interpolates"
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
    averages: torch.Tensor | None = None,
) -> DiscriminatorPass:
    """Adds the gradient of L_D + γ/2·Ω, or of L_D + λ·penalty of slopes, to the parameters' `grad`.

    With γ = 0 no input gradient is computed. Where no layer couples samples, real and generated ones share
    one pass; elsewhere each batch has its own, normalised by its own statistics, as in the authors' program.
    The points of a slope penalty take a third, which does not update batch norm's averages. Passes of a
    penalty are float32 in any precision.

    Args:
        real, fake: the discriminator's inputs, noise included, (N, …).
        gamma: γ_t ≥ 0.
        update: index of this update, from 0; the interpolation depends on it.
        labels: of both batches, held fixed, where the players are conditional. An interpolate has that of its
            real sample.
        averages: LeCam's, (2,), updated in place; for recipes with `lecam`, whose term is a part of L_D.
    """
    loss = OBJECTIVES[recipe.objective].discriminator_loss
    if averages is not None:
        active = update // recipe.n_phi + 1 >= recipe.lecam_from
        loss = with_lecam(
            loss, averages, weight=recipe.lecam, decay=recipe.lecam_decay, active=active, processes=processes
        )
    weights = penalty_weights(recipe.regularizer, recipe.objective) if gamma > 0.0 else UNREGULARIZED
    if weights is not UNREGULARIZED and recipe.penalty_every == 1:
        return _regularized_pass(discriminator, route, recipe, real, fake, loss, weights, gamma, labels)
    with autocast(recipe, real.device):
        if takes_labels(labels):
            scores: Sequence[torch.Tensor] = (
                on_real(discriminator, labels)(real), on_fake(discriminator, labels)(fake),
            )  # fmt: skip
        else:
            scores = closed_form.batch_scores(discriminator, [real, fake], coupled=route.coupled)
    scores_real, scores_fake = (part.flatten().to(real.dtype) for part in scores)
    value = total = loss(real=scores_real, fake=scores_fake)
    penalty = None
    if recipe.regularizer in SLOPE_PENALTIES:
        entry = SLOPE_PENALTIES[recipe.regularizer]
        points = entry.points(_surroundings(recipe, real, fake, update, processes))
        with frozen_averages(discriminator):
            penalty = slope_penalty(on_real(discriminator, labels), points, entry.penalty)
        total = value + recipe.gradient_penalty * penalty
    torch.autograd.backward(total)
    return DiscriminatorPass(
        loss=value.detach(), penalty=None if penalty is None else penalty.detach(),
        scores_real=scores_real.detach(), scores_fake=scores_fake.detach(),
    )  # fmt: skip


def _surroundings(
    recipe: Recipe, real: torch.Tensor, fake: torch.Tensor, update: int, processes: Processes
) -> Surroundings:
    def uniforms_of_batch(k: int) -> torch.Tensor:
        n = len(real) * processes.size
        stream = Stream(recipe.seed, "interpolates", f"update-{update}")
        return uniforms(real, n * k, stream).reshape(n, k)[processes.share(n)]

    def mean_of_batch(mean: torch.Tensor) -> torch.Tensor:
        processes.average([mean])
        return mean

    return Surroundings(real=real, fake=fake, uniforms=uniforms_of_batch, mean=mean_of_batch)


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
    usable, network, given = route.closed_form, Scorer(discriminator), pair_of_labels(labels, real, fake)
    if route.traced:
        network = with_structure(network, labels=bool(given[0]))
        usable = not refusal(network, real=real, fake=fake, labels=given)
    if usable:
        return closed_form.add_regularized_gradients(
            network, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma,
            num_penalized=(n_real, n_fake), in_order=route.traced, labels=given,
        )  # fmt: skip
    return add_gradients_by_double_backward(
        discriminator, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma,
        num_penalized=(n_real, n_fake), labels=given,
    )  # fmt: skip
