"""The residual networks of the authors' 64×64 program.

ResNet: four pre-activation blocks (Fig. 2). Up-sampling repeats pixels (nearest), down-sampling takes 2×2
means. ResNet-101: bottleneck blocks at five sizes, 101 layers. Strided 3×3 convolutions are padded by one on
each side, so that they are centred on the pixel that the strided shortcut takes; TensorFlow's "same" padding
centres them one pixel further.

Weights are uniform (`gancross.models.initialization`), biases 0. Glorot: shortcuts, linear layers, the ResNet
discriminator's first convolution, ResNet-101's 1×1 convolutions next to the image. He: all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import glorot, he, he_branches
from gancross.models.layers import Normalization, Scale, Weighted, normalize
from gancross.models.network import Network
from gancross.models.spectral_norm import normalize_weights

IMAGE_SIZE = 64
BOTTOM = 4
GENERATOR_WIDTHS = (8, 8, 4, 2, 1)  # channels before and after each block, in units of width
DISCRIMINATOR_WIDTHS = (1, 2, 4, 8, 8)
WIDTHS_101 = (0.5, 1, 2, 4, 8)  # channels at 64², 32², 16², 8², 4², in units of width
BLOCKS_101 = (5, 6, 6, 6, 6)  # blocks that keep size and width, at the same sizes
BRANCH_FACTOR = 0.3
OUTPUT_FACTOR = 1 / 5

Resample = Literal["up", "down", "none"]


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
            *normalize(inputs, normalization), nn.ReLU(), *_upsampling(up), first,
            *normalize(hidden, normalization), nn.ReLU(), second, *_downsampling(not up),
        )  # fmt: skip
        shortcut = nn.Conv2d(inputs, outputs, 1)
        self.shortcut = nn.Sequential(*_downsampling(not up), shortcut, *_upsampling(up))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of shortcut and branch."""
        return cast(torch.Tensor, self.shortcut(features) + self.branch(features))


def _upsampling(enabled: bool) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2)] if enabled else []


def _downsampling(enabled: bool) -> list[nn.Module]:
    return [nn.AvgPool2d(2)] if enabled else []


def initial_std(path: str, layer: Weighted) -> float:
    """Glorot for linear layers, shortcuts and a network's first layer, He for the rest."""
    is_glorot = isinstance(layer, nn.Linear) or path == "0" or ".shortcut." in path
    return glorot(layer) if is_glorot else he(layer)


class ResNetGenerator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, 64, 64) in [−1, 1] through tanh.

    Linear to 8·width×4×4, four blocks up, normalization, ReLU, 3×3 convolution.
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
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, IMAGE_SIZE, IMAGE_SIZE)


class ResNetDiscriminator(Network, nn.Sequential):
    """Images (N, channels, 64, 64) → logits (N, 1): 3×3 convolution, four blocks down, linear."""

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
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, IMAGE_SIZE, IMAGE_SIZE), (1,)


class BottleneckBlock(nn.Module):
    """shortcut(x) + 0.3·branch(x): (N, inputs, H, W) → (N, outputs, H', W'), H' = 2H, H/2 or H.

    The branch: ReLU, 1×1 convolution to half the inputs; ReLU, 3×3 convolution to half the outputs, with
    stride 2 (transposed for `up`) where the size changes; ReLU, 1×1 convolution without a bias;
    normalization. The shortcut is the identity, a 1×1 convolution of stride 2, or for `up` a sub-pixel one:
    1×1 to 4·outputs channels, which become 2×2 pixels each.
    """

    def __init__(self, inputs: int, outputs: int, resample: Resample, normalization: Normalization) -> None:
        super().__init__()
        half_in, half_out = inputs // 2, outputs // 2
        spatial: nn.Module = nn.Conv2d(half_in, half_out, 3, 2 if resample == "down" else 1, padding=1)
        shortcut: list[nn.Module] = [nn.Conv2d(inputs, outputs, 1, 2)] if resample == "down" else []
        if resample == "up":
            spatial = nn.ConvTranspose2d(half_in, half_out, 3, 2, padding=1, output_padding=1)
            shortcut = [nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2)]
        self.branch = nn.Sequential(
            nn.ReLU(), nn.Conv2d(inputs, half_in, 1),
            nn.ReLU(), spatial,
            nn.ReLU(), nn.Conv2d(half_out, outputs, 1, bias=False), *normalize(outputs, normalization),
        )  # fmt: skip
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of shortcut and damped branch."""
        return cast(torch.Tensor, self.shortcut(features) + BRANCH_FACTOR * self.branch(features))


class ResNet101Generator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, 64, 64), tanh(h/5) in [−1, 1].

    Linear to 8·width×4×4; at 4², 8², 16² and 32² six blocks and one that halves the width and doubles
    the size; at 64² five blocks and a 1×1 convolution.

    Raises:
        UsageError: width is not a multiple of 4, or no such normalization.
    """

    architecture_name = "resnet101-generator"
    initial_std = staticmethod(he_branches)

    def __init__(
        self, *, channels: int, width: int, latent_dim: int, normalization: Normalization = "batch"
    ) -> None:
        widths = stage_widths_101(width)[::-1]
        super().__init__(
            nn.Linear(latent_dim, widths[0] * BOTTOM * BOTTOM),
            nn.Unflatten(1, (widths[0], BOTTOM, BOTTOM)),
            *stages(widths, BLOCKS_101[::-1], "up", normalization),
            nn.Conv2d(widths[-1], channels, 1),
            Scale(OUTPUT_FACTOR),
            nn.Tanh(),
        )
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, IMAGE_SIZE, IMAGE_SIZE)


class ResNet101Discriminator(Network, nn.Sequential):
    """Images (N, channels, 64, 64) → logits (N, 1): the generator mirrored, h/5 at the end.

    Raises:
        UsageError: width is not a multiple of 4, or no such normalization.
    """

    architecture_name = "resnet101-discriminator"
    initial_std = staticmethod(he_branches)

    def __init__(self, *, channels: int, width: int, normalization: Normalization = "batch") -> None:
        widths = stage_widths_101(width)
        super().__init__(
            nn.Conv2d(channels, widths[0], 1),
            *stages(widths, BLOCKS_101, "down", normalization),
            nn.Flatten(),
            nn.Linear(widths[-1] * BOTTOM * BOTTOM, 1),
            Scale(OUTPUT_FACTOR),
        )
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, IMAGE_SIZE, IMAGE_SIZE), (1,)


def stage_widths_101(width: int) -> list[int]:
    """Channels at 64², 32², 16², 8² and 4².

    Raises:
        UsageError: width is not a multiple of 4, so that a quarter of it is not a number of channels.
    """
    if width % 4:
        raise UsageError(f"the width of a ResNet-101 must be a multiple of 4, got {width}")
    return [int(factor * width) for factor in WIDTHS_101]


def stages(
    widths: list[int], counts: tuple[int, ...], resample: Resample, normalization: Normalization
) -> Iterator[nn.Module]:
    """At each size its blocks, and between two sizes the block that changes size and width."""
    for inputs, outputs, count in zip(widths, [*widths[1:], None], counts, strict=True):
        for _ in range(count):
            yield BottleneckBlock(inputs, inputs, "none", normalization)
        if outputs is not None:
            yield BottleneckBlock(inputs, outputs, resample, normalization)
