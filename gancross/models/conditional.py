"""What conditional networks share: batch norm by class, one-hot maps, projection, labels held fixed.

Shape suffixes: N samples, K classes, C channels.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import nn

from gancross.models.layers import EPSILON
from gancross.models.network import Network
from gancross.models.spectral_norm import free_weight, reset_singular_vectors


class ConditionalBatchNorm2d(nn.Module):
    """gain[y]·(h − mean)/√(variance + ε) + bias[y]: batch norm whose gain and bias belong to the class.

    Mean and variance are those of `nn.BatchNorm2d`, over all samples whatever their class.

    Source: de Vries et al. 2017; gain 1 and bias 0 at the start, as in Miyato and Koyama 2018.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.normalize = nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.1, affine=False)
        self.gain = nn.Embedding(num_classes, channels)
        self.bias = nn.Embedding(num_classes, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The state before training."""
        self.normalize.reset_parameters()
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, features: torch.Tensor, labels_N: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) and int64 (N,) → (N, C, H, W)."""
        gain, bias = (part(labels_N)[:, :, None, None] for part in (self.gain, self.bias))
        return torch.addcmul(bias, gain, self.normalize(features))


class Projection(nn.Module):
    """The score lᵀφ + b + ⟨e(y), φ⟩ of features φ and a label y; weights with Glorot's deviation, biases 0.

    Source: Miyato and Koyama 2018, Eq. 9 and Fig. 1.
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = nn.Embedding(num_classes, features)

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`."""
        for layer in (self.linear, self.embedding):
            weight = free_weight(layer)
            bound = math.sqrt(6 / sum(weight.shape))
            nn.init.uniform_(weight, -bound, bound, generator=generator)
            reset_singular_vectors(layer, generator)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features_NC: torch.Tensor, labels_N: torch.Tensor) -> torch.Tensor:
        """(N, C) and int64 (N,) → (N, 1)."""
        projected = (self.embedding(labels_N) * features_NC).sum(1, keepdim=True)
        return cast(torch.Tensor, self.linear(features_NC) + projected)


class EmbeddedLabels(Network):
    """A generator of the latent and an embedding of the label, which has the latent's dimension.

    Attributes:
        embedding: of the labels; starts as N(0, 1).
        layers: the generator of both, side by side: (N, 2·latent_dim) → samples.
    """

    def __init__(self, layers: Network, *, latent_dim: int, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes, latent_dim)
        self.layers = layers
        self.input_shape, self.output_shape = (latent_dim,), layers.output_shape
        self.num_classes = num_classes

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        self.layers.reset(generator)
        nn.init.normal_(self.embedding.weight, generator=generator)

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Samples of these classes."""
        return cast(torch.Tensor, self.layers(torch.cat([latents, self.embedding(labels)], dim=1)))


def with_classes(features: torch.Tensor, labels_N: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Features (N, C, …) with K more channels, 1 in that of the label and 0 in the others."""
    one_hot = nn.functional.one_hot(labels_N, num_classes).to(features.dtype)
    shape = (*one_hot.shape, *features.shape[2:])
    return torch.cat([features, one_hot.reshape(*one_hot.shape, *[1] * (features.ndim - 2)).expand(shape)], 1)


class GivenLabels(nn.Module):
    """A conditional network as a function of its input alone, the labels held fixed.

    A batch of m·N inputs, as explicit noise makes of N samples, has m inputs in a row for each label.
    """

    def __init__(self, network: nn.Module, labels_N: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.labels_N = labels_N

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """`network(inputs, labels)`."""
        copies = len(inputs) // len(self.labels_N)
        labels_N = self.labels_N if copies == 1 else self.labels_N.repeat_interleave(copies)
        output: torch.Tensor = self.network(inputs, labels_N)
        return output


class OneClass(nn.Module):
    """A conditional network as a function of its input, or inputs, alone, every label the same."""

    def __init__(self, network: nn.Module, label: int) -> None:
        super().__init__()
        self.network = network
        self.label = label

    def forward(self, inputs: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        """`network(inputs, labels)`, labels behind all inputs."""
        labels_N = torch.full((len(inputs),), self.label, dtype=torch.int64, device=inputs.device)
        output: torch.Tensor = self.network(inputs, *more, labels_N)
        return output
