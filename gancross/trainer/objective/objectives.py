"""The objectives: what each player minimises, and how the evaluator reads the discriminator's score.

v is the raw score that the discriminator returns; every mean is over the batch.

| objective    | discriminator minimises                   | generator, non-saturating    | saturating       |
|--------------|-------------------------------------------|------------------------------|------------------|
| js-logit     | −mean ln σ(v_real) − mean ln(1−σ(v_fake)) | −mean ln σ(v)                | mean ln(1−σ(v))  |
| an f-GAN     | −mean g_f(v_real) + mean f*(g_f(v_fake))  | −mean g_f(v)                 | −mean f*(g_f(v)) |
| lsgan        | ½ mean (v_real−1)² + ½ mean v_fake²       | mean (v−1)²                  | none             |
| hinge        | mean [1−v_real]₊ + mean [1+v_fake]₊       | −mean v                      | none             |
| relativistic | mean softplus(−(v_real−v_fake))           | mean softplus(−(v−v_real))   | none             |
| wgan         | −mean v_real + mean v_fake                | −mean v                      | the same         |

`wgan-gp` and `wgan-lp` have the losses of `wgan`.
Shape suffix: N samples; scores may have shape (N,) or (N, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import softplus

from gancross.divergences import DIVERGENCES, Divergence
from gancross.errors import UsageError


class DiscriminatorLoss(Protocol):
    """Scalar to be minimised, from the scores of real and of generated samples."""

    def __call__(self, *, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """The loss of one batch of each."""


class GeneratorLoss(Protocol):
    """Scalar to be minimised, from the scores of generated samples and, in a paired loss, of real ones."""

    def __call__(self, *, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """The loss of one batch; `real` is read only where the objective's `generator_sees_real`."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The losses of both players, and the meaning of the score.

    Attributes:
        discriminator_loss: takes scores as `real=` and `fake=`.
        generator_losses: by the recipe's `generator_loss`; take scores as `real=` and `fake=`.
        generator_sees_real: the generator's losses read the scores of real samples, as many as generated
            ones; other losses may get any tensor as `real`, an empty one too.
        score_kind: stored for the evaluator, with its threshold; see `gancross.score_kinds`.
    """

    discriminator_loss: DiscriminatorLoss
    generator_losses: dict[str, GeneratorLoss]
    score_kind: str
    generator_sees_real: bool = False


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


def hinge(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """mean [1 − v(real)]₊ + mean [1 + v(fake)]₊: margins at 1 and −1; 2 where every score is 0.

    Source: Lim and Ye 2017; Miyato et al. 2018, Eqs. 16 and 17.
    """
    return (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean()


def paired_differences(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """v(xᵢ) − v(G(zᵢ)) of the pairs i, shaped like the scores.

    Raises:
        UsageError: the scores of both batches differ in shape; broadcasting would pair every real sample
            with every generated one.
    """
    if real.shape != fake.shape:
        raise UsageError(
            "a relativistic loss pairs real and generated samples: expected as many scores of each, got"
            f" {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    return real - fake


def relativistic(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """mean softplus(−(v(x) − v(G(z)))) over pairs: −mean ln of the probability that x is the real one.

    Only differences enter, so that v has no threshold and stands for no density ratio of its own.

    Args:
        real, fake: scores of equal shape, paired by index.

    Returns:
        Scalar in nats, > 0; ln 2 where both scores of every pair are equal.

    Raises:
        UsageError: the shapes differ.

    Source: Jolicoeur-Martineau 2019; Huang et al. 2024 (R3GAN), §2.
    """
    return softplus(-paired_differences(real=real, fake=fake)).mean()


def relativistic_generator(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """mean softplus(−(v(G(z)) − v(x))) over pairs: the discriminator's loss with both roles exchanged.

    Why v(x) stands in the generator's loss: the discriminator's loss fixes v only up to a constant, so that
    v(G(z)) alone says nothing; what counts is how far it lies from a real sample's score. v(x) is that
    reference. It has no gradient in the generator's weights, but it sets the weight of each pair:

        ∂L_G/∂v(G(zᵢ)) = −σ(v(xᵢ) − v(G(zᵢ)))/N

    A generated sample that scores above its real partner is hardly moved; one far below it, with weight 1/N.

    Arguments, result, errors and source are those of `relativistic`.
    """
    return softplus(paired_differences(real=real, fake=fake)).mean()


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
            "non-saturating": lambda *, real, fake: -divergence.activation(fake).mean(),
            "saturating": lambda *, real, fake: -divergence.conjugate_of_activation(fake).mean(),
        },
        score_kind=f"f-gan:{name}",
    )


WASSERSTEIN = Objective(
    discriminator_loss=wasserstein,
    generator_losses={
        "non-saturating": lambda *, real, fake: -fake.mean(),
        "saturating": lambda *, real, fake: -fake.mean(),
    },
    score_kind="wgan",
)

OBJECTIVES: dict[str, Objective] = {
    "js-logit": Objective(
        discriminator_loss=logistic,
        generator_losses={  # F_alt and F of Algorithm 1 (Goodfellow et al. 2014), in nats
            "non-saturating": lambda *, real, fake: softplus(-fake).mean(),
            "saturating": lambda *, real, fake: -softplus(fake).mean(),
        },
        score_kind="logit",
    ),
    **{name: f_gan(name, divergence) for name, divergence in DIVERGENCES.items()},
    "lsgan": Objective(
        discriminator_loss=least_squares,
        # without the discriminator's factor ½, as in the authors' program
        generator_losses={"non-saturating": lambda *, real, fake: (fake - 1).square().mean()},
        score_kind="lsgan",
    ),
    "hinge": Objective(
        discriminator_loss=hinge,
        generator_losses={"non-saturating": lambda *, real, fake: -fake.mean()},
        score_kind="hinge",
    ),
    "relativistic": Objective(
        discriminator_loss=relativistic,
        generator_losses={"non-saturating": relativistic_generator},
        generator_sees_real=True,
        score_kind="relativistic",
    ),
    "wgan": WASSERSTEIN,
    "wgan-gp": WASSERSTEIN,
    "wgan-lp": WASSERSTEIN,
}
