"""The exact gradient of the regularized loss without double backward, for networks of known layers.

    L = 1/n Σ [ ℓ(φ(x)) + γ/2 · w(φ(x)) ‖∇ₓφ(x)‖² ]

One forward pass, then one backward pass to the input, of the sum of all scores:

    g_l = ∂φ/∂h_l            for every layer, and ∇ₓφ
    c   = ∂L/∂φ              per sample, ‖∇ₓφ‖² held still
    t   = γ/n · w · ∇ₓφ      so that ∂L/∂θ = ∂(c·φ + φ̇)/∂θ, φ̇ = (∂φ/∂x)·t, with c and t held still

**Piecewise-linear networks.** Within a linear region φ is affine in x. With the masks of the activations
frozen, one more forward pass gives all weights' gradients:

    z₀ = c·x + t,   z_l = mask_l·(W_l z_{l−1} + c·b_l)
    ∂L/∂W_l = Σ g_l ⊗ z_{l−1},   ∂L/∂b_l = Σ c·g_l

Forward, backward to the input, masked forward, weight gradients: four passes' worth of work where the
unregularized loss takes three and double backward with a shared forward pass six.

**Networks with smooth layers** (tanh, batch norm) bend: t runs forward through the layers' Jacobians
(ḣ_l, the tangent pass), then the derivative of c·φ + φ̇ by each layer's output runs back (q_l, the adjoint
pass), with the layer's own second derivative added on the way:

    ∂L/∂W_l = Σ q_l ⊗ h_{l−1} + g_l ⊗ ḣ_{l−1},   ∂L/∂b_l = Σ q_l

That is the work of double backward, six passes, without its graph.

Where no layer couples samples, real and generated ones share one batch; batch norm sees them apart.

Shape suffix: N samples, real ones first.
Source: Roth et al. 2017, Eqs. 19 and 20 for L; the second form is Pearlmutter 1994's product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.gradient.passes import Piece, StraightPiece, piece
from gancross.trainer.objective.objectives import DiscriminatorLoss
from gancross.trainer.objective.weightings import NoiseInduced


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one update of the discriminator came by on its way; all detached.

    Attributes:
        loss: scalar, without the penalty.
        real, fake: scores of each batch, (N,).
        penalty: scalar Ω ≥ 0, before γ/2 (of WGAN-GP: before λ); None where none was taken.
        gradient_fake: ∇ₓφ of the generated samples, shaped like them; None where it was not found, or not
            for each sample apart from the others.
    """

    loss: torch.Tensor
    real: torch.Tensor
    fake: torch.Tensor
    penalty: torch.Tensor | None = None
    gradient_fake: torch.Tensor | None = None


def known(network: nn.Module) -> Piece | None:
    """A network as the closed form sees it; None if a layer is not on its list (`pieces.PIECES`)."""
    try:
        return piece(network)
    except UsageError:
        return None


def add_gradients(
    discriminator: nn.Module,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    loss: DiscriminatorLoss | None,
    weights: NoiseInduced,
    gamma: float,
    counted: tuple[int, int] | None = None,
) -> Found:
    """Adds ∂(loss + γ/2·Ω)/∂θ to the `grad` of the discriminator's parameters.

    Samples without a part in Ω take the three passes of the unregularized loss: the reals of an f-GAN, and
    those that are not `counted` where no layer couples samples.

    Args:
        discriminator: of known layers; returns scores (N,) or (N, 1).
        real, fake: samples (N, …); both batches may differ in length.
        loss: of the objective, to be minimised; None for Ω's gradient alone.
        weights: of ‖∇ₓφ‖² as functions of the score.
        gamma: γ ≥ 0.
        counted: Ω is the mean over the first so many real and so many generated samples; all by default.

    Raises:
        UsageError: a layer that the closed form does not know.
    """
    coupled = piece(discriminator).coupled
    wanted = counted or (len(real), len(fake))
    counts = [0 if w is None else n for w, n in zip((weights.real, weights.fake), wanted, strict=True)]
    ends = [len(x) if coupled and n else n for x, n in zip((real, fake), counts, strict=True)]
    taken = [x[:end] for x, end in zip((real, fake), ends, strict=True)]
    batches = [x for x in taken if len(x)] if coupled else [torch.cat(taken)]
    with torch.no_grad():
        there = there_and_back(discriminator, batches)
    # c and w come from the scores alone, so autograd may find them: N numbers, whatever the objective.
    leaves = [part.requires_grad_(True) for part in torch.split(there.scores_N, ends)]
    penalty, w_N = penalty_of(weights, leaves, torch.split(there.norms_N, ends), counts)
    scores, value = leaves, penalty.new_zeros(())
    if loss is not None:
        others = plain_scores(discriminator, [real[ends[0] :], fake[ends[1] :]], coupled=coupled)
        scores = [torch.cat(both) if len(both[1]) else both[0] for both in zip(leaves, others, strict=True)]
        value = loss(real=scores[0], fake=scores[1])
    total = torch.add(value, penalty, alpha=gamma / 2)
    if total.requires_grad:  # not if Ω stands alone and its weights are constant
        torch.autograd.backward(total)  # into the leaves, and into the weights behind the other samples
    with torch.no_grad():
        c_N = torch.cat([torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves])
        add_from(there, c_N, gamma * w_N)
    return Found(
        loss=value.detach(), penalty=penalty.detach(), real=scores[0].detach(), fake=scores[1].detach(),
        gradient_fake=None if coupled or ends[1] < len(fake) else there.gradients[0][ends[0] :],
    )  # fmt: skip


def plain_scores(
    discriminator: nn.Module, samples: list[torch.Tensor], *, coupled: bool
) -> Sequence[torch.Tensor]:
    """Scores (N,) of real and of generated samples, in one pass where no layer couples them."""
    lengths = [len(part) for part in samples]
    if coupled or not any(lengths):
        return [discriminator(x).flatten() if len(x) else x.new_zeros(0) for x in samples]
    return torch.split(discriminator(torch.cat(samples)).flatten(), lengths)


def penalty_of(
    weights: NoiseInduced, scores: Sequence[torch.Tensor], norms: Sequence[torch.Tensor],
    counts: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Ω and what every ‖∇ₓφ‖² is multiplied by in it: w(φ)/counted, zeros for those that are not counted.

    Args:
        scores, norms: of real and of generated samples, N each.
        counts: how many of each are counted.

    Returns:
        (scalar, (N,)); the second without its graph.
    """
    penalty, factors = scores[0].new_zeros(()), []
    for weight, scores_N, norms_N, counted in zip(
        (weights.real, weights.fake), scores, norms, counts, strict=True
    ):
        if weight is None or counted == 0:
            factors.append(torch.zeros_like(norms_N))
            continue
        w_N = weight(scores_N[:counted]) / counted
        penalty = penalty + w_N @ norms_N[:counted]
        factors.append(nn.functional.pad(w_N.detach(), (0, len(norms_N) - counted)))
    return penalty, torch.cat(factors)


@dataclass(frozen=True, kw_only=True)
class There:
    """The discriminator after its forward passes and its backward passes to the input, batch by batch.

    Attributes:
        scores_N: of all samples.
        norms_N: ‖∇ₓφ‖² of all samples.
        gradients: ∇ₓφ of each batch.
    """

    passes: list[Piece]
    batches: list[torch.Tensor]
    scores_N: torch.Tensor
    norms_N: torch.Tensor
    gradients: list[torch.Tensor]


def there_and_back(discriminator: nn.Module, batches: list[torch.Tensor]) -> There:
    """The first two passes of every batch; each batch has its own."""
    passes = [piece(discriminator) for _ in batches]
    scores = [one.forward(batch) for one, batch in zip(passes, batches, strict=True)]
    gradients = [one.backward(torch.ones_like(part)) for one, part in zip(passes, scores, strict=True)]
    return There(
        passes=passes, batches=batches, gradients=gradients,
        scores_N=torch.cat([part.flatten() for part in scores]),
        norms_N=torch.cat([part.flatten(1).square().sum(1) for part in gradients]),
    )  # fmt: skip


def add_from(there: There, c_N: torch.Tensor, scale_N: torch.Tensor) -> None:
    """Adds ∂(c·φ + φ̇)/∂θ to the parameters' `grad`, for t = scale·∇ₓφ."""
    sizes = [len(batch) for batch in there.batches]
    for passes, x, gradient, c, scale in zip(
        there.passes, there.batches, there.gradients, torch.split(c_N, sizes),
        torch.split(scale_N, sizes), strict=True,
    ):  # fmt: skip
        t = gradient * per_sample(scale, x)
        if passes.curved:
            passes.adjoint(c.reshape(passes.tangent(t).shape), first=True)
        else:
            cast(StraightPiece, passes).again(torch.addcmul(t, x, per_sample(c, x)), c)


def per_sample(values_N: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(N,) → (N, 1, …), to multiply samples by."""
    return values_N.reshape(-1, *[1] * (like.ndim - 1))
