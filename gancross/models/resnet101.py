"""The 101-layer residual networks of the authors' 64×64 program: bottleneck blocks at five sizes.

Weights are uniform (`gancross.models.initialization`): Glorot in shortcuts, linear layers and the 1×1
convolutions next to the image, He in all others; biases 0. Strided 3×3 convolutions are padded by one on
each side, so that they are centred on the pixel that the strided shortcut takes; TensorFlow's "same" padding
centres them one pixel further.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import Weighted, glorot, he
from gancross.models.layers import Normalization, Scale, normalize
from gancross.models.network import Network

IMAGE_SIZE = 64
BOTTOM = 4
WIDTHS = (0.5, 1, 2, 4, 8)  # channels at 64², 32², 16², 8², 4², in units of width
BLOCKS = (5, 6, 6, 6, 6)  # blocks that keep size and width, at the same sizes
BRANCH_FACTOR = 0.3
OUTPUT_FACTOR = 1 / 5

Resample = Literal["up", "down", "none"]


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
        self.branch = nn.Sequential(
            nn.ReLU(), nn.Conv2d(inputs, half_in, 1),
            nn.ReLU(), spatial_convolution(half_in, half_out, resample),
            nn.ReLU(), nn.Conv2d(half_out, outputs, 1, bias=False), *normalize(outputs, normalization),
        )  # fmt: skip
        self.shortcut = shortcut(inputs, outputs, resample)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of shortcut and damped branch."""
        return cast(torch.Tensor, self.shortcut(features) + BRANCH_FACTOR * self.branch(features))


def spatial_convolution(inputs: int, outputs: int, resample: Resample) -> nn.Module:
    """The 3×3 convolution of a branch."""
    if resample == "up":
        return nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
    return nn.Conv2d(inputs, outputs, 3, 2 if resample == "down" else 1, padding=1)


def shortcut(inputs: int, outputs: int, resample: Resample) -> nn.Sequential:
    """The layers of a shortcut; none where size and width stay."""
    if resample == "up":
        return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2))
    return nn.Sequential(*([nn.Conv2d(inputs, outputs, 1, 2)] if resample == "down" else []))


def initial_std(path: str, layer: Weighted) -> float:
    """He for the convolutions of the branches, Glorot for the rest."""
    return he(layer) if ".branch." in path else glorot(layer)


class ResNet101Generator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, 64, 64), tanh(h/5) in [−1, 1].

    Linear to 8·width×4×4; at 4², 8², 16² and 32² six blocks and one that halves the width and doubles
    the size; at 64² five blocks and a 1×1 convolution.

    Raises:
        UsageError: width is not a multiple of 4, or no such normalization.
    """

    architecture_name = "resnet101-generator"
    initial_std = staticmethod(initial_std)

    def __init__(
        self, *, channels: int, width: int, latent_dim: int, normalization: Normalization = "batch"
    ) -> None:
        widths = stage_widths(width)[::-1]
        blocks: list[nn.Module] = []
        for stage, (inputs, count) in enumerate(zip(widths, BLOCKS[::-1], strict=True)):
            blocks += [BottleneckBlock(inputs, inputs, "none", normalization) for _ in range(count)]
            if stage + 1 < len(widths):
                blocks.append(BottleneckBlock(inputs, widths[stage + 1], "up", normalization))
        super().__init__(
            nn.Linear(latent_dim, widths[0] * BOTTOM * BOTTOM),
            nn.Unflatten(1, (widths[0], BOTTOM, BOTTOM)),
            *blocks,
            nn.Conv2d(widths[-1], channels, 1),
            Scale(OUTPUT_FACTOR),
            nn.Tanh(),
        )
        self.input_shape, self.output_shape = (latent_dim,), (channels, IMAGE_SIZE, IMAGE_SIZE)


class ResNet101Discriminator(Network, nn.Sequential):
    """Images (N, channels, 64, 64) → logits (N, 1): the generator mirrored, h/5 at the end.

    Raises:
        UsageError: width is not a multiple of 4, or no such normalization.
    """

    architecture_name = "resnet101-discriminator"
    initial_std = staticmethod(initial_std)

    def __init__(self, *, channels: int, width: int, normalization: Normalization = "batch") -> None:
        widths = stage_widths(width)
        blocks: list[nn.Module] = []
        for stage, (inputs, count) in enumerate(zip(widths, BLOCKS, strict=True)):
            blocks += [BottleneckBlock(inputs, inputs, "none", normalization) for _ in range(count)]
            if stage + 1 < len(widths):
                blocks.append(BottleneckBlock(inputs, widths[stage + 1], "down", normalization))
        super().__init__(
            nn.Conv2d(channels, widths[0], 1),
            *blocks,
            nn.Flatten(),
            nn.Linear(widths[-1] * BOTTOM * BOTTOM, 1),
            Scale(OUTPUT_FACTOR),
        )
        self.input_shape, self.output_shape = (channels, IMAGE_SIZE, IMAGE_SIZE), (1,)


def stage_widths(width: int) -> list[int]:
    """Channels at 64², 32², 16², 8² and 4².

    Raises:
        UsageError: width is not a multiple of 4, so that a quarter of it is not a number of channels.
    """
    if width % 4:
        raise UsageError(f"the width of a ResNet-101 must be a multiple of 4, got {width}")
    return [int(factor * width) for factor in WIDTHS]
