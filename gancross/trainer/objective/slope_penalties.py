"""Penalties of the slope ‖∇ₓv(x̂)‖ at points x̂ between or around the samples, by name.

    λ · mean penalty(‖∇ₓv(x̂)‖), λ the recipe's `gradient_penalty`

| name               | points x̂                    | penalty     | source                |
|--------------------|-----------------------------|-------------|-----------------------|
| gradient-penalty   | ε·real + (1−ε)·fake         | (s − 1)²    | Gulrajani et al. 2017 |
| lipschitz-penalty  | the same                    | ([s − 1]₊)² | Petzka et al. 2018    |
| dragan             | real + α·½·std(real)·U      | (s − 1)²    | Kodali et al. 2017    |

A new one is one entry of `SLOPE_PENALTIES`. The formulas call methods of tensors only, so that this module
does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.divergences import Function
from gancross.trainer.objective.weightings import SCORED

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the points x̂ of one update are made of.

    Attributes:
        real, fake: samples (N, …) of this process, paired by index.
        uniforms: k ↦ independent uniforms on [0, 1), (N, k), a function of the update; called once.
        mean: a mean over this process's part ↦ that over the whole batch.
    """

    real: torch.Tensor
    fake: torch.Tensor
    uniforms: Callable[[int], torch.Tensor]
    mean: Function


@dataclass(frozen=True, kw_only=True)
class SlopePenalty:
    """One penalty.

    Attributes:
        objectives: those that it fits.
        default_for: objectives that bring it along unless a recipe names another.
        points: the x̂, shaped like the real samples.
        penalty: of the slopes s = ‖∇ₓv(x̂)‖, elementwise.
        title: what messages call it.
    """

    objectives: tuple[str, ...]
    points: Callable[[Surroundings], torch.Tensor]
    penalty: Function
    title: str
    default_for: tuple[str, ...] = ()


def interpolates(*, real: torch.Tensor, fake: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
    """ε·real + (1−ε)·fake of every pair; ε (N,) or (N, 1)."""
    mix = epsilon.reshape(-1, *[1] * (real.ndim - 1))
    return mix * real + (1 - mix) * fake


def perturbations(batch: Surroundings) -> torch.Tensor:
    """x + α·½·std(X)·U: a random part of the way from a real sample to one with uniform noise.

    std(X) is one number, the population standard deviation of all components of the whole batch; U is uniform
    on [0, 1) per component and α per sample, as in the authors' notebook.
    """
    real = batch.real
    uniforms_NK = batch.uniforms(1 + real[0].numel())
    mean = batch.mean(real.mean())
    std = batch.mean((real - mean).square().mean()).sqrt()
    alpha = uniforms_NK[:, 0].reshape(-1, *[1] * (real.ndim - 1))
    return real + alpha * (0.5 * std * uniforms_NK[:, 1:].reshape(real.shape))


def two_sided(slopes_N: torch.Tensor) -> torch.Tensor:
    """(s − 1)²."""
    return (slopes_N - 1).square()


def one_sided(slopes_N: torch.Tensor) -> torch.Tensor:
    """([s − 1]₊)²: slopes below 1, which a Lipschitz bound allows, cost nothing."""
    return (slopes_N - 1).clamp_min(0).square()


def between(batch: Surroundings) -> torch.Tensor:
    """`interpolates` with ε uniform on [0, 1)."""
    return interpolates(real=batch.real, fake=batch.fake, epsilon=batch.uniforms(1))


SLOPE_PENALTIES: dict[str, SlopePenalty] = {
    "gradient-penalty": SlopePenalty(
        objectives=("wgan-gp",), points=between, penalty=two_sided, title="gradient penalty",
        default_for=("wgan-gp",),
    ),
    "lipschitz-penalty": SlopePenalty(
        objectives=("wgan-lp",), points=between, penalty=one_sided, title="one-sided gradient penalty",
        default_for=("wgan-lp",),
    ),
    "dragan": SlopePenalty(
        objectives=SCORED, points=perturbations, penalty=two_sided, title="gradient penalty of DRAGAN"
    ),
}  # fmt: skip
