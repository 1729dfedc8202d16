"""The ladder of noise levels, and samples as referees take them.

Shape suffixes: N samples, K rungs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from gancross.machine.devices import moved

RUNGS = 12
GREY_LEVEL = 2 / 255  # of images in [−1, 1]
HALF_GREY_LEVEL = GREY_LEVEL / 2
BLOCK = 500  # reals that are looked at at a time
FINEST_OF_VECTORS = 0.01
ROUNDING = 1e-6  # of a coordinate's largest value: reals that vary by less are constant there
CONSTANT = 1e-3  # standard deviation of such a coordinate, in units of that of the others
FARTHEST = 50.0  # standard deviations, beyond which a coordinate of a vector is as far as any


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rungs of a data set and the scale of its samples; a function of the held-out reals alone.

    Attributes:
        sigmas: σ of the noise by rung, rising, in units of the networks' input.
        spread: s, the reals' root-mean-square deviation per dimension, in the same units; 1 for vectors.
        detail: the root mean square of the reals' `details`; of images alone.
        mean, std: of each dimension of vectors, by which they are standardised; None for images.
    """

    sigmas: tuple[float, ...]
    spread: float
    detail: float = 0.0
    mean: torch.Tensor | None = None
    std: torch.Tensor | None = None

    @property
    def log_range(self) -> tuple[float, float]:
        """ln σ of the finest and of the coarsest rung."""
        return math.log(self.sigmas[0]), math.log(self.sigmas[-1])

    def on(self, device: torch.device) -> Ladder:
        """This ladder with its tensors there, so that loops on a GPU copy none."""
        if self.mean is None or self.std is None:
            return self
        return replace(self, mean=moved(self.mean, device), std=moved(self.std, device))

    def inputs(self, samples: torch.Tensor) -> torch.Tensor:
        """Canonical samples as float32 in the units of σ: images in [−1, 1], vectors standardised."""
        if self.mean is None or self.std is None:
            return samples.to(torch.float32).mul_(GREY_LEVEL).sub_(1)
        mean, std = self.mean.to(samples.device), self.std.to(samples.device)
        return ((samples - mean) / std).clamp_(-FARTHEST, FARTHEST)

    def network_inputs(self, noisy: torch.Tensor, data_range: tuple[float, float]) -> torch.Tensor:
        """Noisy samples in the units of σ as a contestant's networks take samples; nothing is clipped."""
        if self.mean is None or self.std is None:
            low, high = data_range
            return (noisy + 1) * ((high - low) / 2) + low
        return noisy * self.std.to(noisy.device) + self.mean.to(noisy.device)


def ladder(reals: torch.Tensor) -> Ladder:
    """12 geometric rungs: images from half a grey level to s·√dim, vectors from 0.01 to max(4, √dim).

    Args:
        reals: the held-out reals in canonical form.
    """
    dimensions = math.prod(reals.shape[1:])
    if reals.ndim == 2:
        values = reals.double()
        mean, std = values.mean(0), values.std(0, correction=0)
        varies = std > (ROUNDING * values.abs().amax(0)).clamp(min=torch.finfo(torch.float32).tiny)
        typical = float(std.where(varies, 0.0).square().mean().sqrt()) or 1.0
        # A coordinate in which the reals do not vary keeps its differences visible, and finite.
        std = std.where(varies, CONSTANT * typical)
        finest, coarsest, spread = FINEST_OF_VECTORS, max(4.0, math.sqrt(dimensions)), 1.0
        return Ladder(sigmas=_geometric(finest, coarsest), spread=spread, mean=mean.float(), std=std.float())
    spread, detail = _image_spreads(reals)
    coarsest = max(spread * math.sqrt(dimensions), 2 * HALF_GREY_LEVEL)
    return Ladder(
        sigmas=_geometric(HALF_GREY_LEVEL, coarsest), spread=max(spread, HALF_GREY_LEVEL), detail=detail
    )


def details(images: torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W) minus themselves blurred by (1, 2, 1)/4 in both directions; edges are repeated."""
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    blurred = rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]
    return torch.sub(images, blurred, alpha=1 / 16)


# The standard deviation of `details` of white noise with standard deviation 1: √(1 − 2/4 + (6/16)²).
DETAIL_OF_NOISE = math.sqrt(1 - 2 / 4 + (6 / 16) ** 2)


def _image_spreads(reals: torch.Tensor) -> tuple[float, float]:
    """`Ladder.spread` and `Ladder.detail` of images, block by block in float64."""
    total = torch.zeros(reals.shape[1:], dtype=torch.float64)
    squares, fine = torch.zeros_like(total), torch.zeros_like(total)
    for block in torch.split(reals, BLOCK):
        levels = block.double()
        total += levels.sum(0)
        squares += levels.square().sum(0)
        fine += details(levels).square().sum(0)
    variance = squares / len(reals) - (total / len(reals)).square()
    spread, detail = (
        float(mean.clamp(min=0).mean().sqrt()) * GREY_LEVEL for mean in (variance, fine / len(reals))
    )
    return spread, detail


def _geometric(finest: float, coarsest: float) -> tuple[float, ...]:
    return tuple(float(sigma) for sigma in np.geomspace(finest, coarsest, RUNGS))
