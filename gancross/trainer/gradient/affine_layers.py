"""Layers that are affine within a linear region, each with the passes of `passes.AffineLayerPasses`.

Legend: h input, y output, g = ∂φ/∂y, t = ḣ, q = ∂L/∂y, z as in `closed_form`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancross.errors import UsageError
from gancross.models.image_convolutions import conv_transpose, fast_path_applies

aten = torch.ops.aten
FEW_INPUTS = 16  # up to which matrix products are several times faster with transposed operands
GRADIENT_OF_INPUT, GRADIENT_OF_WEIGHT = [True, False, False], [False, True, False]


class AffineLayer:
    """Common base: neither smooth nor coupled."""

    smooth = False
    coupled = False


class Convolution(AffineLayer):
    """`nn.Conv2d` with zero padding."""

    def __init__(self, layer: nn.Conv2d) -> None:
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise UsageError(f"closed form: unsupported padding {layer.padding!r}, {layer.padding_mode}")
        self._layer = layer
        self._geometry = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return self._convolve(h, self._layer.bias)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return cast(torch.Tensor, self._gradients(g, self._h, GRADIENT_OF_INPUT)[0])

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        bias = self._layer.bias
        accumulate(self._layer.weight, self._gradients(self._g, z, GRADIENT_OF_WEIGHT)[1])
        out = self._convolve(z, None)
        if bias is not None:
            accumulate(bias, c_N @ self._g.sum((2, 3)))
            out += (c_N[:, None] * bias)[:, :, None, None]
        return out

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        self._t = t
        return self._convolve(t, None)

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        weight, bias = self._layer.weight, self._layer.bias
        mask = [not first, True, bias is not None]
        grad_input, grad_weight, grad_bias = self._gradients(q, self._h, mask)
        grad_weight += self._gradients(self._g, self._t, GRADIENT_OF_WEIGHT)[1]
        accumulate(weight, grad_weight)
        if bias is not None:
            accumulate(bias, grad_bias)
        return q if first else grad_input

    def _convolve(self, inputs: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return cast(torch.Tensor, aten.convolution(inputs, self._layer.weight, bias, *self._geometry))

    def _gradients(self, gradient: torch.Tensor, inputs: torch.Tensor, output_mask: list[bool]) -> Any:
        weight = self._layer.weight
        sizes = [len(weight)] if output_mask[2] else None
        return aten.convolution_backward(gradient, inputs, weight, sizes, *self._geometry, output_mask)


class ImageConvolution(Convolution):
    """`ImageConv2d`, with its faster gradient of the images."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        even = not (self._h.shape[-1] % 2 or self._h.shape[-2] % 2)
        if not even or not fast_path_applies(g, self._layer.in_channels):
            return super().backward(g)
        self._g = g
        return conv_transpose(g, self._layer.weight)


class Linear(AffineLayer):
    """`nn.Linear` on vectors."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer
        self._few_inputs = layer.in_features <= FEW_INPUTS

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return nn.functional.linear(h, self._layer.weight, self._layer.bias)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return self._back(g)

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        weight, bias = self._layer.weight, self._layer.bias
        accumulate(weight, self._outer(self._g, z))
        if bias is None:
            return z @ weight.t()
        accumulate(bias, c_N @ self._g)
        return torch.addmm(c_N[:, None] * bias, z, weight.t())

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        self._t = t
        return t @ self._layer.weight.t()

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        accumulate(self._layer.weight, self._outer(q, self._h).add_(self._outer(self._g, self._t)))
        if self._layer.bias is not None:
            accumulate(self._layer.bias, q.sum(0))
        return q if first else self._back(q)

    def _back(self, g: torch.Tensor) -> torch.Tensor:
        weight = self._layer.weight
        return nn.functional.linear(g, weight.t().contiguous()) if self._few_inputs else g @ weight

    def _outer(self, g: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Σ g ⊗ h over the samples."""
        return (h.t() @ g).t().contiguous() if self._few_inputs else g.t() @ h


class FrozenBatchNorm(AffineLayer):
    """Batch norm in evaluation mode: y = w·r(h − μ) + b per channel, r = (σ² + ε)^(−½), of averages."""

    def __init__(self, layer: _BatchNorm) -> None:
        if not layer.affine or layer.running_mean is None or layer.running_var is None:
            raise UsageError("closed form: unsupported batch norm: no scale or no running averages")
        self._layer = layer
        self._mean, self._r = layer.running_mean, (layer.running_var + layer.eps).rsqrt()

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        self._h = h
        return nn.functional.batch_norm(
            h, layer.running_mean, layer.running_var, layer.weight, layer.bias, False, 0.0, layer.eps
        )

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return self.tangent(g)

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        layer = self._layer
        c = c_N.reshape(-1, *[1] * (z.ndim - 1))
        shifted = torch.addcmul(z, c, self._per_channel(self._mean), value=-1)
        accumulate(layer.weight, self._r * self._sum(self._g * shifted))
        accumulate(layer.bias, self._sum(c * self._g))
        return self.tangent(shifted) + c * self._per_channel(layer.bias)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        self._t = t
        return t * self._per_channel(self._layer.weight * self._r)

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        product = (q * (self._h - self._per_channel(self._mean))).addcmul_(self._g, self._t)
        accumulate(self._layer.weight, self._r * self._sum(product))
        accumulate(self._layer.bias, self._sum(q))
        return q * self._per_channel(self._layer.weight * self._r)

    def _per_channel(self, values_C: torch.Tensor) -> torch.Tensor:
        return values_C.reshape(-1, *[1] * (self._h.ndim - 2))

    def _sum(self, values: torch.Tensor) -> torch.Tensor:
        return values.sum([dim for dim in range(values.ndim) if dim != 1])


def accumulate(parameter: torch.Tensor, gradient: torch.Tensor) -> None:
    """Adds to a parameter's `grad`, as a backward pass does; frozen parameters get none.

    `grad` gets the parameter's strides, as autograd does it: fused optimizers traverse both in memory order,
    so that a channels-last gradient would update the wrong weights.
    """
    if not parameter.requires_grad:
        return
    if parameter.grad is None:
        same_layout = gradient.stride() == parameter.stride()
        parameter.grad = gradient if same_layout else torch.empty_like(parameter).copy_(gradient)
    else:
        parameter.grad.add_(gradient)
