"""The exact gradient of the regularized loss without double backward, for networks of supported layers.

    L = 1/n Σ [ ℓ(φ(x)) + γ/2 · w(φ(x)) ‖∇ₓφ(x)‖² ]

A forward pass, then a backward pass to the input, of the sum of all scores, give

    g_l = ∂φ/∂h_l            for every layer, and ∇ₓφ
    c   = ∂L/∂φ              per sample, ‖∇ₓφ‖² held constant
    t   = γ/n · w · ∇ₓφ      so that ∂L/∂θ = ∂(c·φ + φ̇)/∂θ, φ̇ = (∂φ/∂x)·t, with c and t held constant

**Piecewise-linear networks.** Within a linear region φ is affine in x. With the masks of the activations
frozen, one more forward pass gives the gradients of all weights:

    z₀ = c·x + t,   z_l = mask_l·(W_l z_{l−1} + c·b_l)
    ∂L/∂W_l = Σ g_l ⊗ z_{l−1},   ∂L/∂b_l = Σ c·g_l

Forward, backward to the input, masked forward, weight gradients: the work of four passes, where the
unregularized loss takes three and double backward with a shared forward pass six.

**Networks with smooth layers** (tanh, batch norm): t is propagated forward through the layers' Jacobians
(ḣ_l, the tangent pass), then the derivative of c·φ + φ̇ by each layer's output is propagated back (q_l, the
adjoint pass), each layer adding the term of its own second derivative:

    ∂L/∂W_l = Σ q_l ⊗ h_{l−1} + g_l ⊗ ḣ_{l−1},   ∂L/∂b_l = Σ q_l

That is the work of double backward, six passes, without its graph.

Where no layer couples samples, real and generated ones share one batch; batch norm gets them separately,
and so does spectral norm in training, whose every forward pass changes the weights.

Shape suffix: N samples, real ones first.
Source: Roth et al. 2017, Eqs. 19 and 20 for L; the second form is the product of Pearlmutter 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from gancross.trainer.gradient.passes import AffineLayerPasses, LayerPasses
from gancross.trainer.gradient.scorer import Labels, Scorer
from gancross.trainer.gradient.structure import network_passes
from gancross.trainer.objective.objectives import DiscriminatorLoss
from gancross.trainer.objective.regularizers import scores_of
from gancross.trainer.objective.weightings import PenaltyWeights


@dataclass(frozen=True, kw_only=True)
class DiscriminatorPass:
    """What one gradient computation of the discriminator returns besides the gradient; all detached.

    Attributes:
        loss: scalar, without the penalty.
        scores_real, scores_fake: scores of each batch, (N,).
        penalty: scalar Ω ≥ 0, before γ/2 (of WGAN-GP: before λ); None where it was not computed.
        input_gradient_fake: ∇ₓφ of the generated samples, shaped like them; None where it was not computed,
            or where samples are coupled.
    """

    loss: torch.Tensor
    scores_real: torch.Tensor
    scores_fake: torch.Tensor
    penalty: torch.Tensor | None = None
    input_gradient_fake: torch.Tensor | None = None


def add_regularized_gradients(
    discriminator: nn.Module | Scorer,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    loss: DiscriminatorLoss | None,
    weights: PenaltyWeights,
    gamma: float,
    num_penalized: tuple[int, int] | None = None,
    labels: tuple[Labels, Labels] = ((), ()),
    in_order: bool = True,
) -> DiscriminatorPass:
    """Adds ∂(loss + γ/2·Ω)/∂θ to the `grad` of the discriminator's parameters.

    Samples without a term in Ω take the three passes of the unregularized loss: the real samples of an
    f-GAN, and those beyond `num_penalized` where no layer couples samples.

    Args:
        discriminator: of supported layers; returns scores (N,) or (N, 1).
        real, fake: samples (N, …); the batches may differ in length.
        loss: of the objective, to be minimised; None for the gradient of γ/2·Ω alone.
        weights: of ‖∇ₓφ‖² as functions of the score.
        gamma: γ ≥ 0.
        num_penalized: Ω is the mean over the first so many real and generated samples; default all.
        labels: of real and of generated samples, held fixed: () or (labels,).
        in_order: the real samples' pass is the first also where they have no term in Ω; batch norm's averages
            and spectral norm's vectors depend on the order.

    Raises:
        UsageError: a layer is not supported.
    """
    coupled = network_passes(discriminator, labels[0]).coupled
    numbers = num_penalized or (len(real), len(fake))
    counts = [0 if w is None else n for w, n in zip((weights.real, weights.fake), numbers, strict=True)]
    ends = [len(x) if coupled and n else n for x, n in zip((real, fake), counts, strict=True)]
    heads = [x[:end] for x, end in zip((real, fake), ends, strict=True)]
    batches, given = [torch.cat(heads)], [labels[0]]
    if coupled:
        batches = [x for x in heads if len(x)]
        given = [y for x, y in zip(heads, labels, strict=True) if len(x)]

    def scored_tails() -> Sequence[torch.Tensor]:
        tails = [real[ends[0] :], fake[ends[1] :]]
        return batch_scores(discriminator, tails, coupled=coupled, labels=labels)

    first = scored_tails() if coupled and in_order and loss is not None and not ends[0] else None
    with torch.no_grad():
        state = forward_and_input_gradient(discriminator, batches, given)
    # c and w depend on the scores alone, so autograd may compute them: N numbers, whatever the objective.
    leaves = [part.requires_grad_(True) for part in torch.split(state.scores_N, ends)]
    penalty, w_N = weighted_penalty(weights, leaves, torch.split(state.squared_norms_N, ends), counts)
    scores, value = leaves, penalty.new_zeros(())
    if loss is not None:
        pairs = zip(leaves, scored_tails() if first is None else first, strict=True)
        scores = [torch.cat([head, tail]) if len(tail) else head for head, tail in pairs]
        value = loss(real=scores[0], fake=scores[1])
    total = torch.add(value, penalty, alpha=gamma / 2)
    if total.requires_grad:  # not if Ω stands alone and its weights are constant
        torch.autograd.backward(total)  # into the leaves, and into the weights behind the tails' scores
    with torch.no_grad():
        c_N = torch.cat([torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves])
        add_parameter_gradients(state, c_N, gamma * w_N)
    return DiscriminatorPass(
        loss=value.detach(), penalty=penalty.detach(),
        scores_real=scores[0].detach(), scores_fake=scores[1].detach(),
        input_gradient_fake=None if coupled or ends[1] < len(fake) else state.gradients[0][ends[0] :],
    )  # fmt: skip


def batch_scores(
    discriminator: nn.Module | Scorer, samples: list[torch.Tensor], *, coupled: bool,
    labels: tuple[Labels, Labels] = ((), ()),
) -> Sequence[torch.Tensor]:  # fmt: skip
    """Scores (N,) of real and of generated samples, in one pass where no layer couples them."""
    lengths = [len(part) for part in samples]
    if coupled or not any(lengths):
        return [
            scores_of(discriminator(x, *y), x) if len(x) else x.new_zeros(0)
            for x, y in zip(samples, labels, strict=True)
        ]
    together = torch.cat(samples)
    return torch.split(scores_of(discriminator(together), together), lengths)


def weighted_penalty(
    weights: PenaltyWeights, scores: Sequence[torch.Tensor], squared_norms: Sequence[torch.Tensor],
    counts: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Ω and the factor of every ‖∇ₓφ‖² in it: w(φ)/count for the first `count` samples, 0 for the rest.

    Args:
        scores, squared_norms: of real and of generated samples, (N,) each.
        counts: how many of each have a term in Ω.

    Returns:
        (scalar, (N,)); the second is detached.
    """
    penalty, factors = scores[0].new_zeros(()), []
    for weight, scores_N, squared_norms_N, count in zip(
        (weights.real, weights.fake), scores, squared_norms, counts, strict=True
    ):
        if weight is None or count == 0:
            factors.append(torch.zeros_like(squared_norms_N))
            continue
        w_N = weight(scores_N[:count]) / count
        penalty = penalty + w_N @ squared_norms_N[:count]
        factors.append(nn.functional.pad(w_N.detach(), (0, len(squared_norms_N) - count)))
    return penalty, torch.cat(factors)


@dataclass(frozen=True, kw_only=True)
class ForwardState:
    """The discriminator after its forward passes and its backward passes to the input, batch by batch.

    Attributes:
        scores_N: of all samples.
        squared_norms_N: ‖∇ₓφ‖² of all samples.
        gradients: ∇ₓφ of each batch.
    """

    passes: list[LayerPasses]
    batches: list[torch.Tensor]
    scores_N: torch.Tensor
    squared_norms_N: torch.Tensor
    gradients: list[torch.Tensor]


def forward_and_input_gradient(
    discriminator: nn.Module | Scorer, batches: list[torch.Tensor], labels: Sequence[Labels] = ((), ())
) -> ForwardState:
    """The forward pass of every batch and its backward pass to the input."""
    passes = [network_passes(discriminator, y) for _, y in zip(batches, labels, strict=False)]
    scores = [layers.forward(batch) for layers, batch in zip(passes, batches, strict=True)]
    gradients = [layers.backward(torch.ones_like(y)) for layers, y in zip(passes, scores, strict=True)]
    return ForwardState(
        passes=passes, batches=batches, gradients=gradients,
        scores_N=torch.cat([scores_of(part, x) for part, x in zip(scores, batches, strict=True)]),
        squared_norms_N=torch.cat([part.flatten(1).square().sum(1) for part in gradients]),
    )  # fmt: skip


def add_parameter_gradients(state: ForwardState, c_N: torch.Tensor, scale_N: torch.Tensor) -> None:
    """Adds ∂(c·φ + φ̇)/∂θ to the parameters' `grad`, for t = scale·∇ₓφ."""
    sizes = [len(batch) for batch in state.batches]
    for passes, x, gradient, c, scale in zip(
        state.passes, state.batches, state.gradients, torch.split(c_N, sizes),
        torch.split(scale_N, sizes), strict=True,
    ):  # fmt: skip
        t = gradient * per_sample(scale, x)
        if passes.smooth:
            passes.adjoint(c.reshape(passes.tangent(t).shape), first=True)
        else:
            cast(AffineLayerPasses, passes).masked_forward(torch.addcmul(t, x, per_sample(c, x)), c)


def per_sample(values_N: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(N,) → (N, 1, …), to multiply samples by."""
    return values_N.reshape(-1, *[1] * (like.ndim - 1))
