"""The exact gradient of the regularized loss by automatic differentiation twice, for any network."""

from __future__ import annotations

import torch
from torch import nn

from gancross.divergences import Function
from gancross.trainer.gradient.closed_form import DiscriminatorPass
from gancross.trainer.gradient.scorer import Labels, Scorer, WithLabels
from gancross.trainer.objective.objectives import DiscriminatorLoss
from gancross.trainer.objective.regularizers import scores_and_penalty
from gancross.trainer.objective.weightings import PenaltyWeights


def add_gradients_by_double_backward(
    discriminator: nn.Module | Scorer,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    loss: DiscriminatorLoss | None,
    weights: PenaltyWeights,
    gamma: float,
    num_penalized: tuple[int, int] | None = None,
    labels: tuple[Labels, Labels] = ((), ()),
) -> DiscriminatorPass:
    """What `closed_form.add_regularized_gradients` computes, for any network.

    Loss and penalty share a forward pass; real samples have the first, generated ones the second.

    Args:
        All are those of the closed form.
    """

    def part(
        samples: torch.Tensor, y: Labels, weight: Function | None, n: int | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        network = WithLabels(discriminator, y) if y else discriminator
        return scores_and_penalty(network, samples, weight, num_penalized=n)

    first_real, first_fake = num_penalized or (None, None)
    scores_real, penalty_real = part(real, labels[0], weights.real, first_real)
    scores_fake, penalty_fake = part(fake, labels[1], weights.fake, first_fake)
    penalty = penalty_real + penalty_fake
    value = penalty.new_zeros(()) if loss is None else loss(real=scores_real, fake=scores_fake)
    torch.autograd.backward(value + gamma / 2 * penalty)
    return DiscriminatorPass(
        loss=value.detach(), penalty=penalty.detach(),
        scores_real=scores_real.detach(), scores_fake=scores_fake.detach(),
    )  # fmt: skip
