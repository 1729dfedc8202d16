"""Layers without parameters that are affine within a linear region, with the passes of `AffineLayerPasses`.

Legend: h input, y output, g = ∂φ/∂y, t = ḣ, q = ∂L/∂y, z as in `closed_form`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.trainer.gradient.affine_layers import AffineLayer

aten = torch.ops.aten


class ParameterFree(AffineLayer):
    """A layer without parameters: linear in its input once h has set the mask, and symmetric by default."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return self.backward(t)

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        return self.tangent(z)

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        return self.backward(q)


class Rectifier(ParameterFree):
    """`nn.ReLU` and `nn.LeakyReLU`: multiplication by 1 where h > 0, by the slope elsewhere."""

    def __init__(self, layer: nn.ReLU | nn.LeakyReLU) -> None:
        self._slope = layer.negative_slope if isinstance(layer, nn.LeakyReLU) else 0.0

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return nn.functional.leaky_relu(h, self._slope) if self._slope else torch.relu(h)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        if self._slope:
            return cast(torch.Tensor, aten.leaky_relu_backward(g, self._h, self._slope, False))
        return cast(torch.Tensor, aten.threshold_backward(g, self._h, 0))


class LinearMap(ParameterFree):
    """A layer that is linear everywhere."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer: Any = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return self.tangent(h)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self._layer(t))


class AveragePool(LinearMap):
    """`nn.AvgPool2d`."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        pool = self._layer
        geometry = (pool.kernel_size, pool.stride, pool.padding)
        square = [[size, size] if isinstance(size, int) else size for size in geometry]
        options = (pool.ceil_mode, pool.count_include_pad, pool.divisor_override)
        return cast(torch.Tensor, aten.avg_pool2d_backward(g, self._h, *square, *options))


class Reshape(LinearMap):
    """`nn.Flatten` and `nn.Unflatten`."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g.reshape(self._h.shape)


class SpatialSum(LinearMap):
    """`SpatialSum`: every position of a channel gets the gradient of its sum."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g[:, :, None, None].expand(self._h.shape)


class Scaling(LinearMap):
    """`Scale`: multiplication by a constant."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self.tangent(g)


class Identity(ParameterFree):
    """`nn.Identity`, and dropout in evaluation mode."""

    def __init__(self, layer: nn.Module) -> None:
        if layer.training and getattr(layer, "p", None):
            raise UsageError(f"closed form: unsupported {type(layer).__name__} in training mode")

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g


class MaxPool(ParameterFree):
    """`nn.MaxPool2d`: the indices of h's maxima are its mask."""

    def __init__(self, layer: nn.MaxPool2d) -> None:
        if layer.return_indices:
            raise UsageError("closed form: unsupported MaxPool2d(return_indices=True)")
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        pool = self._layer
        self._shape = h.shape
        out, self._indices = nn.functional.max_pool2d(
            h, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, True
        )
        return out

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        zeros = g.new_zeros(self._shape).flatten(2)
        return zeros.scatter_add_(2, self._indices.flatten(2), g.flatten(2)).reshape(self._shape)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return t.flatten(2).gather(2, self._indices.flatten(2)).reshape(self._indices.shape)
