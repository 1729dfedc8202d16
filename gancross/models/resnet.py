"""The residual networks of the authors' 64×64 program: four pre-activation blocks (Fig. 2).

Up-sampling repeats pixels (nearest), down-sampling takes 2×2 means. Weights are uniform
(`gancross.models.initialization`): Glorot in shortcuts, linear layers and the discriminator's first
convolution, He in all others; biases 0.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
from torch import nn

from gancross.models.initialization import Weighted, glorot, he
from gancross.models.layers import Normalization, normalize
from gancross.models.network import Network

IMAGE_SIZE = 64
BOTTOM = 4
GENERATOR_WIDTHS = (8, 8, 4, 2, 1)  # channels before and after each block, in units of width
DISCRIMINATOR_WIDTHS = (1, 2, 4, 8, 8)


class ResidualBlock(nn.Module):
    """shortcut(x) + branch(x): (N, inputs, H, W) → (N, outputs, 2H, 2W) or (N, outputs, H/2, W/2).

    The branch is twice normalization, ReLU, 3×3 convolution, the first without a bias. `up` enlarges the
    map before the first convolution, which changes the width; `down` averages after the second, which
    changes the width. The shortcut's 1×1 convolution runs on the smaller map: it commutes with nearest
    up-sampling.
    """

    def __init__(
        self, inputs: int, outputs: int, resample: Literal["up", "down"], normalization: Normalization
    ) -> None:
        super().__init__()
        up = resample == "up"
        hidden = outputs if up else inputs
        first = nn.Conv2d(inputs, hidden, 3, padding=1, bias=False)
        second = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.branch = nn.Sequential(
            *normalize(inputs, normalization), nn.ReLU(), *upsampling(up), first,
            *normalize(hidden, normalization), nn.ReLU(), second, *downsampling(not up),
        )  # fmt: skip
        self.shortcut = nn.Sequential(*downsampling(not up), nn.Conv2d(inputs, outputs, 1), *upsampling(up))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of shortcut and branch."""
        return cast(torch.Tensor, self.shortcut(features) + self.branch(features))


def upsampling(enabled: bool) -> list[nn.Module]:
    """The layer that repeats each pixel 2×2, or no layer."""
    return [nn.Upsample(scale_factor=2)] if enabled else []


def downsampling(enabled: bool) -> list[nn.Module]:
    """The layer of the means of 2×2 pixels, or no layer."""
    return [nn.AvgPool2d(2)] if enabled else []


def initial_std(path: str, layer: Weighted) -> float:
    """Glorot for linear layers, shortcuts and a network's first layer, He for the rest."""
    is_glorot = isinstance(layer, nn.Linear) or path == "0" or ".shortcut." in path
    return glorot(layer) if is_glorot else he(layer)


class ResNetGenerator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, 64, 64) in [−1, 1] through tanh.

    Linear to 8·width×4×4, four blocks up, normalization, ReLU, 3×3 convolution.

    Raises:
        UsageError: no such normalization.
    """

    architecture_name = "resnet-generator"
    initial_std = staticmethod(initial_std)

    def __init__(
        self, *, channels: int, width: int, latent_dim: int, normalization: Normalization = "batch"
    ) -> None:
        widths = [factor * width for factor in GENERATOR_WIDTHS]
        super().__init__(
            nn.Linear(latent_dim, widths[0] * BOTTOM * BOTTOM),
            nn.Unflatten(1, (widths[0], BOTTOM, BOTTOM)),
            *(ResidualBlock(inputs, outputs, "up", normalization) for inputs, outputs in pairwise(widths)),
            *normalize(widths[-1], normalization),
            nn.ReLU(),
            nn.Conv2d(widths[-1], channels, 3, padding=1),
            nn.Tanh(),
        )
        self.input_shape, self.output_shape = (latent_dim,), (channels, IMAGE_SIZE, IMAGE_SIZE)


class ResNetDiscriminator(Network, nn.Sequential):
    """Images (N, channels, 64, 64) → logits (N, 1): 3×3 convolution, four blocks down, linear.

    Raises:
        UsageError: no such normalization.
    """

    architecture_name = "resnet-discriminator"
    initial_std = staticmethod(initial_std)

    def __init__(self, *, channels: int, width: int, normalization: Normalization = "batch") -> None:
        widths = [factor * width for factor in DISCRIMINATOR_WIDTHS]
        super().__init__(
            nn.Conv2d(channels, widths[0], 3, padding=1),
            *(ResidualBlock(inputs, outputs, "down", normalization) for inputs, outputs in pairwise(widths)),
            nn.Flatten(),
            nn.Linear(widths[-1] * BOTTOM * BOTTOM, 1),
        )
        self.input_shape, self.output_shape = (channels, IMAGE_SIZE, IMAGE_SIZE), (1,)
