"""The passes of `closed_form` through a network: protocol, composition, table of supported layers.

The table at the end matches exact types: a layer of any other type, subclasses included, or one with hooks
is refused, because it might compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancross.errors import UsageError
from gancross.models.conditional_dcgan import ACGANDiscriminator
from gancross.models.dcgan import DCGANDiscriminator
from gancross.models.image_convolutions import ImageConv2d
from gancross.models.layers import ResidualSum, Scale, SpatialSum, Tanh
from gancross.models.mlp import MLP
from gancross.models.r3gan import R3GANDiscriminator
from gancross.models.resnet import (
    BRANCH_FACTOR,
    BottleneckBlock,
    ResidualBlock,
    ResNet101Discriminator,
    ResNetDiscriminator,
)
from gancross.models.sngan import ResNet32Discriminator, SNGANDiscriminator
from gancross.trainer.gradient import affine_layers, parameter_free_layers, smooth_layers


class LayerPasses(Protocol):
    """The passes of one layer in one update. φ is the sum of the network's scores, h the layer's input.

    Attributes:
        smooth: whether the layer is smooth and not piecewise linear, so that its Jacobian depends on h.
        coupled: whether a sample's output depends on other samples of its batch.
    """

    smooth: bool
    coupled: bool

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h → y; stores what the other passes need."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        """∂φ/∂y → ∂φ/∂h."""

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        """ḣ → ẏ = (∂y/∂h)·ḣ."""

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        """∂L/∂y → ∂L/∂h where L is a function of the scores plus φ̇; adds to the parameters' `grad`.

        ∂φ̇/∂ẏ is the argument of `backward`. The `first` layer's result is not used.
        """


class AffineLayerPasses(LayerPasses, Protocol):
    """The passes of a layer that is affine within a linear region."""

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        """The forward pass of z with the masks of h and biases times c; adds to the parameters' `grad`."""


class Sequential:
    """`nn.Sequential`, and the discriminators derived from it."""

    def __init__(self, layer: nn.Sequential) -> None:
        self._layers = [layer_passes(child) for child in layer]
        self.smooth = any(child.smooth for child in self._layers)
        self.coupled = any(child.coupled for child in self._layers)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        for child in self._layers:
            h = child.forward(h)
        return h

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        for child in reversed(self._layers):
            g = child.backward(g)
        return g

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        for child in self._layers:
            z = cast(AffineLayerPasses, child).masked_forward(z, c_N)
        return z

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        for child in self._layers:
            t = child.tangent(t)
        return t

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        for child in reversed(self._layers):
            q = child.adjoint(q, first=first and child is self._layers[0])
        return q


class Residual:
    """Residual blocks: shortcut(x) + factor·branch(x)."""

    def __init__(self, layer: ResidualSum | ResidualBlock | BottleneckBlock) -> None:
        self._shortcut, self._branch = layer_passes(layer.shortcut), layer_passes(layer.branch)
        self._factor = BRANCH_FACTOR if isinstance(layer, BottleneckBlock) else 1.0
        self.smooth = self._shortcut.smooth or self._branch.smooth
        self.coupled = self._shortcut.coupled or self._branch.coupled

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self._sum(self._shortcut.forward(h), self._branch.forward(h))

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self._shortcut.backward(g) + self._branch.backward(self._scaled(g))

    def masked_forward(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        shortcut, branch = (
            cast(AffineLayerPasses, path).masked_forward(z, c_N) for path in (self._shortcut, self._branch)
        )
        return self._sum(shortcut, branch)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return self._sum(self._shortcut.tangent(t), self._branch.tangent(t))

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        shortcut = self._shortcut.adjoint(q, first=first)
        branch = self._branch.adjoint(self._scaled(q), first=first)
        return q if first else shortcut + branch

    def _sum(self, shortcut: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
        return torch.add(shortcut, branch, alpha=self._factor)

    def _scaled(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient if self._factor == 1.0 else self._factor * gradient


def batch_norm(layer: _BatchNorm) -> LayerPasses:
    """Batch norm by batch statistics, or in evaluation mode by running averages, where it is affine."""
    frozen = not layer.training and layer.running_mean is not None
    return affine_layers.FrozenBatchNorm(layer) if frozen else smooth_layers.BatchNorm(layer)


LAYER_PASSES: dict[type[nn.Module], Callable[[Any], LayerPasses]] = {
    nn.Conv2d: affine_layers.Convolution,
    ImageConv2d: affine_layers.ImageConvolution,
    nn.Linear: affine_layers.Linear,
    nn.ReLU: parameter_free_layers.Rectifier,
    nn.LeakyReLU: parameter_free_layers.Rectifier,
    nn.AvgPool2d: parameter_free_layers.AveragePool,
    nn.MaxPool2d: parameter_free_layers.MaxPool,
    nn.Flatten: parameter_free_layers.Reshape,
    nn.Unflatten: parameter_free_layers.Reshape,
    Scale: parameter_free_layers.Scaling,
    nn.Tanh: smooth_layers.HyperbolicTangent,
    Tanh: smooth_layers.HyperbolicTangent,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.Identity: parameter_free_layers.Identity,
    nn.Dropout: parameter_free_layers.Identity,
    nn.Dropout2d: parameter_free_layers.Identity,
    SpatialSum: parameter_free_layers.SpatialSum,
    ResidualSum: Residual,
    ResidualBlock: Residual,
    BottleneckBlock: Residual,
    nn.Sequential: Sequential,
    DCGANDiscriminator: Sequential,
    ACGANDiscriminator: lambda network: Sequential(network.judge),
    ResNetDiscriminator: Sequential,
    ResNet101Discriminator: Sequential,
    SNGANDiscriminator: Sequential,
    ResNet32Discriminator: Sequential,
    R3GANDiscriminator: Sequential,
    MLP: Sequential,
}


def layer_passes(layer: nn.Module) -> LayerPasses:
    """The passes of a layer.

    Raises:
        UsageError: the layer is not in `LAYER_PASSES`, or has hooks or a `forward` of its own.
    """
    if type(layer) not in LAYER_PASSES:
        raise UsageError(f"closed form: unsupported layer {type(layer).__name__}")
    hooks = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
    if hooks or "forward" in vars(layer):
        raise UsageError(f"closed form: unsupported hooks on {type(layer).__name__}")
    return LAYER_PASSES[type(layer)](layer)
