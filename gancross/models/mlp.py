"""Fully connected networks: the mixture experiment's (§7.3 of Roth et al. 2017) and the 64×64 program's."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.initialization import Weighted, glorot, he, reset_layers
from gancross.models.layers import Activation, activate
from gancross.models.network import Network

WEIGHT_STD = 0.1  # truncated normal at two standard deviations, as in the authors' program
HIDDEN_LAYERS = 4
HIDDEN_UNITS = 8  # per unit of width


class MLP(Network, nn.Sequential):
    """Linear layers with an activation between them; weights N(0, 0.1²) truncated at 0.2, biases 0.

    Args:
        sizes: widths of input, hidden layers and output, e.g. (2, 128, 128, 3).
        activation: `tanh` as in the paper, `relu` or `leaky-relu`.

    Raises:
        UsageError: fewer than two sizes, or no such activation.
    """

    architecture_name = "mlp"

    def __init__(self, sizes: tuple[int, ...], activation: Activation = "tanh") -> None:
        if len(sizes) < 2:
            raise UsageError(f"sizes must have at least two items, those of input and output; got {sizes}")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), activate(activation)]
        super().__init__(*layers[:-1])
        self.input_shape, self.output_shape = sizes[:1], sizes[-1:]

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""

        def draw(_: str, layer: Weighted) -> None:
            bound = 2 * WEIGHT_STD
            nn.init.trunc_normal_(layer.weight, std=WEIGHT_STD, a=-bound, b=bound, generator=generator)

        reset_layers(self, draw)


class MLPGenerator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Four hidden layers of 8·width units, then linear. Weights uniform with standard deviation
    √(2/fan-in) in the hidden layers, √(2/(fan-in + fan-out)) in the last; biases 0.

    Raises:
        UsageError: no such activation.

    Source: the authors' 64×64 program, its fully connected generator (512 ReLU units, width 64).
    """

    architecture_name = "mlp-generator"

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        activation: Activation = "relu",
    ) -> None:  # fmt: skip
        sizes = [latent_dim] + HIDDEN_LAYERS * [HIDDEN_UNITS * width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), activate(activation)]
        image_shape = (channels, image_size, image_size)
        layers.append(nn.Linear(sizes[-1], math.prod(image_shape)))
        super().__init__(*layers, nn.Unflatten(1, image_shape), nn.Tanh())
        self.input_shape, self.output_shape = (latent_dim,), image_shape

    @staticmethod
    def initial_std(path: str, layer: Weighted) -> float:
        """Glorot for the last layer, He for the others."""
        return glorot(layer) if path == str(2 * HIDDEN_LAYERS) else he(layer)
