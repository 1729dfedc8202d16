"""Conditional DCGANs: labels by conditional batch norm, by an embedding, by projection, by classification.

Convolutions, widths and their initial weights are the DCGAN's (`gancross.models.dcgan`).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from gancross.models.conditional import ConditionalBatchNorm2d, EmbeddedLabels, Projection
from gancross.models.dcgan import WEIGHT_STD, DCGANDiscriminator, DCGANGenerator, stage_widths
from gancross.models.image_convolutions import ImageConvTranspose2d
from gancross.models.initialization import reset_layers
from gancross.models.layers import Activation, Normalization, activate
from gancross.models.network import Network
from gancross.models.spectral_norm import free_weight, normalize_weights, reset_singular_vectors


class ClassNormGenerator(Network):
    """Latents (N, latent_dim) and labels (N,) → images (N, channels, image_size, image_size) in [−1, 1].

    The DCGAN's generator with conditional batch norm: the label enters there alone.

    Source: Miyato and Koyama 2018, §5, for the conditional batch norm.
    """

    architecture_name = "class-norm-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int, num_classes: int,
        bottom: int = 2, activation: Activation = "relu",
    ) -> None:  # fmt: skip
        super().__init__()
        widths = stage_widths(image_size, width, bottom)[::-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * bottom * bottom),
            nn.Unflatten(1, (widths[0], bottom, bottom)),
        ]
        for inputs, outputs in zip(widths, [*widths[1:], None], strict=True):
            layers += [ConditionalBatchNorm2d(inputs, num_classes), activate(activation)]
            layers.append(
                ImageConvTranspose2d(inputs, channels) if outputs is None
                else nn.ConvTranspose2d(inputs, outputs, 5, 2, padding=2, output_padding=1)
            )  # fmt: skip
        self.layers = nn.ModuleList([*layers, nn.Tanh()])
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)
        self.num_classes = num_classes

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        reset_layers(
            self, generator,
            lambda _, layer, weight: nn.init.normal_(weight, std=WEIGHT_STD, generator=generator),
        )  # fmt: skip
        for layer in self.layers:
            if isinstance(layer, ConditionalBatchNorm2d):
                layer.reset_parameters()

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Images of these classes."""
        h = latents
        for layer in self.layers:
            h = layer(h, labels) if isinstance(layer, ConditionalBatchNorm2d) else layer(h)
        return h


class EmbeddingGenerator(EmbeddedLabels):
    """As `ClassNormGenerator`, but the DCGAN's generator of the latent and an embedding of the label.

    Source: Odena et al. 2017 (AC-GAN), whose generator takes the class beside the noise.
    """

    architecture_name = "embedding-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int, num_classes: int,
        normalization: Normalization = "batch", bottom: int = 2, activation: Activation = "relu",
    ) -> None:  # fmt: skip
        layers = DCGANGenerator(
            image_size=image_size, channels=channels, width=width, latent_dim=2 * latent_dim,
            normalization=normalization, bottom=bottom, activation=activation,
        )  # fmt: skip
        super().__init__(layers, latent_dim=latent_dim, num_classes=num_classes)


class ProjectionDiscriminator(Network):
    """Images (N, channels, image_size, image_size) and labels (N,) → logits (N, 1).

    φ is the sum over all positions of the last feature map of the DCGAN's discriminator, the score
    lᵀφ + b + ⟨e(y), φ⟩.

    Source: Miyato and Koyama 2018, Eq. 9, and sngan_projection for the sum pooling.
    """

    architecture_name = "projection-discriminator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, num_classes: int,
        normalization: Normalization = "none", bottom: int = 2, activation: Activation = "leaky-relu",
    ) -> None:  # fmt: skip
        super().__init__()
        self.features = DCGANDiscriminator(
            image_size=image_size, channels=channels, width=width, normalization=normalization,
            bottom=bottom, activation=activation,
        )  # fmt: skip
        del self.features[-1], self.features[-1]  # its linear layer and the flattening before it
        self.projection = Projection(stage_widths(image_size, width, bottom)[-1], num_classes)
        normalize_weights(self.projection, normalization)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)
        self.num_classes = num_classes

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        self.features.reset(generator)
        self.projection.reset(generator)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The scores of images as samples of these classes."""
        return cast(torch.Tensor, self.projection(self.features(images).sum((2, 3)), labels))


class ACGANDiscriminator(Network):
    """Images (N, channels, image_size, image_size) → logits (N, 1); `class_logits` → (N, K).

    The DCGAN's discriminator with a second linear layer, which classifies. It takes no labels.

    Source: Odena et al. 2017.
    """

    architecture_name = "acgan-discriminator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, num_classes: int,
        normalization: Normalization = "batch", bottom: int = 2, activation: Activation = "leaky-relu",
    ) -> None:  # fmt: skip
        super().__init__()
        self.judge = DCGANDiscriminator(
            image_size=image_size, channels=channels, width=width, normalization=normalization,
            bottom=bottom, activation=activation,
        )  # fmt: skip
        features = stage_widths(image_size, width, bottom)[-1] * bottom * bottom
        self.classifier = nn.Linear(features, num_classes)
        normalize_weights(self.classifier, normalization)
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)
        self.num_classified = num_classes

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        self.judge.reset(generator)
        nn.init.normal_(free_weight(self.classifier), std=WEIGHT_STD, generator=generator)
        nn.init.zeros_(self.classifier.bias)
        reset_singular_vectors(self.classifier, generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The adversarial scores."""
        return cast(torch.Tensor, self.judge(images))

    def class_logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the classes, (N, K)."""
        h = images
        for layer in list(self.judge)[:-1]:
            h = layer(h)
        return cast(torch.Tensor, self.classifier(h))
