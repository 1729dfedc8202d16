"""Layers that several families share, and tables of layers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, cast

import torch
from torch import nn

from gancross.errors import unknown_name

Normalization = Literal["batch", "layer", "none", "spectral", "spectral-batch"]
Activation = Literal["relu", "leaky-relu", "tanh"]

Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d

LEAK = 0.2
EPSILON = 1e-5

T = TypeVar("T")


class Tanh(nn.Tanh):
    """tanh, on a CPU as 2σ(2h) − 1, within two units in the last place of 1.

    `torch.tanh` costs as much as a whole 128×128 layer where torch calls a vector library that does not
    support the processor; σ does not.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Elementwise, in [−1, 1]."""
        if not cpu_path_applies(input):
            return super().forward(input)
        if not torch.is_grad_enabled():
            return _FastTanh.forward(input)
        return cast(torch.Tensor, _FastTanh.apply(input))


class _FastTanh(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(h: torch.Tensor) -> torch.Tensor:
        return (2 * h).sigmoid_().mul_(2).sub_(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (y,) = ctx.saved_tensors
        return cast(torch.Tensor, torch.ops.aten.tanh_backward(gradient, y))


def cpu_path_applies(tensor: torch.Tensor) -> bool:
    """Whether a layer may take its faster path: the tensor is on a CPU, and nothing traces the layer.

    Under autocast torch's own kernels run, which choose and convert their inputs' types.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return tensor.device.type == "cpu" and not traced and not torch.is_autocast_enabled("cpu")


def _batch_norm(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.1)]


# Of the activations; `spectral_norm.normalize_weights` adds that of the weights.
NORMALIZATIONS: dict[str, Callable[[int], list[nn.Module]]] = {
    "batch": _batch_norm,
    "layer": lambda channels: [nn.GroupNorm(1, channels, eps=EPSILON)],
    "none": lambda channels: [],
    "spectral": lambda channels: [],
    "spectral-batch": _batch_norm,
}

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(LEAK),
    "tanh": Tanh,
}


def choice(argument: str, value: str, choices: Mapping[str, T]) -> T:
    """The entry that a string argument names.

    Raises:
        UsageError: there is none; names the argument and the valid values.
    """
    if value not in choices:
        raise unknown_name(argument, value, choices)
    return choices[value]


def normalize(channels: int, normalization: str) -> list[nn.Module]:
    """The normalization of (N, channels, H, W), as a list of one layer or none.

    `batch`: batch norm, running averages x̄ ← 0.9·x̄ + 0.1·x. `layer`: mean and variance of each sample
    over (C, H, W), then scale and bias per channel, as in WGAN-GP's critic: group norm with one group.
    `spectral` normalizes weights only, `spectral-batch` weights and activations. Errors as of `choice`.
    """
    return choice("normalization", normalization, NORMALIZATIONS)(channels)


def activate(activation: str) -> nn.Module:
    """The hidden nonlinearity of that name; errors as of `choice`."""
    return choice("activation", activation, ACTIVATIONS)()


class Gate(nn.Module):
    """σ(a)·tanh(b), a the even and b the odd channels: (N, 2C, H, W) → (N, C, H, W)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Multiplies the gates by the values."""
        return torch.sigmoid(features[:, 0::2]) * torch.tanh(features[:, 1::2])


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The features times the factor."""
        return self.factor * features


class SpatialSum(nn.Module):
    """Sum over the positions of each channel: (N, C, H, W) → (N, C)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Global sum pooling."""
        return features.sum((2, 3))


class ResidualSum(nn.Module):
    """shortcut(x) + branch(x)."""

    def __init__(self, *, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of both paths."""
        return cast(torch.Tensor, self.shortcut(features) + self.branch(features))
