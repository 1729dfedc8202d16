"""The noise-induced gradient regularizer (Roth et al. 2017, Eq. 20).

φ is the logit, ∇ₓφ its gradient with respect to the input, ‖·‖² the sum over all input dimensions of
one sample. Shape suffix: N samples.
"""

from __future__ import annotations

import torch
from torch import nn


def jensen_shannon(discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Ω_JS = mean (1−σ(φ(real)))² ‖∇ₓφ(real)‖² + mean σ(φ(fake))² ‖∇ₓφ(fake)‖².

    Args:
        discriminator: returns logits, (N,) or (N, 1).
        real, fake: samples (N, …), floating point.

    Returns:
        Scalar ≥ 0, mean over each batch, before the factor γ/2. Differentiable in the discriminator's
        parameters through gradient and weight alike.

    Source: Roth et al. 2017, Eqs. 20 and 28.
    """
    return jensen_shannon_penalty(
        real=scored_with_gradient(discriminator, real), fake=scored_with_gradient(discriminator, fake)
    )


def jensen_shannon_penalty(
    *, real: tuple[torch.Tensor, torch.Tensor], fake: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Ω_JS from (logits_N, squared gradient norms_N) of both batches; see `jensen_shannon`."""
    (logits_real, norms_real), (logits_fake, norms_fake) = real, fake
    weights_real = torch.sigmoid(-logits_real).square()
    weights_fake = torch.sigmoid(logits_fake).square()
    return (weights_real * norms_real).mean() + (weights_fake * norms_fake).mean()


def scored_with_gradient(
    discriminator: nn.Module, samples: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One forward pass and its input gradient, kept differentiable: (scores_N, ‖∇ₓscore‖²_N).

    The gradient is that of the sum of the scores. Where batch norm couples the samples of a batch, the
    cross terms are in it, as they are in the authors' program.
    """
    inputs = samples.detach().requires_grad_(True)
    scores_N = discriminator(inputs).flatten()
    (gradient,) = torch.autograd.grad(scores_N.sum(), inputs, create_graph=True)
    return scores_N, gradient.flatten(1).square().sum(1)
