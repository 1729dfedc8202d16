"""The exact gradient of the regularized loss without double backward, for piecewise-linear discriminators.

Within a linear region φ is affine in x. With the masks of its activations frozen, the gradient of

    L = 1/n Σ [ ℓ(φ(x)) + γ/2 · w(φ(x)) ‖∇ₓφ(x)‖² ]

with respect to the weights of layer l is that of one more forward pass, of z in place of x:

    g_l = ∂φ/∂h_l                                      one backward pass to the input, which also gives ∇ₓφ
    c   = ∂L/∂φ                                        per sample, ‖∇ₓφ‖² held constant
    z₀  = c·x + γ/n · w·∇ₓφ,   z_l = mask_l·(W_l z_{l−1} + c·b_l)
    ∂L/∂W_l = Σ g_l ⊗ z_{l−1},   ∂L/∂b_l = Σ c·g_l

That is forward, backward to the input, masked forward, weight gradients: four passes' worth of work where
the unregularized loss takes three and double backward with a shared forward pass six. Samples pass through
such a network apart from each other, so real and generated ones share one batch.

Shape suffix: N samples, real ones first.
Source: Roth et al. 2017, Eqs. 19 and 20 for L.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.objectives import DiscriminatorLoss
from gancross.trainer.pieces import piece
from gancross.trainer.weightings import NoiseInduced


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one update of the discriminator came by on its way; all detached.

    Attributes:
        loss: scalar, without the penalty.
        penalty: scalar Ω ≥ 0, before γ/2.
        real, fake: scores of each batch, (N,).
        gradient_fake: ∇ₓφ of the generated samples, shaped like them.
    """

    loss: torch.Tensor
    penalty: torch.Tensor
    real: torch.Tensor
    fake: torch.Tensor
    gradient_fake: torch.Tensor


def is_piecewise_linear(network: nn.Module) -> bool:
    """Whether the closed form knows every layer of a network (`gancross.trainer.pieces`)."""
    try:
        piece(network)
    except UsageError:
        return False
    return True


def add_gradients(
    discriminator: nn.Module,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    loss: DiscriminatorLoss,
    weights: NoiseInduced,
    gamma: float,
) -> Found:
    """Adds ∂(loss + γ/2·Ω)/∂θ to the `grad` of the discriminator's parameters; no graph is built.

    Args:
        discriminator: piecewise linear; returns scores (N,) or (N, 1).
        real, fake: samples (N, …); both batches may differ in length.
        loss: of the objective, to be minimised.
        weights: of ‖∇ₓφ‖² as functions of the score.
        gamma: γ ≥ 0.

    Raises:
        UsageError: a layer that the closed form does not know.
    """
    whole = piece(discriminator)
    samples = torch.cat([real, fake])
    lengths = [len(real), len(fake)]
    with torch.no_grad():
        scores = whole.forward(samples)
        gradient = whole.backward(torch.ones_like(scores))
        norms_N = gradient.flatten(1).square().sum(1)
    # c and w come from the scores alone, so autograd may find them: N numbers, whatever the objective.
    scores_N = scores.flatten().requires_grad_(True)
    scores_real, scores_fake = torch.split(scores_N, lengths)
    found = loss(real=scores_real, fake=scores_fake)
    weights_N = torch.cat([
        scores_real.new_zeros(len(real)) if weights.real is None else weights.real(scores_real) / len(real),
        scores_fake.new_zeros(len(fake)) if weights.fake is None else weights.fake(scores_fake) / len(fake),
    ])  # fmt: skip
    penalty = weights_N @ norms_N
    (c_N,) = torch.autograd.grad(found + gamma / 2 * penalty, scores_N)
    with torch.no_grad():
        shape = (-1, *[1] * (samples.ndim - 1))
        z = torch.addcmul(samples * c_N.reshape(shape), gradient, (gamma * weights_N).reshape(shape))
        whole.again(z, c_N)
    return Found(
        loss=found.detach(), penalty=penalty.detach(), real=scores_real.detach(), fake=scores_fake.detach(),
        gradient_fake=gradient[lengths[0] :],
    )  # fmt: skip
