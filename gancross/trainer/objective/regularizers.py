"""Regularizers of the discriminator: weighted ‖∇ₓv‖² (Ω_JS, Ω_f, R1, R2), slope penalties, clipping.

v is the discriminator's score (φ where it is a logit), ∇ₓv its gradient with respect to the input, ‖·‖²
the sum over all input dimensions of one sample. Where batch norm couples the samples of a batch, the gradient
includes the cross terms, as in the authors' program. Shape suffix: N samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gancross import divergences
from gancross.divergences import Function
from gancross.errors import UsageError
from gancross.trainer.objective.slope_penalties import interpolates, two_sided
from gancross.trainer.objective.weightings import JENSEN_SHANNON, UNREGULARIZED, WEIGHTINGS, PenaltyWeights


def penalty_weights(regularizer: str, objective: str) -> PenaltyWeights:
    """The weights of a regularizer of the table `WEIGHTINGS`; `UNREGULARIZED` for any other name."""
    return WEIGHTINGS[regularizer].weights(objective) if regularizer in WEIGHTINGS else UNREGULARIZED


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
    part_real = scores_and_penalty(discriminator, real.detach(), JENSEN_SHANNON.real)[1]
    return part_real + scores_and_penalty(discriminator, fake.detach(), JENSEN_SHANNON.fake)[1]


def f_divergence(discriminator: nn.Module, fake: torch.Tensor, divergence: str) -> torch.Tensor:
    """Ω_f = mean f*''(ψ) ‖∇ₓψ‖² over generated samples, ψ = g_f(v); in v: f*''(g_f(v)) g_f'(v)² ‖∇ₓv‖².

    Args:
        discriminator: returns v (not ψ), (N,) or (N, 1).
        fake: generated samples (N, …), floating point.
        divergence: a key of `DIVERGENCES`.

    Returns:
        Scalar ≥ 0, mean over the batch, before the factor γ/2; differentiable like `jensen_shannon`.

    Raises:
        UsageError: no such divergence, or total variation.

    Source: Roth et al. 2017, Eq. 19.
    """
    return scores_and_penalty(discriminator, fake.detach(), divergences.divergence(divergence).weight)[1]


def gradient_penalty(
    discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor, epsilon: torch.Tensor
) -> torch.Tensor:
    """mean (‖∇ₓv(x̂)‖ − 1)² at x̂ = ε·real + (1−ε)·fake.

    Args:
        discriminator: the critic, returns (N,) or (N, 1).
        real, fake: samples (N, …), paired by index.
        epsilon: ε of each pair in [0, 1], shape (N,).

    Returns:
        Scalar ≥ 0, mean over the batch, before the factor λ.

    Source: Gulrajani et al. 2017, Eq. 3.
    """
    return slope_penalty(discriminator, interpolates(real=real, fake=fake, epsilon=epsilon), two_sided)


def slope_penalty(discriminator: nn.Module, points: torch.Tensor, penalty: Function) -> torch.Tensor:
    """mean penalty(‖∇ₓv(x̂)‖) at the points x̂ (N, …), before the factor λ; by double backward.

    Args:
        discriminator: returns (N,) or (N, 1).
        penalty: of slopes, elementwise; see `slope_penalties`.
    """
    inputs = points.detach().requires_grad_(True)
    gradient_ND = input_gradient(discriminator(inputs), inputs).flatten(1)
    # vector_norm has the subgradient 0 at 0, where the root of a sum of squares has none and gives NaN.
    slopes_N: torch.Tensor = torch.linalg.vector_norm(gradient_ND, dim=1)
    return penalty(slopes_N).mean()


def scores_of(output: Any, samples: torch.Tensor) -> torch.Tensor:
    """One score per sample, (N,), from what a discriminator returns: (N,), (N, 1) or (N, 1, 1, …).

    Raises:
        UsageError: the output is not one number per sample; nothing is averaged or chosen silently.
    """
    if not isinstance(output, torch.Tensor):
        raise UsageError(
            f"the discriminator returns a {type(output).__name__}, not one tensor of scores: choose the"
            " scores, in gancross.penalties for example by score=lambda out: out[0]"
        )
    if output.ndim == 0 or len(output) != len(samples) or output.numel() != len(samples):
        raise UsageError(
            f"the discriminator returns {tuple(output.shape)} for {len(samples)} samples, not one score each:"
            " reduce it, in gancross.penalties for example by score=lambda out: out.flatten(1).mean(1)"
        )
    return output.flatten()


def scores_and_penalty(
    discriminator: Callable[[torch.Tensor], torch.Tensor], samples: torch.Tensor, weight: Function | None, *,
    num_penalized: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Scores of a batch and mean weight(v)‖∇ₓv‖² from one forward pass: (scores_N, scalar).

    Without a weight the penalty is 0 and no gradient is computed. Samples that require a gradient stay in the
    graph, so that the penalty can be backpropagated into a generator. The mean is over the first
    `num_penalized` samples, by default all.
    """
    if weight is None:
        scores_N = scores_of(discriminator(samples), samples)
        return scores_N, scores_N.new_zeros(())
    inputs = samples if samples.requires_grad else samples.detach().requires_grad_(True)
    scores_N = scores_of(discriminator(inputs), inputs)
    squared_norms_N = input_gradient(scores_N, inputs).flatten(1).square().sum(1)
    return scores_N, (weight(scores_N) * squared_norms_N)[:num_penalized].mean()


def input_gradient(scores: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Gradient of the sum of the scores with respect to the inputs, differentiable itself."""
    (gradient,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True)
    return gradient


def clip_weights(network: nn.Module, bound: float) -> None:
    """Clips every parameter to [−bound, bound], in place (Arjovsky et al. 2017)."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.clamp_(-bound, bound)
