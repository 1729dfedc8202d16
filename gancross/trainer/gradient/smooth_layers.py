"""Smooth layers, each with the passes of `passes.LayerPasses`: their Jacobians depend on the input.

Legend: h input, y output, u = ∂φ/∂y, v = ∂φ/∂h, t = ḣ, q = ∂L/∂y; C channels. Piecewise-linear
layers lack the term ∂(u·ẏ)/∂h, with u held constant.

The paper's own networks have tanh or batch norm; benchmarks/README.md measures what their regularized step
costs in closed form and by double backward.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancross.errors import UsageError
from gancross.trainer.gradient.affine_layers import accumulate

aten = torch.ops.aten


class HyperbolicTangent:
    """tanh: y' = 1 − y², so ∂(u·ẏ)/∂h = −2y·v·ḣ."""

    smooth = True
    coupled = False

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._y = cast(torch.Tensor, self._layer(h))
        return self._y

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._v: torch.Tensor = self._times_slope(g)
        return self._v

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        self._t = t
        return self._times_slope(t)

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        return self._times_slope(q).addcmul_(self._y * self._v, self._t, value=-2)

    def _times_slope(self, values: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, aten.tanh_backward(values, self._y))


class BatchNorm:
    """Batch norm by batch statistics: y = w·x̂ + b, x̂ = r(h − μ), r = (σ² + ε)^(−½), per channel of m values.

    Its Jacobian w·r·P, P = I − 11ᵀ/m − x̂x̂ᵀ/m, is symmetric, so one kernel serves backward and tangent:

        v = w r P u,   s = r P ḣ,   ẏ = w s
        ∂(u·ẏ)/∂h = −(r/m) [ w(u·s) x̂ + (x̂·ḣ) v + (x̂·u) ẏ ],   ∂(u·ẏ)/∂w = u·s
    """

    smooth = True
    coupled = True

    def __init__(self, layer: _BatchNorm) -> None:
        if not layer.affine or layer.momentum is None or not layer.training:
            raise UsageError("closed form: unsupported batch norm: no scale, momentum or batch statistics")
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        if h.numel() == h.shape[1]:
            raise UsageError(
                "batch norm needs more than one value per channel, got one: use a larger batch_size"
            )
        self._h = h
        averages: tuple[torch.Tensor | None, ...] = (None, None)
        if layer.track_running_stats:
            assert layer.num_batches_tracked is not None
            layer.num_batches_tracked.add_(1)
            averages = layer.running_mean, layer.running_var
        y, self._mean, self._r = aten.native_batch_norm(
            h, layer.weight, layer.bias, *averages, True, layer.momentum, layer.eps
        )
        return cast(torch.Tensor, y)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._u = g
        self._v: torch.Tensor
        self._v, self._x_u, _ = self._apply_jacobian(g, self._layer.weight, [True, True, False])
        return self._v

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        s, self._x_t, _ = self._apply_jacobian(t, None, [True, True, False])
        dims = [dim for dim in range(t.ndim) if dim != 1]
        self._u_s = (self._u * s).sum(dims)
        self._dy = cast(torch.Tensor, s.mul_(self._per_channel(self._layer.weight)))
        return self._dy

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        layer, r = self._layer, self._r
        grad_input, grad_weight, grad_bias = self._apply_jacobian(q, layer.weight, [True, True, True])
        accumulate(layer.weight, grad_weight + self._u_s)
        accumulate(layer.bias, grad_bias)
        factor = -r / (self._h.numel() // self._h.shape[1])
        along_x = factor * r * layer.weight * self._u_s  # of h − μ
        grad_input.addcmul_(self._per_channel(factor * self._x_t), self._v)
        grad_input.addcmul_(self._per_channel(factor * self._x_u), self._dy)
        grad_input.addcmul_(self._per_channel(along_x), self._h)
        return cast(torch.Tensor, grad_input.sub_(self._per_channel(along_x * self._mean)))

    def _apply_jacobian(self, values: torch.Tensor, weight: torch.Tensor | None, mask: list[bool]) -> Any:
        """weight·r·P·values, x̂·values and Σ values, those that the mask selects."""
        return aten.native_batch_norm_backward(
            values, self._h, weight, None, None, self._mean, self._r, True, self._layer.eps, mask
        )

    def _per_channel(self, values_C: torch.Tensor) -> torch.Tensor:
        return values_C.reshape(-1, *[1] * (self._h.ndim - 2))
