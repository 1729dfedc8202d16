"""The DCGAN family at any power-of-two size, after the authors' 32×32 and 64×64 programs (FACTS: §7.4).

Every stage is a 5×5 convolution of stride 2 (transposed in the generator). `bottom` is the side of the
smallest feature map: 32×32 with bottom 2 is the paper's CIFAR-10 network, 64×64 with bottom 4 its LSUN
network. Padding is 2 on the near side and 1 on the far side; TensorFlow's "same" padding has it the
other way round, which is the same family of functions mirrored.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Normalization = Literal["batch", "none"]
WEIGHT_STD = 0.02
LEAK = 0.2


class DCGANGenerator(nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Linear to a `bottom`×`bottom` map, then transposed convolutions that halve the width each time down
    to `width`, then to `channels`; batch norm and ReLU before each. Weights N(0, 0.02²), biases 0.
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int,
        width: int,
        latent_dim: int,
        normalization: Normalization = "batch",
        bottom: int = 2,
    ) -> None:
        widths = stage_widths(image_size, width, bottom)[::-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * bottom * bottom),
            nn.Unflatten(1, (widths[0], bottom, bottom)),
        ]
        for fan_in, fan_out in zip(widths, [*widths[1:], channels], strict=True):
            layers += [*normalize(fan_in, normalization), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, 5, 2, padding=2, output_padding=1))
        super().__init__(*layers, nn.Tanh())

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        reset_dcgan(self, generator)


class DCGANDiscriminator(nn.Sequential):
    """Images (N, channels, image_size, image_size) → logits (N, 1).

    Convolutions that double the width each time from `width` on, leaky ReLU 0.2 after each, batch norm
    in all but the first, then linear. Weights N(0, 0.02²), biases 0.
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int,
        width: int,
        normalization: Normalization = "batch",
        bottom: int = 2,
    ) -> None:
        widths = stage_widths(image_size, width, bottom)
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip([channels, *widths], widths, strict=False):
            layers.append(nn.Conv2d(fan_in, fan_out, 5, 2, padding=2))
            if len(layers) > 1:
                layers += normalize(fan_out, normalization)
            layers.append(nn.LeakyReLU(LEAK))
        super().__init__(*layers, nn.Flatten(), nn.Linear(widths[-1] * bottom * bottom, 1))

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        reset_dcgan(self, generator)


def stage_widths(image_size: int, width: int, bottom: int) -> list[int]:
    """Channels after each halving of the image: width·{1, 2, 4, …}.

    Raises:
        ValueError: image_size is not bottom·2ᵏ with k ≥ 1.
    """
    stages = (image_size // bottom).bit_length() - 1
    if stages < 1 or image_size != bottom << stages:
        raise ValueError(f"image size {image_size} is not {bottom} times a power of two")
    return [width << stage for stage in range(stages)]


def normalize(channels: int, normalization: Normalization) -> list[nn.Module]:
    """The normalization layer of a stage: batch norm (ε 1e-5, averages decay by 0.9), or nothing."""
    return [nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)] if normalization == "batch" else []


def reset_dcgan(network: nn.Module, generator: torch.Generator) -> None:
    """N(0, 0.02²) for weights of linear and convolutional layers, 0 for biases; batch norm as new."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=WEIGHT_STD, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
