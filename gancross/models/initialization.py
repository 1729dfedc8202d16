"""Initial weights of the authors' programs, drawn from a given generator alone.

The 64×64 program is built on that of Gulrajani et al. 2017 (Improved training of Wasserstein GANs) and
keeps its rules, read from its layer functions: every weight is uniform, U(−√3·s, √3·s) with standard
deviation s, every bias 0. Convolutions have s² = 4/(fan-in + fan-out) ("He"), or half of that where the
program says so ("Glorot": shortcuts, some first and last layers); linear layers s² = 2/(fan-in + fan-out)
(Glorot), or 2/fan-in where the program says He. A convolution's fans count kernel positions: k² times its
channels; stride 2 divides the fan-out of a convolution, the fan-in of a transposed one, by 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from gancross.models.layers import Weighted
from gancross.models.spectral_norm import free_weight, reset_singular_vectors

Draw = Callable[[str, Weighted, torch.Tensor], object]


def reset_layers(network: nn.Module, generator: torch.Generator, draw: Draw) -> None:
    """Calls `draw(path, layer, weight)` for every weight in the order of the modules; sets biases to 0 and
    normalization layers to their initial state.

    Args:
        generator: for the singular vectors of spectral-normalised layers, each after its weight.
    """
    for path, module in network.named_modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm):
            module.reset_parameters()
        elif isinstance(module, Weighted):
            draw(path, module, free_weight(module))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            reset_singular_vectors(module, generator)


def reset_uniform(
    network: nn.Module, generator: torch.Generator, std: Callable[[str, Weighted], float]
) -> None:
    """Weights U(−√3·s, √3·s) with standard deviation s = std(path, layer); the rest as `reset_layers`."""

    def draw(path: str, layer: Weighted, weight: torch.Tensor) -> None:
        bound = math.sqrt(3.0) * std(path, layer)
        nn.init.uniform_(weight, -bound, bound, generator=generator)

    reset_layers(network, generator, draw)


def reset_normal(
    network: nn.Module, generator: torch.Generator, std: Callable[[str, Weighted], float]
) -> None:
    """Weights N(0, s²), s = std(path, layer); the rest as `reset_layers`."""

    def draw(path: str, layer: Weighted, weight: torch.Tensor) -> None:
        nn.init.normal_(weight, std=std(path, layer), generator=generator)

    reset_layers(network, generator, draw)


def fans(layer: Weighted) -> tuple[int, int]:
    """(fan-in, fan-out) as the authors' 64×64 program counts them; see the head of this file."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    positions, stride = math.prod(layer.kernel_size), math.prod(layer.stride)
    fan_in, fan_out = layer.in_channels * positions, layer.out_channels * positions
    if isinstance(layer, nn.ConvTranspose2d):
        return fan_in // stride, fan_out
    return fan_in, fan_out // stride


def he(layer: Weighted) -> float:
    """Standard deviation √(2/fan-in) of a linear layer, √(4/(fan-in + fan-out)) of a convolution."""
    fan_in, fan_out = fans(layer)
    return math.sqrt(2 / fan_in if isinstance(layer, nn.Linear) else 4 / (fan_in + fan_out))


def glorot(layer: Weighted) -> float:
    """Standard deviation √(2/(fan-in + fan-out)) (Glorot & Bengio 2010)."""
    return math.sqrt(2 / sum(fans(layer)))


def he_convolutions(path: str, layer: Weighted) -> float:
    """The program's default: Glorot for linear layers, He for convolutions."""
    return glorot(layer) if isinstance(layer, nn.Linear) else he(layer)


def he_branches(path: str, layer: Weighted) -> float:
    """He for the convolutions of residual branches, Glorot for the rest."""
    return he(layer) if ".branch." in path else glorot(layer)
