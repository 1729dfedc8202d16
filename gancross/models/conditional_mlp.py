"""Fully connected conditional networks for vectors: an embedding beside the latent, a projection.

Two hidden layers of `width` units each; weights as those of `gancross.models.mlp.MLP`.
"""

from __future__ import annotations

from typing import cast

import torch

from gancross.models.conditional import EmbeddedLabels, Projection
from gancross.models.layers import Activation, activate
from gancross.models.mlp import MLP
from gancross.models.network import Network


class ConditionalMLP(EmbeddedLabels):
    """Latents (N, latent_dim) and labels (N,) → vectors (N, channels)."""

    architecture_name = "conditional-mlp"

    def __init__(
        self, *, channels: int, width: int, latent_dim: int, num_classes: int,
        activation: Activation = "tanh",
    ) -> None:  # fmt: skip
        layers = MLP((2 * latent_dim, width, width, channels), activation)
        super().__init__(layers, latent_dim=latent_dim, num_classes=num_classes)


class ProjectionMLP(Network):
    """Vectors (N, channels) and labels (N,) → logits (N, 1): lᵀφ + b + ⟨e(y), φ⟩, φ the last hidden layer."""

    architecture_name = "projection-mlp"

    def __init__(
        self, *, channels: int, width: int, num_classes: int, activation: Activation = "tanh"
    ) -> None:
        super().__init__()
        self.features = MLP((channels, width, width), activation)
        self.activation = activate(activation)
        self.projection = Projection(width, num_classes)
        self.input_shape, self.output_shape = (channels,), (1,)
        self.num_classes = num_classes

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        self.features.reset(generator)
        self.projection.reset(generator)

    def forward(self, vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The scores of vectors as samples of these classes."""
        return cast(torch.Tensor, self.projection(self.activation(self.features(vectors)), labels))
