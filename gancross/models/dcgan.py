"""The DCGAN, plain and gated, at any power-of-two size, after the authors' 32×32 and 64×64 programs (§7.4).

Every stage is a 5×5 convolution of stride 2 (transposed in the generator). `bottom` is the side of the
smallest feature map: 32×32 with bottom 2 is the paper's CIFAR-10 network, 64×64 with bottom 4 its LSUN
network. Padding is 2 on the near side and 1 on the far side; TensorFlow's "same" padding is the
reverse, which gives the mirrored family of functions.

Initial weights: N(0, 0.02²) in the 32×32 program; uniform with the same standard deviation, 0.02, in the
64×64 one, whose DCGAN functions set it for all their layers, also linear ones; the generator of constant
filters keeps the He rule. Biases 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.image_convolutions import ImageConv2d, ImageConvTranspose2d
from gancross.models.initialization import he_convolutions, reset_normal, reset_uniform
from gancross.models.layers import Activation, Gate, Normalization, activate, choice, normalize
from gancross.models.network import Network
from gancross.models.spectral_norm import normalize_weights

Initialization = Literal["normal", "uniform", "he-uniform"]
Filters = Literal["doubling", "constant"]
WEIGHT_STD = 0.02


INITIALIZATIONS: dict[str, Callable[[nn.Module, torch.Generator], None]] = {
    "normal": functools.partial(reset_normal, std=lambda path, layer: WEIGHT_STD),
    "uniform": functools.partial(reset_uniform, std=lambda path, layer: WEIGHT_STD),
    "he-uniform": functools.partial(reset_uniform, std=he_convolutions),
}


class _DCGAN(Network, nn.Sequential):
    _reset: Callable[[nn.Module, torch.Generator], None]

    def reset(self, generator: torch.Generator) -> None:
        self._reset(self, generator)


class DCGANGenerator(_DCGAN):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Linear to a `bottom`×`bottom` map, then transposed convolutions, the last of them to `channels`;
    normalization and activation before each.

    Args:
        filters: `doubling`: channels double with each halving of the map, from `width` on at half the
            image's size; `constant`: `width` channels throughout.
        initialization: see the head of this file.

    Raises:
        UsageError: an unknown string, or image_size is not bottom·2ᵏ with k ≥ 1.
    """

    architecture_name = "dcgan-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        normalization: Normalization = "batch", bottom: int = 2, activation: Activation = "relu",
        filters: Filters = "doubling", initialization: Initialization = "normal",
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom, filters)[::-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * bottom * bottom),
            nn.Unflatten(1, (widths[0], bottom, bottom)),
        ]
        for inputs, outputs in zip(widths, [*widths[1:], None], strict=True):
            layers += [*normalize(inputs, normalization), activate(activation)]
            layers.append(
                ImageConvTranspose2d(inputs, channels) if outputs is None
                else nn.ConvTranspose2d(inputs, outputs, 5, 2, padding=2, output_padding=1)
            )  # fmt: skip
        super().__init__(*layers, nn.Tanh())
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)
        self._reset = choice("initialization", initialization, INITIALIZATIONS)


class DCGANDiscriminator(_DCGAN):
    """Images (N, channels, image_size, image_size) → logits (N, 1).

    Convolutions whose channels double each time from `width` on, an activation after each, normalization
    in all but the first, then linear.

    Args:
        initialization: see the head of this file.

    Raises:
        UsageError: an unknown string, or image_size is not bottom·2ᵏ with k ≥ 1.
    """

    architecture_name = "dcgan-discriminator"

    def __init__(
        self, *, image_size: int, channels: int, width: int,
        normalization: Normalization = "batch", bottom: int = 2, activation: Activation = "leaky-relu",
        initialization: Initialization = "normal",
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom)
        layers: list[nn.Module] = [ImageConv2d(channels, widths[0]), activate(activation)]
        for inputs, outputs in pairwise(widths):
            layers.append(nn.Conv2d(inputs, outputs, 5, 2, padding=2))
            layers += [*normalize(outputs, normalization), activate(activation)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(widths[-1] * bottom * bottom, 1))
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)
        self._reset = choice("initialization", initialization, INITIALIZATIONS)


class GatedGenerator(Network, nn.Sequential):
    """The DCGAN's generator with gates σ(a)·tanh(b) for hidden nonlinearities.

    Every hidden layer is twice as wide as the DCGAN's and the gate halves it again. Weights: He's in
    convolutions, Glorot's in the linear layer. Arguments and errors are those of `DCGANGenerator`.
    """

    architecture_name = "gated-generator"
    initial_std = staticmethod(he_convolutions)

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        normalization: Normalization = "batch", bottom: int = 4,
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom)[::-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, 2 * widths[0] * bottom * bottom),
            nn.Unflatten(1, (2 * widths[0], bottom, bottom)),
        ]
        for inputs, outputs in zip(widths, [*(2 * width for width in widths[1:]), channels], strict=True):
            layers += [*normalize(2 * inputs, normalization), Gate()]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 5, 2, padding=2, output_padding=1))
        super().__init__(*layers, nn.Tanh())
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)


class GatedDiscriminator(Network, nn.Sequential):
    """The DCGAN's discriminator with gates and weights as in `GatedGenerator`."""

    architecture_name = "gated-discriminator"
    initial_std = staticmethod(he_convolutions)

    def __init__(
        self, *, image_size: int, channels: int, width: int,
        normalization: Normalization = "batch", bottom: int = 4,
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom)
        layers: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            layers.append(nn.Conv2d(inputs, 2 * outputs, 5, 2, padding=2))
            if len(layers) > 1:
                layers += normalize(2 * outputs, normalization)
            layers.append(Gate())
        super().__init__(*layers, nn.Flatten(), nn.Linear(widths[-1] * bottom * bottom, 1))
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)


def stage_widths(image_size: int, width: int, bottom: int, filters: Filters = "doubling") -> list[int]:
    """Channels after each halving of the image: width·{1, 2, 4, …}, or `width` throughout.

    Raises:
        UsageError: image_size is not bottom·2ᵏ with k ≥ 1, or no such `filters`.
    """
    stages = (image_size // bottom).bit_length() - 1
    if stages < 1 or image_size != bottom << stages:
        raise UsageError(f"image_size must be bottom ({bottom}) times a power of two, got {image_size}")
    growth = choice("filters", filters, {"doubling": 2, "constant": 1})
    return [width * growth**stage for stage in range(stages)]
