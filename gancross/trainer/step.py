"""One update of the discriminator, one of the generator (the body of Algorithm 1), for every recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from gancross.distributed import ALONE, Processes
from gancross.latents import Stream
from gancross.models.batch_norm import frozen_averages
from gancross.trainer.closed_form import add_gradients
from gancross.trainer.noise import noisy, uniforms
from gancross.trainer.objectives import OBJECTIVES
from gancross.trainer.recipes import Recipe
from gancross.trainer.regularizers import clip_weights, gradient_penalty, noise_induced, scored
from gancross.trainer.weightings import UNREGULARIZED

RMSPROP_DECAY = 0.9  # of the mean square, as in the authors' program


@dataclass(frozen=True, kw_only=True)
class Players:
    """Both networks and their optimizers, in training mode.

    `closed_form`: whether the regularized gradient of this discriminator has one that is used.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    closed_form: bool = False


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

    Real and generated batch go through the discriminator apart, each normalised by its own statistics,
    as in the authors' program, and once: Ω uses the scores of the same pass. With γ = 0 no input gradient
    is taken at all. WGAN-GP's interpolates are a third pass, which leaves batch norm's averages alone.
    A piecewise-linear discriminator's regularized gradient is found without double backward, and then
    both batches share every pass (`gancross.trainer.closed_form`).

    Args:
        real: real samples as the network wants them, (N, …), N = `distinct_samples(recipe, …)`.
        latents: for as many generated ones.
        gamma: γ_t ≥ 0.
        update: number of this update, from 0; noise and interpolation are functions of it.
        measure: also return `gradient_discriminator`, the L2 norm of the whole parameter gradient.
        processes: among which the batch is divided; real samples and latents are this one's, gradients are
            averaged.

    Returns:
        Detached scalars: loss, penalty (Ω before γ/2, or WGAN-GP's before λ), mean scores. They stay on
        the device.
    """
    discriminator = players.discriminator
    with torch.no_grad(), frozen_averages(players.generator):
        fake = players.generator(latents)
    real, fake = (
        noisy(samples, recipe, player="discriminator", kind=kind, update=update, processes=processes)
        for kind, samples in (("real", real), ("fake", fake))
    )
    weights = noise_induced(recipe.regularizer, recipe.objective) if gamma > 0.0 else UNREGULARIZED
    objective = OBJECTIVES[recipe.objective]
    if weights is not UNREGULARIZED and players.closed_form:
        players.discriminator_optimizer.zero_grad(set_to_none=True)
        found = add_gradients(
            discriminator, real=real, fake=fake, loss=objective.discriminator_loss, weights=weights,
            gamma=gamma,
        )  # fmt: skip
        return {
            "loss_discriminator": found.loss, "penalty": found.penalty,
            "logit_real": found.real.mean(), "logit_fake": found.fake.mean(),
        } | _updated(
            discriminator, players.discriminator_optimizer, "discriminator", measure, processes
        )  # fmt: skip
    scores_real, penalty_real = scored(discriminator, real, weights.real)
    scores_fake, penalty_fake = scored(discriminator, fake, weights.fake)
    loss = objective.discriminator_loss(real=scores_real, fake=scores_fake)
    penalty, total = penalty_real + penalty_fake, loss
    if weights is not UNREGULARIZED:
        total = loss + gamma / 2 * penalty
    elif recipe.regularizer == "gradient-penalty":
        n = len(real) * processes.size
        epsilon = uniforms(real, n, Stream(recipe.seed, "interpolates", f"update-{update}"))
        with frozen_averages(discriminator):
            penalty = gradient_penalty(discriminator, real, fake, epsilon[processes.share(n)])
        total = loss + recipe.gradient_penalty * penalty
    measured = {
        "loss_discriminator": loss.detach(),
        "penalty": penalty.detach(),
        "logit_real": scores_real.detach().mean(),
        "logit_fake": scores_fake.detach().mean(),
    }
    measured |= _descend(
        total, discriminator, players.discriminator_optimizer, "discriminator", measure, processes
    )
    if recipe.objective == "wgan":
        clip_weights(discriminator, recipe.clip)
    return measured


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


def optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer: Adam (ε 1e-8, fused), or RMSprop (decay 0.9, ε 1e-8, no momentum)."""
    parameters = network.parameters()
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=recipe.learning_rate, alpha=RMSPROP_DECAY, foreach=True)
    return torch.optim.Adam(
        parameters, lr=recipe.learning_rate, betas=(recipe.beta1, recipe.beta2), fused=True
    )


def _descend(
    total: torch.Tensor, network: nn.Module, descent: torch.optim.Optimizer, player: str, measure: bool,
    processes: Processes,
) -> Measured:  # fmt: skip
    """One step of the optimizer down the gradient of `total`; that gradient's norm if it is asked for.

    Every loss is a mean over the batch, so the mean gradient over equal parts is the whole batch's. It is
    averaged here and not by DistributedDataParallel, which knows nothing of gradients of gradients.
    """
    descent.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    return _updated(network, descent, player, measure, processes)


def _updated(
    network: nn.Module, descent: torch.optim.Optimizer, player: str, measure: bool, processes: Processes
) -> Measured:
    """One step of the optimizer down the gradients that are there."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    processes.average(gradients)
    measured: Measured = {}
    if measure:
        measured[f"gradient_{player}"] = nn.utils.get_total_norm(gradients)
    descent.step()
    return measured


@contextmanager
def frozen_parameters(network: nn.Module) -> Iterator[None]:
    """Inside, no gradients are computed for the network's parameters (only through it)."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
