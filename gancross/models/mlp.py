"""Fully connected networks: the mixture experiment's (§7.3 of Roth et al. 2017) and the 64×64 program's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import glorot, he, reset_layers
from gancross.models.layers import Activation, Weighted, activate, choice
from gancross.models.network import Network
from gancross.models.spectral_norm import normalize_weights

WEIGHT_STD = 0.1  # truncated normal at two standard deviations, as in the authors' program
HIDDEN_LAYERS = 4
HIDDEN_UNITS = 8  # per unit of width


def _layers(sizes: Sequence[int], activation: Activation) -> list[nn.Module]:
    linear = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    return [module for layer in linear for module in (layer, activate(activation))]


class MLP(Network, nn.Sequential):
    """Linear layers with an activation between them; weights N(0, 0.1²) truncated at 0.2, biases 0.

    Args:
        sizes: widths of input, hidden layers and output, e.g. (2, 128, 128, 3).
        activation: `tanh` as in the paper, `relu` or `leaky-relu`.
        normalization: `spectral`, of every weight, or `none`.

    Raises:
        UsageError: fewer than two sizes, or no such activation or normalization.
    """

    architecture_name = "mlp"

    def __init__(
        self, sizes: tuple[int, ...], activation: Activation = "tanh",
        normalization: Literal["spectral", "none"] = "none",
    ) -> None:  # fmt: skip
        if len(sizes) < 2:
            raise UsageError(f"sizes must have at least two items, those of input and output; got {sizes}")
        super().__init__(*_layers(sizes, activation)[:-1])
        choice("normalization", normalization, dict.fromkeys(("spectral", "none")))
        normalize_weights(self, normalization)
        self.input_shape, self.output_shape = sizes[:1], sizes[-1:]

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""

        def draw(_: str, layer: Weighted, weight: torch.Tensor) -> None:
            bound = 2 * WEIGHT_STD
            nn.init.trunc_normal_(weight, std=WEIGHT_STD, a=-bound, b=bound, generator=generator)

        reset_layers(self, generator, draw)


class MLPGenerator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Four hidden layers of 8·width units, then linear. Weights uniform with standard deviation
    √(2/fan-in) in the hidden layers, √(2/(fan-in + fan-out)) in the last; biases 0.

    Source: the authors' 64×64 program, its fully connected generator (512 ReLU units, width 64).
    """

    architecture_name = "mlp-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        activation: Activation = "relu",
    ) -> None:  # fmt: skip
        sizes = [latent_dim] + HIDDEN_LAYERS * [HIDDEN_UNITS * width]
        image_shape = (channels, image_size, image_size)
        last = nn.Linear(sizes[-1], math.prod(image_shape))
        super().__init__(*_layers(sizes, activation), last, nn.Unflatten(1, image_shape), nn.Tanh())
        self.input_shape, self.output_shape = (latent_dim,), image_shape

    @staticmethod
    def initial_std(path: str, layer: Weighted) -> float:
        """Glorot for the last layer, He for the others."""
        return glorot(layer) if path == str(2 * HIDDEN_LAYERS) else he(layer)
