"""One update of the discriminator, one of the generator (the body of Algorithm 1), for every recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from gancross.machine.distributed import ALONE, Processes
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.gradient.closed_form import Found, per_sample
from gancross.trainer.gradient.route import Route, add_gradients, add_penalty_gradients
from gancross.trainer.objective.noise import noisy
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import clip_weights, noise_induced, scored
from gancross.trainer.objective.weightings import UNREGULARIZED
from gancross.trainer.recipes.recipe import Recipe

RMSPROP_DECAY = 0.9  # of the mean square, as in the authors' program


@dataclass(frozen=True, kw_only=True)
class Players:
    """Both networks and their optimizers, in training mode; `route`: how D's gradients are found."""

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    route: Route = field(default_factory=Route)


Measured = dict[str, torch.Tensor]


def discriminator_step(
    players: Players,
    recipe: Recipe,
    *,
    real: torch.Tensor,
    latents: torch.Tensor,
    gamma: float,
    update: int,
    measure: bool = False,
    processes: Processes = ALONE,
) -> Measured:
    """Minimises −F + γ/2·Ω over the discriminator, once; or what the recipe's objective has in its place.

    `gancross.trainer.gradient.route` says how the gradient is found.

    Args:
        real: real samples as the network wants them, (N, …), N = `distinct_samples(recipe, …)`.
        latents: for as many generated ones.
        gamma: γ_t ≥ 0.
        update: number of this update, from 0; noise, interpolation and whether a lazy penalty follows are
            functions of it.
        measure: also return `gradient_discriminator`, the L2 norm of the whole parameter gradient.
        processes: among which the batch is divided; real samples and latents are this one's, gradients are
            averaged.

    Returns:
        Detached scalars: loss, mean scores, and penalty (Ω before γ/2, or WGAN-GP's before λ) where this
        update took one. They stay on the device.
    """
    with torch.no_grad(), frozen_averages(players.generator):
        fake = players.generator(latents)
    real, fake = (
        noisy(samples, recipe, player="discriminator", kind=kind, update=update, processes=processes)
        for kind, samples in (("real", real), ("fake", fake))
    )
    players.discriminator_optimizer.zero_grad(set_to_none=True)
    found = add_gradients(
        players.discriminator, players.route, recipe, real=real, fake=fake, gamma=gamma, update=update,
        processes=processes,
    )  # fmt: skip
    return _descended(players, recipe, found, real, fake, gamma, update, measure, processes)


def simultaneous_step(
    players: Players,
    recipe: Recipe,
    *,
    real: torch.Tensor,
    latents: torch.Tensor,
    gamma: float,
    update: int,
    measure: bool = False,
    processes: Processes = ALONE,
) -> Measured:
    """Both players' gradients from the same samples at the same weights (`update=simultaneous`).

    A change of Algorithm 1, where the generator answers the discriminator that has just moved. Where D's
    pass in closed form has found ∇ₓφ of each generated sample, the generator's gradient is
    ∂ℓ_G/∂φ · ∇ₓφ carried back through the generator alone; elsewhere it takes a pass through D of its own.

    Args:
        real, latents, gamma, update, measure, processes: as for `discriminator_step`.

    Returns:
        What `discriminator_step` and `generator_step` return.
    """
    discriminator, generator = players.discriminator, players.generator
    loss_of = OBJECTIVES[recipe.objective].generator_losses[recipe.generator_loss]
    real, fake = (
        noisy(samples, recipe, player="discriminator", kind=kind, update=update, processes=processes)
        for kind, samples in (("real", real), ("fake", generator(latents)))
    )
    seen = fake.detach()
    players.discriminator_optimizer.zero_grad(set_to_none=True)
    players.generator_optimizer.zero_grad(set_to_none=True)
    found = add_gradients(
        discriminator, players.route, recipe, real=real, fake=seen, gamma=gamma, update=update,
        processes=processes,
    )  # fmt: skip
    if found.gradient_fake is None:
        with frozen_parameters(discriminator), frozen_averages(discriminator):
            loss = loss_of(discriminator(fake).flatten())
            torch.autograd.backward(loss)
    else:
        scores_N = found.fake.clone().requires_grad_(True)
        loss = loss_of(scores_N)
        (slope_N,) = torch.autograd.grad(loss, scores_N)
        torch.autograd.backward(fake, per_sample(slope_N, fake) * found.gradient_fake)
    measured = _descended(players, recipe, found, real, seen, gamma, update, measure, processes)
    measured["loss_generator"] = loss.detach()
    return measured | _updated(generator, players.generator_optimizer, "generator", measure, processes)


def generator_step(
    players: Players,
    recipe: Recipe,
    *,
    latents: torch.Tensor,
    gamma: float,
    update: int,
    measure: bool = False,
    processes: Processes = ALONE,
) -> Measured:
    """Minimises the generator's loss over the generator, once; the discriminator is frozen.

    The discriminator normalises by batch statistics here too, but its running averages stay as its own
    steps left them. With `regularize_generator` the generator descends on its loss − γ/2·Ω_Q, Ω_Q the term
    of Ω over generated samples: F_γ = F − γ/2·Ω (Eqs. 19 and 20) is what the discriminator maximises and
    the generator minimises, so the penalty has the same sign in F_γ for both and the generator gains by
    moving to where the discriminator is steep (the incentive that §4.1 warns of). The non-saturating
    loss replaces F's dependence on the generator and gets the same term.

    Args:
        latents: N = `distinct_samples(recipe, "generator")` of them.
        gamma: γ_t ≥ 0, used with `regularize_generator` only.
        update: number of this update, from 0.
        measure: also return `gradient_generator`, the L2 norm of the whole parameter gradient.
        processes: as for the discriminator.

    Returns:
        Detached scalars: the loss, without the regularizer's term.
    """
    discriminator = players.discriminator
    regularized = recipe.regularize_generator and gamma > 0.0
    weights = noise_induced(recipe.regularizer, recipe.objective) if regularized else UNREGULARIZED
    with frozen_parameters(discriminator), frozen_averages(discriminator):
        fake = players.generator(latents)
        fake = noisy(fake, recipe, player="generator", kind="fake", update=update, processes=processes)
        scores, penalty = scored(discriminator, fake, weights.fake)
        loss = OBJECTIVES[recipe.objective].generator_losses[recipe.generator_loss](scores)
        total = loss - gamma / 2 * penalty if regularized else loss
        gradient = _descend(
            total, players.generator, players.generator_optimizer, "generator", measure, processes
        )
    return {"loss_generator": loss.detach()} | gradient


def optimizer(network: nn.Module, recipe: Recipe, *, lazy: int = 1) -> torch.optim.Optimizer:
    """The recipe's optimizer: Adam (ε 1e-8, fused), or RMSprop (decay 0.9, ε 1e-8, no momentum).

    Args:
        lazy: k > 1: the penalty has an update of its own every k updates. Adam then takes k + 1 steps where
            it took k, so its rate and the logarithms of its β are multiplied by k/(k+1).

    Source: Karras et al. 2020, appendix B.
    """
    parameters = network.parameters()
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=recipe.learning_rate, alpha=RMSPROP_DECAY, foreach=True)
    ratio = lazy / (lazy + 1) if lazy > 1 else 1.0
    betas = (recipe.beta1**ratio, recipe.beta2**ratio)
    return torch.optim.Adam(parameters, lr=recipe.learning_rate * ratio, betas=betas, fused=True)


def _descended(
    players: Players, recipe: Recipe, found: Found, real: torch.Tensor, fake: torch.Tensor, gamma: float,
    update: int, measure: bool, processes: Processes,
) -> Measured:  # fmt: skip
    """The discriminator's update by the gradients that are there, its lazy penalty's, and WGAN's clipping."""
    discriminator, descent = players.discriminator, players.discriminator_optimizer
    measured = {
        "loss_discriminator": found.loss, "logit_real": found.real.mean(), "logit_fake": found.fake.mean(),
        **_penalty_of(found, recipe),
    } | _updated(discriminator, descent, "discriminator", measure, processes)  # fmt: skip
    if gamma > 0.0 and recipe.penalty_every > 1 and (update + 1) % recipe.penalty_every == 0:
        descent.zero_grad(set_to_none=True)
        measured["penalty"] = add_penalty_gradients(
            discriminator, players.route, recipe, real=real, fake=fake, gamma=gamma
        )
        _updated(discriminator, descent, "discriminator", False, processes)
    if recipe.objective == "wgan":
        clip_weights(discriminator, recipe.clip)
    return measured


def _descend(
    total: torch.Tensor, network: nn.Module, descent: torch.optim.Optimizer, player: str, measure: bool,
    processes: Processes,
) -> Measured:  # fmt: skip
    """One step of the optimizer down the gradient of `total`; that gradient's norm if it is asked for."""
    descent.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    return _updated(network, descent, player, measure, processes)


def _updated(
    network: nn.Module, descent: torch.optim.Optimizer, player: str, measure: bool, processes: Processes
) -> Measured:
    """One step of the optimizer down the gradients that are there.

    Every loss is a mean over the batch, so the mean gradient over equal parts is the whole batch's. It is
    averaged here and not by DistributedDataParallel, which knows nothing of gradients of gradients.
    """
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    processes.average(gradients)
    measured: Measured = {}
    if measure:
        measured[f"gradient_{player}"] = nn.utils.get_total_norm(gradients)
    descent.step()
    return measured


def _penalty_of(found: Found, recipe: Recipe) -> Measured:
    """Ω of this update: 0 without a regularizer, nothing where it has updates of its own."""
    if found.penalty is not None:
        return {"penalty": found.penalty}
    return {} if recipe.penalty_every > 1 else {"penalty": torch.zeros_like(found.loss)}


@contextmanager
def frozen_parameters(network: nn.Module) -> Iterator[None]:
    """Inside, no gradients are computed for the network's parameters (only through it)."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
