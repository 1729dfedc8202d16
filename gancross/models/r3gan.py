"""The networks of R3GAN at any size 4·2ᵏ: bottleneck blocks with grouped convolutions, no normalization.

A block adds to its input: 1×1 convolution to twice the channels, leaky ReLU 0.2, 3×3 convolution in groups of
16 channels, leaky ReLU, 1×1 convolution back. Biases stand before activations only. Each size has two blocks.
Resampling is bilinear, zero beyond the edges; where the width changes a 1×1 convolution follows the smaller
map's side. The program's networks have `width` 768 at 32×32; at 64×64 the largest map has half of it.

Initial weights: N(0, g²/fan-in). In a block of a network with L blocks g = √(2/1.04)·L^(−1/4), and 0 in the
last convolution, so that every block starts as the identity; g = 1 elsewhere; biases 0 (Zhang et al. 2019).

Source: Huang et al. 2024 and their program.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import reset_normal
from gancross.models.layers import LEAK, ResidualSum, Weighted
from gancross.models.network import Network

BOTTOM = 4
BLOCKS = 2  # at each size
EXPANSION = 2
GROUP_CHANNELS = 16
WIDEST_SIZE = 32  # up to which all maps have `width` channels
GAIN = math.sqrt(2 / (1 + LEAK**2))


def block(channels: int) -> ResidualSum:
    """(N, C, H, W) → (N, C, H, W)."""
    expanded = EXPANSION * channels
    groups = expanded // GROUP_CHANNELS
    return ResidualSum(
        branch=nn.Sequential(
            nn.Conv2d(channels, expanded, 1), nn.LeakyReLU(LEAK),
            nn.Conv2d(expanded, expanded, 3, padding=1, groups=groups), nn.LeakyReLU(LEAK),
            nn.Conv2d(expanded, channels, 1, bias=False),
        ),
        shortcut=nn.Sequential(),
    )  # fmt: skip


def up_sampling() -> list[nn.Module]:
    """(N, C, H, W) → (N, C, 2H, 2W), bilinear: repeats pixels, then weighs neighbours by 1, 2, 1 per axis."""
    return [nn.Upsample(scale_factor=2), nn.AvgPool2d(2, 1, padding=1), nn.AvgPool2d(2, 1)]


def down_sampling() -> list[nn.Module]:
    """(N, C, 2H, 2W) → (N, C, H, W), bilinear: weighs four pixels per axis by 1, 3, 3, 1."""
    return [nn.AvgPool2d(2, 1, padding=1), nn.AvgPool2d(2, 1), nn.AvgPool2d(2)]


class LearnedBasis(nn.Module):
    """Latents (N, d) → (N, C, 4, 4): B·(A z), with a learned 4×4 map B for every channel."""

    def __init__(self, latent_dim: int, channels: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(channels, BOTTOM, BOTTOM))
        self.linear = nn.Linear(latent_dim, channels, bias=False)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Each channel's map times its linear function of the latent."""
        factors: torch.Tensor = self.linear(latents)
        return self.basis * factors[:, :, None, None]


class _R3GAN(Network, nn.Sequential):
    def reset(self, generator: torch.Generator) -> None:
        blocks = sum(isinstance(module, ResidualSum) for module in self.modules())
        in_branch = GAIN * blocks**-0.25

        def std(path: str, layer: Weighted) -> float:
            gain = 1.0 if ".branch." not in path else 0.0 if layer.bias is None else in_branch
            return gain / math.sqrt(layer.weight[0].numel())

        reset_normal(self, generator, std)
        for module in self.modules():
            if isinstance(module, LearnedBasis):
                nn.init.normal_(module.basis, generator=generator)


class R3GANGenerator(_R3GAN):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size).

    The image is a linear map of the last features, as in the source: nothing keeps it in [−1, 1], and what
    lies beyond is clipped when samples become 8-bit images.

    Raises:
        UsageError: width or image_size does not fit; see `stage_widths`.
    """

    architecture_name = "r3gan-generator"

    def __init__(self, *, image_size: int, channels: int, width: int, latent_dim: int) -> None:
        widths = stage_widths(image_size, width)[::-1]
        layers: list[nn.Module] = [LearnedBasis(latent_dim, widths[0])]
        for stage, (inputs, outputs) in enumerate(pairwise([widths[0], *widths])):
            if inputs != outputs:
                layers.append(nn.Conv2d(inputs, outputs, 1, bias=False))
            if stage:
                layers += up_sampling()
            layers += [block(outputs) for _ in range(BLOCKS)]
        super().__init__(*layers, nn.Conv2d(widths[-1], channels, 1, bias=False))
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)


class R3GANDiscriminator(_R3GAN):
    """Images (N, channels, image_size, image_size) → logits (N, 1).

    1×1 convolution, the blocks of every size, a 4×4 convolution of each channel by itself, linear; neither of
    the three has a bias.

    Raises:
        UsageError: width or image_size does not fit; see `stage_widths`.
    """

    architecture_name = "r3gan-discriminator"

    def __init__(self, *, image_size: int, channels: int, width: int) -> None:
        widths = stage_widths(image_size, width)
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 1, bias=False)]
        for stage, outputs in enumerate(widths):
            if stage:
                layers += down_sampling()
                if outputs != widths[stage - 1]:
                    layers.append(nn.Conv2d(widths[stage - 1], outputs, 1, bias=False))
            layers += [block(outputs) for _ in range(BLOCKS)]
        last = widths[-1]
        basis = nn.Conv2d(last, last, BOTTOM, groups=last, bias=False)
        super().__init__(*layers, basis, nn.Flatten(), nn.Linear(last, 1, bias=False))
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)


def stage_widths(image_size: int, width: int) -> list[int]:
    """Channels at image_size, image_size/2, …, 4: `width`, and half of it above 32×32.

    Raises:
        UsageError: image_size is not 4·2ᵏ with k ≥ 1, or a number of channels is not a multiple of 8, which
            makes whole groups.
    """
    stages = (image_size // BOTTOM).bit_length() - 1
    if stages < 1 or image_size != BOTTOM << stages:
        raise UsageError(f"image_size must be {BOTTOM} times a power of two, got {image_size}")
    sizes = [image_size >> stage for stage in range(stages + 1)]
    unit = GROUP_CHANNELS // EXPANSION * (2 if image_size > WIDEST_SIZE else 1)
    if width % unit:
        raise UsageError(
            f"the width of an R3GAN at {image_size}×{image_size} must be a multiple of {unit}, got {width}"
        )
    return [width if size <= WIDEST_SIZE else width // 2 for size in sizes]
