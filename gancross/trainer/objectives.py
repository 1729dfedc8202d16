"""Losses of the two players, both to be minimised.

φ is the logit that the discriminator returns, σ(φ) its probability of "real".
Shape suffix: N samples; logits may have shape (N,) or (N, 1).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import softplus


def discriminator_loss(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−F of Eq. 2 in logits: −mean ln σ(φ(real)) − mean ln(1−σ(φ(fake))).

    Args:
        real, fake: logits of real and of generated samples.

    Returns:
        Scalar in nats, ≥ 0; 2 ln 2 where every logit is 0.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def non_saturating(fake: torch.Tensor) -> torch.Tensor:
    """−mean ln σ(φ(fake)): F_alt of Algorithm 1 (Goodfellow et al. 2014). In nats, ≥ 0."""
    return softplus(-fake).mean()


def saturating(fake: torch.Tensor) -> torch.Tensor:
    """mean ln(1−σ(φ(fake))): F of Algorithm 1. In nats, ≤ 0."""
    return -softplus(fake).mean()


GENERATOR_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "non-saturating": non_saturating,
    "saturating": saturating,
}
