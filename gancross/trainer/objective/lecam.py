"""LeCam's regularizer: each score is held near the moving average of the other kind's scores.

    R = mean [v(x) − ᾱ_fake]₊² + mean [ᾱ_real − v(G(z))]₊²

ᾱ are moving averages of the mean scores, without a gradient. R is a function of the scores alone and a part
of the discriminator's loss: it needs no input gradient, and any regularizer may stand beside it.

Source: Tseng et al. 2021, whose text has squares of the whole differences; the positive parts are those of
the authors' program (google/lecam-gan).
"""

from __future__ import annotations

import torch

from gancross.machine.distributed import ALONE, Processes
from gancross.trainer.objective.objectives import DiscriminatorLoss


def lecam(*, real: torch.Tensor, fake: torch.Tensor, averages_2: torch.Tensor) -> torch.Tensor:
    """R from the scores of both batches.

    Args:
        real, fake: scores, (N,) or (N, 1).
        averages_2: ᾱ_real, ᾱ_fake.

    Returns:
        Scalar ≥ 0, in units of the score squared, before the weight λ.
    """
    mean_real, mean_fake = averages_2.unbind()
    return (real - mean_fake).clamp_min(0).square().mean() + (mean_real - fake).clamp_min(0).square().mean()


def update_averages(
    averages_2: torch.Tensor, *, real: torch.Tensor, fake: torch.Tensor, decay: float,
    processes: Processes = ALONE,
) -> None:  # fmt: skip
    """ᾱ ← β·ᾱ + (1−β)·mean score of the whole batch, in place, for reals and fakes."""
    means_2 = torch.stack([real.detach().mean(), fake.detach().mean()])
    processes.average([means_2])
    averages_2.lerp_(means_2.to(averages_2), 1 - decay)


def with_lecam(
    loss: DiscriminatorLoss, averages_2: torch.Tensor, *,
    weight: float, decay: float, active: bool, processes: Processes = ALONE,
) -> DiscriminatorLoss:  # fmt: skip
    """The loss plus λ·R of one update. Each call updates the averages first, as in the authors' program.

    Args:
        averages_2: ᾱ_real, ᾱ_fake, updated in place.
        weight: λ ≥ 0.
        decay: β in [0, 1).
        active: False before the first step with the term: the averages then equal the last batch's means.
        processes: among which the batch is divided; the averages are those of the whole batch.
    """

    def regularized(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        update_averages(averages_2, real=real, fake=fake, decay=decay if active else 0.0, processes=processes)
        value = loss(real=real, fake=fake)
        return value + weight * lecam(real=real, fake=fake, averages_2=averages_2) if active else value

    return regularized
