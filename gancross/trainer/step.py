"""One update of the discriminator, one of the generator (the body of Algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from gancross.trainer.objectives import GENERATOR_LOSSES, discriminator_loss
from gancross.trainer.recipes import Recipe
from gancross.trainer.regularizers import jensen_shannon_penalty, scored_with_gradient


@dataclass(frozen=True, kw_only=True)
class Players:
    """Both networks and their optimizers, in training mode."""

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer


Measured = dict[str, torch.Tensor]


def discriminator_step(
    players: Players, *, real: torch.Tensor, latents: torch.Tensor, gamma: float
) -> Measured:
    """Minimises −F + γ/2·Ω_JS over the discriminator, once.

    Real and generated batch go through the discriminator apart, each normalised by its own statistics,
    as in the authors' program. With γ = 0 no input gradient is taken at all.

    Args:
        real: real samples as the network wants them, (N, …).
        latents: for as many generated ones.
        gamma: γ_t ≥ 0.

    Returns:
        Detached scalars: loss, penalty (Ω before γ/2), mean logits. They stay on the device.
    """
    discriminator = players.discriminator
    with torch.no_grad(), frozen_averages(players.generator):
        fake = players.generator(latents)
    if gamma > 0.0:
        scored_real = scored_with_gradient(discriminator, real)
        scored_fake = scored_with_gradient(discriminator, fake)
        penalty = jensen_shannon_penalty(real=scored_real, fake=scored_fake)
        logits_real, logits_fake = scored_real[0], scored_fake[0]
    else:
        logits_real, logits_fake = discriminator(real).flatten(), discriminator(fake).flatten()
        penalty = torch.zeros((), device=real.device)
    loss = discriminator_loss(real=logits_real, fake=logits_fake)
    players.discriminator_optimizer.zero_grad(set_to_none=True)
    _backward(loss + gamma / 2 * penalty if gamma > 0.0 else loss)
    players.discriminator_optimizer.step()
    return {
        "loss_discriminator": loss.detach(),
        "penalty": penalty.detach(),
        "logit_real": logits_real.detach().mean(),
        "logit_fake": logits_fake.detach().mean(),
    }


def generator_step(players: Players, *, latents: torch.Tensor, generator_loss: str) -> Measured:
    """Minimises the generator's loss over the generator, once; the discriminator is frozen.

    The discriminator normalises by batch statistics here too, but its running averages stay as its own
    steps left them.
    """
    with frozen_parameters(players.discriminator), frozen_averages(players.discriminator):
        logits = players.discriminator(players.generator(latents)).flatten()
        loss = GENERATOR_LOSSES[generator_loss](logits)
        players.generator_optimizer.zero_grad(set_to_none=True)
        _backward(loss)
    players.generator_optimizer.step()
    return {"loss_generator": loss.detach()}


def adam(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam with the recipe's rates (ε = 1e-8), fused into one kernel per update."""
    return torch.optim.Adam(
        network.parameters(), lr=recipe.learning_rate, betas=(recipe.beta1, recipe.beta2), fused=True
    )


def _backward(loss: torch.Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped


@contextmanager
def frozen_parameters(network: nn.Module) -> Iterator[None]:
    """Inside, no gradients are computed for the network's parameters (only through it)."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


@contextmanager
def frozen_averages(network: nn.Module) -> Iterator[None]:
    """Inside, batch norm in training mode uses batch statistics and leaves its averages alone."""
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
