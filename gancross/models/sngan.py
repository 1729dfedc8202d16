"""The networks of SNGAN: the standard CNN of Table 3 and the ResNet for 32×32 images of Table 4.

Weights of the CNN: N(0, 0.02²). Weights of the ResNet are uniform: those of the branches with the standard
deviation √(4/(fan-in + fan-out)), others, shortcuts among them, with Glorot's. Biases 0. The CNN's leaky ReLU
has the slope 0.1. The ResNet's discriminator ends without a bias, as in the program.

Source: Miyato et al. 2018; initial weights from pfnet-research/chainer-gan-lib and /sngan_projection.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import he_branches, reset_normal
from gancross.models.layers import Normalization, ResidualSum, SpatialSum, normalize
from gancross.models.network import Network
from gancross.models.spectral_norm import normalize_weights

WEIGHT_STD = 0.02
SLOPE = 0.1
STAGES = 3
BOTTOM = 4
RESNET_SIZE = BOTTOM << STAGES


class _StandardCNN(Network, nn.Sequential):
    def reset(self, generator: torch.Generator) -> None:
        reset_normal(self, generator, lambda path, layer: WEIGHT_STD)


class SNGANGenerator(_StandardCNN):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Linear to 8·width channels at an eighth of the size; three transposed 4×4 convolutions of stride 2 to
    4, 2 and 1 times `width`, each with normalization and ReLU; 3×3 convolution. The paper's width is 64.

    Raises:
        UsageError: image_size is not a multiple of 8, or no such normalization.
    """

    architecture_name = "sngan-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        normalization: Normalization = "batch",
    ) -> None:  # fmt: skip
        bottom, widths = bottom_size(image_size), [8 * width, 4 * width, 2 * width, width]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * bottom * bottom),
            nn.Unflatten(1, (widths[0], bottom, bottom)),
        ]
        for inputs, outputs in pairwise(widths):
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1))
            layers += [*normalize(outputs, normalization), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)


class SNGANDiscriminator(_StandardCNN):
    """Images (N, channels, image_size, image_size) → logits (N, 1).

    At each of three sizes a 3×3 convolution and a 4×4 one of stride 2, of 1, 2 and 4 times `width`
    channels; a 3×3 convolution of 8·width; leaky ReLU after each, normalization before it in all but the
    first; linear. The paper's width is 64.

    Raises:
        UsageError: image_size is not a multiple of 8, or no such normalization.
    """

    architecture_name = "sngan-discriminator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, normalization: Normalization = "spectral"
    ) -> None:
        bottom = bottom_size(image_size)
        layers: list[nn.Module] = []
        inputs = channels
        for factor in (1, 2, 4, 8):
            outputs = factor * width
            convolutions = [nn.Conv2d(inputs, outputs, 3, padding=1)]
            if factor < 8:
                convolutions.append(nn.Conv2d(outputs, outputs, 4, 2, padding=1))
            for convolution in convolutions:
                normalization_layers = normalize(outputs, normalization) if layers else []
                layers += [convolution, *normalization_layers, nn.LeakyReLU(SLOPE)]
            inputs = outputs
        super().__init__(*layers, nn.Flatten(), nn.Linear(inputs * bottom * bottom, 1))
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)


def bottom_size(image_size: int) -> int:
    """Side of the smallest feature map: an eighth of the image's.

    Raises:
        UsageError: image_size is not a multiple of 8.
    """
    if image_size % (1 << STAGES):
        raise UsageError(f"image_size must be a multiple of {1 << STAGES}, got {image_size}")
    return image_size >> STAGES


def _block_up(channels: int, normalization: Normalization) -> ResidualSum:
    """(N, C, H, W) → (N, C, 2H, 2W): pre-activation; nearest up-sampling before the first convolution.

    The shortcut's 1×1 convolution runs on the smaller map: it commutes with nearest up-sampling.
    """
    return ResidualSum(
        branch=nn.Sequential(
            *normalize(channels, normalization), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(channels, channels, 3, padding=1),
            *normalize(channels, normalization), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
        ),
        shortcut=nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Upsample(scale_factor=2)),
    )  # fmt: skip


def _block_down(inputs: int, outputs: int, normalization: Normalization) -> ResidualSum:
    """(N, inputs, H, W) → (N, outputs, H/2, W/2): the first block, of images, which has no activation before
    its first convolution.
    """
    return ResidualSum(
        branch=nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            *normalize(outputs, normalization), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.AvgPool2d(2),
        ),
        shortcut=nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1)),
    )  # fmt: skip


def _block(channels: int, normalization: Normalization, *, down: bool) -> ResidualSum:
    """(N, C, H, W) → the same shape, or (N, C, H/2, W/2) with 2×2 means at the end of both paths."""
    return ResidualSum(
        branch=nn.Sequential(
            *normalize(channels, normalization), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
            *normalize(channels, normalization), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
            *([nn.AvgPool2d(2)] if down else []),
        ),
        shortcut=nn.Sequential(*([nn.AvgPool2d(2), nn.Conv2d(channels, channels, 1)] if down else [])),
    )  # fmt: skip


class ResNet32Generator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, 32, 32) in [−1, 1] through tanh.

    Linear to 2·width×4×4, three residual blocks up, normalization, ReLU, 3×3 convolution. The paper has 256
    channels, so that its width is 128.
    """

    architecture_name = "resnet32-generator"
    initial_std = staticmethod(he_branches)

    def __init__(
        self, *, channels: int, width: int, latent_dim: int, normalization: Normalization = "batch"
    ) -> None:
        features = 2 * width
        super().__init__(
            nn.Linear(latent_dim, features * BOTTOM * BOTTOM),
            nn.Unflatten(1, (features, BOTTOM, BOTTOM)),
            *(_block_up(features, normalization) for _ in range(STAGES)),
            *normalize(features, normalization),
            nn.ReLU(),
            nn.Conv2d(features, channels, 3, padding=1),
            nn.Tanh(),
        )
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (latent_dim,), (channels, RESNET_SIZE, RESNET_SIZE)


class ResNet32Discriminator(Network, nn.Sequential):
    """Images (N, channels, 32, 32) → logits (N, 1).

    Two residual blocks down and two that keep the size, of `width` channels, 128 in the paper; ReLU, sum over
    the positions, linear without a bias.
    """

    architecture_name = "resnet32-discriminator"
    initial_std = staticmethod(he_branches)

    def __init__(self, *, channels: int, width: int, normalization: Normalization = "spectral") -> None:
        super().__init__(
            _block_down(channels, width, normalization),
            *(_block(width, normalization, down=down) for down in (True, False, False)),
            nn.ReLU(),
            SpatialSum(),
            nn.Linear(width, 1, bias=False),
        )
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = (channels, RESNET_SIZE, RESNET_SIZE), (1,)
