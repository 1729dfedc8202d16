"""The conditional DCGAN of the authors' program for MNIST: the one-hot label beside every layer's input.

Two stages of stride 2, so that 28×28 images have maps of 14×14 and 7×7; any side that is a multiple of 4.
`width` is 64 there, the fully connected layers have 16·width = 1,024 units. Its generator ends in a sigmoid,
for images in [0, 1]; in [−1, 1] that is tanh of half its argument, here tanh. Weights: N(0, 0.02²), in the
discriminator's convolutions truncated at two deviations; biases 0.

Source: Roth et al. 2017, the authors' program (a changed DCGAN-tensorflow, after Radford et al. 2016).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.conditional import with_classes
from gancross.models.dcgan import WEIGHT_STD
from gancross.models.image_convolutions import ImageConvTranspose2d
from gancross.models.initialization import reset_layers
from gancross.models.layers import EPSILON, LEAK, Normalization, Weighted, normalize
from gancross.models.network import Network
from gancross.models.spectral_norm import normalize_weights

HIDDEN_UNITS = 16  # of the fully connected layers, per unit of width


class _ConditionalMNIST(Network):
    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""

        def draw(_: str, layer: Weighted, weight: torch.Tensor) -> None:
            if isinstance(layer, nn.Conv2d):
                bound = 2 * WEIGHT_STD
                nn.init.trunc_normal_(weight, std=WEIGHT_STD, a=-bound, b=bound, generator=generator)
            else:
                nn.init.normal_(weight, std=WEIGHT_STD, generator=generator)

        reset_layers(self, generator, draw)


class ConditionalMNISTGenerator(_ConditionalMNIST):
    """Latents (N, latent_dim) and labels (N,) → images (N, channels, image_size, image_size) in [−1, 1].

    Raises:
        UsageError: image_size is not a multiple of 4.
    """

    architecture_name = "conditional-mnist-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int, num_classes: int,
        normalization: Normalization = "batch",
    ) -> None:  # fmt: skip
        super().__init__()
        side, hidden, maps = _quarter(image_size), HIDDEN_UNITS * width, 2 * width
        self.first = nn.Sequential(
            nn.Linear(latent_dim + num_classes, hidden), *_normalize(hidden, normalization), nn.ReLU()
        )
        self.second = nn.Sequential(
            nn.Linear(hidden + num_classes, maps * side * side),
            *_normalize(maps * side * side, normalization), nn.ReLU(), nn.Unflatten(1, (maps, side, side)),
        )  # fmt: skip
        self.third = nn.Sequential(
            nn.ConvTranspose2d(maps + num_classes, maps, 5, 2, padding=2, output_padding=1),
            *normalize(maps, normalization), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Sequential(ImageConvTranspose2d(maps + num_classes, channels), nn.Tanh())
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)
        self.num_classes = num_classes
        normalize_weights(self, normalization)

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Images of these classes."""
        h = latents
        for part in (self.first, self.second, self.third, self.last):
            h = part(with_classes(h, labels, cast(int, self.num_classes)))
        return h


class ConditionalMNISTDiscriminator(_ConditionalMNIST):
    """Images (N, channels, image_size, image_size) and labels (N,) → logits (N, 1).

    The first convolution makes as many maps as it takes, channels + K; neither it nor the last layer is
    normalized.

    Raises:
        UsageError: image_size is not a multiple of 4.
    """

    architecture_name = "conditional-mnist-discriminator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, num_classes: int,
        normalization: Normalization = "batch",
    ) -> None:  # fmt: skip
        super().__init__()
        inputs, maps, hidden = channels + num_classes, width + num_classes, HIDDEN_UNITS * width
        side = _quarter(image_size)
        self.first = nn.Sequential(nn.Conv2d(inputs, inputs, 5, 2, padding=2), nn.LeakyReLU(LEAK))
        self.second = nn.Sequential(
            nn.Conv2d(inputs + num_classes, maps, 5, 2, padding=2), *normalize(maps, normalization),
            nn.LeakyReLU(LEAK), nn.Flatten(),
        )  # fmt: skip
        self.third = nn.Sequential(
            nn.Linear(maps * side * side + num_classes, hidden), *_normalize(hidden, normalization),
            nn.LeakyReLU(LEAK),
        )  # fmt: skip
        self.last = nn.Linear(hidden + num_classes, 1)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)
        self.num_classes = num_classes
        normalize_weights(self, normalization)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The scores of images as samples of these classes."""
        h = images
        for part in (self.first, self.second, self.third, self.last):
            h = part(with_classes(h, labels, cast(int, self.num_classes)))
        return h


def _quarter(image_size: int) -> int:
    if image_size % 4:
        raise UsageError(f"image_size must be a multiple of 4, got {image_size}")
    return image_size // 4


def _normalize(features: int, normalization: str) -> list[nn.Module]:
    """The normalization of (N, features)."""
    if normalization in ("batch", "spectral-batch"):
        return [nn.BatchNorm1d(features, eps=EPSILON, momentum=0.1)]
    return normalize(features, normalization)
