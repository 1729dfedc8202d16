"""Operations outside of layers, with the passes of `passes.LayerPasses`: arithmetic, pooling, reshaping.

`OPERATIONS` names every function and method of a traced network that the closed form knows. Each entry gets
the arguments after the tensor that depends on the samples. Tensors among them depend on parameters and labels
alone; the passes add to their `grad`.

Legend: h input, g = ∂φ/∂y, t = ḣ, q = ∂L/∂y, z and c as in `closed_form`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from gancross.errors import UsageError
from gancross.trainer.gradient import affine_layers
from gancross.trainer.gradient.affine_layers import AffineLayer, accumulate
from gancross.trainer.gradient.parameter_free_layers import LinearMap, Reshape, Scaling
from gancross.trainer.gradient.passes import LayerPasses, layer_passes

Operation = Callable[..., LayerPasses]


class LinearFunction(LinearMap):
    """A function that is linear in h; autograd gives its transpose."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            self._h = h.detach().requires_grad_(True)
            self._y = self.tangent(self._h)
        return self._y.detach()

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        (gradient,) = torch.autograd.grad(self._y, self._h, g, retain_graph=True)
        return gradient


class Multiplication(AffineLayer):
    """y = h∘T: T of the shape of h, one per sample included, or of a shape that broadcasts to it."""

    def __init__(self, factor: torch.Tensor) -> None:
        self._factor = factor

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        return same_shape(h * self._factor, h)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return g * self._factor

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        if self._factor.requires_grad:
            accumulate(self._factor, (self._g * z).sum_to_size(self._factor.shape))
        return z * self._factor

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        self._t = t
        return t * self._factor

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        if self._factor.requires_grad:
            product = (q * self._h).addcmul_(self._g, self._t)
            accumulate(self._factor, product.sum_to_size(self._factor.shape))
        return q * self._factor


class Addition(AffineLayer):
    """y = sign·h + factor·T, sign ±1, T as in `Multiplication` or a number."""

    def __init__(self, summand: torch.Tensor | float, *, factor: float = 1, sign: int = 1) -> None:
        self._summand, self._factor, self._sign = summand, factor, sign

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return same_shape(self.tangent(h) + self._factor * self._summand, h)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self._g = g
        return self.tangent(g)

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        c = c_N.reshape(-1, *[1] * (z.ndim - 1))
        self._accumulate(c * self._g)
        return self.tangent(z) + c * (self._factor * self._summand)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return t if self._sign > 0 else -t

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        self._accumulate(q)
        return self.tangent(q)

    def _accumulate(self, gradient: torch.Tensor) -> None:
        if isinstance(self._summand, torch.Tensor) and self._summand.requires_grad:
            accumulate(self._summand, self._factor * gradient.sum_to_size(self._summand.shape))


def same_shape(result: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """The result, unless h was broadcast.

    Raises:
        UsageError: it was.
    """
    if result.shape != h.shape:
        raise UsageError("closed form: unsupported broadcasting of what depends on the samples")
    return result


def linear(function: Callable[..., torch.Tensor]) -> Operation:
    """A function that is linear in its first argument, whatever the others are."""
    return lambda *args, **kwargs: LinearFunction(cast(Any, lambda h: function(h, *args, **kwargs)))


def reshaped(*sizes: Any, shape: Any = None) -> LayerPasses:
    """`view` and `reshape`."""
    new = shape if shape is not None else sizes[0] if len(sizes) == 1 else sizes
    if isinstance(new, torch.dtype):
        raise UsageError("closed form: unsupported view as another type")
    return Reshape(cast(Any, lambda h: h.reshape(new)))


def multiplied(other: Any) -> LayerPasses:
    """h·other."""
    return Multiplication(other) if isinstance(other, torch.Tensor) else scaled(other)


def scaled(factor: float) -> LayerPasses:
    """h times a number."""
    return Scaling(cast(Any, lambda h: h * factor))


def divided(other: Any, **kwargs: Any) -> LayerPasses:
    """h/other, by numbers only."""
    if kwargs.get("rounding_mode") is not None or isinstance(other, torch.Tensor):
        raise UsageError("closed form: unsupported division")
    return Scaling(cast(Any, lambda h: h / other))


def convolved(
    weight: torch.Tensor, bias: torch.Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> LayerPasses:  # fmt: skip
    """`torch.nn.functional.conv2d`."""
    if padding == "same":
        steps = (dilation, dilation) if isinstance(dilation, int) else dilation
        totals = [step * (size - 1) for step, size in zip(steps, weight.shape[2:], strict=True)]
        if any(total % 2 for total in totals):
            raise UsageError("closed form: unsupported padding of one side more than of the other")
        padding = tuple(total // 2 for total in totals)
    geometry = {"stride": stride, "padding": 0 if padding == "valid" else padding, "dilation": dilation}
    pairs = {key: (value, value) if isinstance(value, int) else value for key, value in geometry.items()}
    layer = SimpleNamespace(weight=weight, bias=bias, padding_mode="zeros", groups=groups, **pairs)
    return affine_layers.Convolution(cast(Any, layer))


def affine(weight: torch.Tensor, bias: torch.Tensor | None = None) -> LayerPasses:
    """`torch.nn.functional.linear`."""
    return affine_layers.Linear(
        cast(Any, SimpleNamespace(weight=weight, bias=bias, in_features=weight.shape[1]))
    )


def padded(pad: Any, mode: str = "constant", value: float | None = None) -> LayerPasses:
    """`torch.nn.functional.pad`, linear where it pads with zeros or with values of h."""
    if mode == "constant" and value:
        raise UsageError(f"closed form: unsupported padding by {value}")
    return linear(functional.pad)(pad, mode=mode)


def dropped(p: float = 0.5, training: bool = True, inplace: bool = False) -> LayerPasses:
    """Dropout in evaluation mode: the identity."""
    if training and p:
        raise UsageError("closed form: unsupported dropout in training mode")
    return Reshape(cast(Any, lambda h: h))


def as_layer(layer: Callable[..., nn.Module]) -> Operation:
    """A function that a layer computes, with the layer's arguments."""
    return lambda *args, **kwargs: layer_passes(layer(*args, **kwargs))


def leaky(negative_slope: float = 0.01, inplace: bool = False) -> LayerPasses:
    """`torch.nn.functional.leaky_relu`."""
    return layer_passes(nn.LeakyReLU(negative_slope))


def rectified(inplace: bool = False) -> LayerPasses:
    """`relu` in all its forms."""
    return layer_passes(nn.ReLU())


SMOOTH: tuple[object, ...] = (torch.tanh, functional.tanh, "tanh", "tanh_")
IN_PLACE: tuple[object, ...] = (
    operator.iadd, operator.isub, operator.imul, operator.itruediv, torch.relu_, functional.leaky_relu_,
)  # fmt: skip
LINEAR_METHODS = (
    "mean", "sum", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "clone", "neg", "flatten",
    "unflatten",
)  # fmt: skip
LINEAR_FUNCTIONS: tuple[Any, ...] = (
    torch.mean, torch.sum, torch.squeeze, torch.unsqueeze, torch.permute, torch.transpose, torch.flatten,
    torch.unflatten, torch.neg, torch.clone, operator.neg, operator.getitem, functional.adaptive_avg_pool2d,
    functional.interpolate, functional.pixel_shuffle, functional.pixel_unshuffle, functional.avg_pool2d,
)  # fmt: skip
OPERATIONS: dict[object, Operation] = {
    **{function: linear(function) for function in LINEAR_FUNCTIONS},
    **{name: linear(getattr(torch.Tensor, name)) for name in LINEAR_METHODS},
    **dict.fromkeys((torch.reshape, "reshape", "view"), reshaped),
    **dict.fromkeys((torch.relu, torch.relu_, functional.relu, "relu", "relu_"), rectified),
    **dict.fromkeys((functional.leaky_relu, functional.leaky_relu_), leaky),
    **dict.fromkeys(SMOOTH, as_layer(nn.Tanh)),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), multiplied),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div, "div", "div_"), divided),
    functional.max_pool2d: as_layer(nn.MaxPool2d),
    functional.conv2d: convolved,
    torch.conv2d: convolved,
    functional.linear: affine,
    functional.pad: padded,
    functional.dropout: dropped,
    functional.dropout2d: dropped,
}
ADDITIONS: tuple[object, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")
SUBTRACTIONS: tuple[object, ...] = (operator.sub, operator.isub, torch.sub, "sub", "sub_")
MULTIPLICATIONS: tuple[object, ...] = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
