"""Layers of a piecewise-linear network, each as three passes with frozen masks (see `closed_form`).

The list at the end is strict: a layer of any other type, a subclass included, or one that carries hooks,
is refused, because it might compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.dcgan import DCGANDiscriminator
from gancross.models.layers import Scale
from gancross.models.mlp import MLP
from gancross.models.resnet import ResidualBlock, ResNetDiscriminator

aten = torch.ops.aten
GRADIENT_OF_INPUT, GRADIENT_OF_WEIGHT = [True, False, False], [False, True, False]


class Piece(Protocol):
    """One layer between the passes of one update. φ is the sum of the network's scores."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """The layer's output; keeps what the other passes need."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        """∂φ/∂output → ∂φ/∂input."""

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        """The forward pass of z with the masks of h and biases times c; adds to the weights' `grad`."""


class Convolution:
    """`nn.Conv2d` with zero padding."""

    def __init__(self, layer: nn.Conv2d) -> None:
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise UsageError(f"closed form: Conv2d with padding {layer.padding!r}, {layer.padding_mode}")
        self._layer = layer
        self._geometry = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return cast(torch.Tensor, aten.convolution(h, self._layer.weight, self._layer.bias, *self._geometry))

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return cast(torch.Tensor, self._gradients(self._h, GRADIENT_OF_INPUT)[0])

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        weight, bias = self._layer.weight, self._layer.bias
        accumulate(weight, self._gradients(z, GRADIENT_OF_WEIGHT)[1])
        out: torch.Tensor = aten.convolution(z, weight, None, *self._geometry)
        if bias is not None:
            accumulate(bias, c_N @ self._g.sum((2, 3)))
            out += (c_N[:, None] * bias)[:, :, None, None]
        return out

    def _gradients(self, inputs: torch.Tensor, wanted: list[bool]) -> Any:
        return aten.convolution_backward(self._g, inputs, self._layer.weight, None, *self._geometry, wanted)


class Linear:
    """`nn.Linear` on vectors."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(h, self._layer.weight, self._layer.bias)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return g @ self._layer.weight

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        weight, bias = self._layer.weight, self._layer.bias
        accumulate(weight, self._g.t() @ z)
        if bias is None:
            return z @ weight.t()
        accumulate(bias, c_N @ self._g)
        return torch.addmm(c_N[:, None] * bias, z, weight.t())


class Rectifier:
    """`nn.ReLU` and `nn.LeakyReLU`: multiplication by 1 or the slope, as the sign of h says."""

    def __init__(self, layer: nn.ReLU | nn.LeakyReLU) -> None:
        self._slope = layer.negative_slope if isinstance(layer, nn.LeakyReLU) else 0.0

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return nn.functional.leaky_relu(h, self._slope) if self._slope else torch.relu(h)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self._masked(g)

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return self._masked(z)

    def _masked(self, values: torch.Tensor) -> torch.Tensor:
        if self._slope:
            return cast(torch.Tensor, aten.leaky_relu_backward(values, self._h, self._slope, False))
        return cast(torch.Tensor, aten.threshold_backward(values, self._h, 0))


class AveragePool:
    """`nn.AvgPool2d`."""

    def __init__(self, layer: nn.AvgPool2d) -> None:
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._input = h
        return cast(torch.Tensor, self._layer(h))

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        pool = self._layer
        geometry = (pool.kernel_size, pool.stride, pool.padding)
        square = [[size, size] if isinstance(size, int) else size for size in geometry]
        rest = (pool.ceil_mode, pool.count_include_pad, pool.divisor_override)
        return cast(torch.Tensor, aten.avg_pool2d_backward(g, self._input, *square, *rest))

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self._layer(z))


class MaxPool:
    """`nn.MaxPool2d`: the places of h's maxima are its mask."""

    def __init__(self, layer: nn.MaxPool2d) -> None:
        if layer.return_indices:
            raise UsageError("closed form: MaxPool2d that returns indices")
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        pool = self._layer
        self._shape = h.shape
        out, self._places = nn.functional.max_pool2d(
            h, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, True
        )
        return out

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        zeros = g.new_zeros(self._shape).flatten(2)
        return zeros.scatter_add_(2, self._places.flatten(2), g.flatten(2)).reshape(self._shape)

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return z.flatten(2).gather(2, self._places.flatten(2)).reshape(self._places.shape)


class Reshape:
    """`nn.Flatten` and `nn.Unflatten`."""

    def __init__(self, layer: nn.Flatten | nn.Unflatten) -> None:
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._shape = h.shape
        return cast(torch.Tensor, self._layer(h))

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g.reshape(self._shape)

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self._layer(z))


class Multiple:
    """`Scale`: multiplication by a constant."""

    def __init__(self, layer: Scale) -> None:
        self._factor = layer.factor

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self._factor * h

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self._factor * g

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return self._factor * z


class Chain:
    """`nn.Sequential`, and the discriminators that are one."""

    def __init__(self, layer: nn.Sequential) -> None:
        self._pieces = [piece(part) for part in layer]

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        for one in self._pieces:
            h = one.forward(h)
        return h

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        for one in reversed(self._pieces):
            g = one.backward(g)
        return g

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        for one in self._pieces:
            z = one.again(z, c_N)
        return z


class Sum:
    """`ResidualBlock`: shortcut(x) + branch(x)."""

    def __init__(self, layer: ResidualBlock) -> None:
        self._ways = piece(layer.shortcut), piece(layer.branch)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        shortcut, branch = (way.forward(h) for way in self._ways)
        return shortcut + branch

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        shortcut, branch = (way.backward(g) for way in self._ways)
        return shortcut + branch

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        shortcut, branch = (way.again(z, c_N) for way in self._ways)
        return shortcut + branch


PIECES: dict[type[nn.Module], Callable[[Any], Piece]] = {
    nn.Conv2d: Convolution,
    nn.Linear: Linear,
    nn.ReLU: Rectifier,
    nn.LeakyReLU: Rectifier,
    nn.AvgPool2d: AveragePool,
    nn.MaxPool2d: MaxPool,
    nn.Flatten: Reshape,
    nn.Unflatten: Reshape,
    Scale: Multiple,
    ResidualBlock: Sum,
    nn.Sequential: Chain,
    DCGANDiscriminator: Chain,
    ResNetDiscriminator: Chain,
    MLP: Chain,
}


def piece(layer: nn.Module) -> Piece:
    """The piece that stands for a layer.

    Raises:
        UsageError: the layer is not on the list, or has hooks.
    """
    if type(layer) not in PIECES:
        raise UsageError(f"closed form: {type(layer).__name__} is not a piecewise-linear layer on its list")
    if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
        raise UsageError(f"closed form: {type(layer).__name__} has hooks")
    return PIECES[type(layer)](layer)


def accumulate(parameter: torch.Tensor, gradient: torch.Tensor) -> None:
    """Adds to a parameter's `grad`, as a backward pass does; frozen parameters keep none."""
    if not parameter.requires_grad:
        return
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
