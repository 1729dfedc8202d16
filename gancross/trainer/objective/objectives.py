"""The objectives: what each player minimises, and how the evaluator reads the discriminator's score.

v is the raw score that the discriminator returns; every mean is over the batch.

| objective     | discriminator minimises                   | generator, non-saturating | saturating       |
|---------------|-------------------------------------------|---------------------------|------------------|
| js-logit      | −mean ln σ(v_real) − mean ln(1−σ(v_fake)) | −mean ln σ(v)             | mean ln(1−σ(v))  |
| an f-GAN      | −mean g_f(v_real) + mean f*(g_f(v_fake))  | −mean g_f(v)              | −mean f*(g_f(v)) |
| lsgan         | ½ mean (v_real−1)² + ½ mean v_fake²       | mean (v−1)²               | none             |
| wgan, wgan-gp | −mean v_real + mean v_fake                | −mean v                   | the same         |

Shape suffix: N samples; scores may have shape (N,) or (N, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import softplus

from gancross.divergences import DIVERGENCES, Divergence

GeneratorLoss = Callable[[torch.Tensor], torch.Tensor]


class DiscriminatorLoss(Protocol):
    """Scalar to be minimised, from the scores of real and of generated samples."""

    def __call__(self, *, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """The loss of one batch of each."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The losses of both players, and the meaning of the score.

    Attributes:
        discriminator_loss: takes scores as `real=` and `fake=`.
        generator_losses: by the recipe's `generator_loss`, from the scores of generated samples.
        score_kind: stored for the evaluator, with its threshold; see `gancross.score_kinds`.
    """

    discriminator_loss: DiscriminatorLoss
    generator_losses: dict[str, GeneratorLoss]
    score_kind: str


def logistic(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−F of Eq. 2 in logits: −mean ln σ(φ(real)) − mean ln(1−σ(φ(fake))).

    Args:
        real, fake: logits of real and of generated samples.

    Returns:
        Scalar in nats, ≥ 0; 2 ln 2 where every logit is 0.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def least_squares(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """½ mean (v(real)−1)² + ½ mean v(fake)²: targets 1 and 0 (Mao et al. 2017)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def wasserstein(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """−(mean v(real) − mean v(fake)): minus the bound of Eq. 6 (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def f_gan(name: str, divergence: Divergence) -> Objective:
    """The objective of Eq. 7, F = E_P[g_f(v)] − E_Q[f*(g_f(v))], in the score v.

    The discriminator minimises −F; the saturating generator minimises F, of which only −E_Q[f*(g_f(v))]
    depends on it; the non-saturating one minimises −E_Q[g_f(v)].

    Source: Nowozin et al. 2016, §§2.4 and 3.2.
    """

    def discriminator_loss(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return divergence.conjugate_of_activation(fake).mean() - divergence.activation(real).mean()

    return Objective(
        discriminator_loss=discriminator_loss,
        generator_losses={
            "non-saturating": lambda fake: -divergence.activation(fake).mean(),
            "saturating": lambda fake: -divergence.conjugate_of_activation(fake).mean(),
        },
        score_kind=f"f-gan:{name}",
    )


WASSERSTEIN = Objective(
    discriminator_loss=wasserstein,
    generator_losses={"non-saturating": lambda fake: -fake.mean(), "saturating": lambda fake: -fake.mean()},
    score_kind="wgan",
)

OBJECTIVES: dict[str, Objective] = {
    "js-logit": Objective(
        discriminator_loss=logistic,
        generator_losses={  # F_alt and F of Algorithm 1 (Goodfellow et al. 2014), in nats
            "non-saturating": lambda fake: softplus(-fake).mean(),
            "saturating": lambda fake: -softplus(fake).mean(),
        },
        score_kind="logit",
    ),
    **{name: f_gan(name, divergence) for name, divergence in DIVERGENCES.items()},
    "lsgan": Objective(
        discriminator_loss=least_squares,
        # without the discriminator's factor ½, as in the authors' program
        generator_losses={"non-saturating": lambda fake: (fake - 1).square().mean()},
        score_kind="lsgan",
    ),
    "wgan": WASSERSTEIN,
    "wgan-gp": WASSERSTEIN,
}
