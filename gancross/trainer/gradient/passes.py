"""Networks as passes that are written out by hand (see `closed_form`): protocol, list, how layers join.

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
from gancross.models.image_convolutions import ImageConv2d
from gancross.models.layers import Scale, Tanh
from gancross.models.mlp import MLP
from gancross.models.resnet import ResidualBlock, ResNetDiscriminator
from gancross.models.resnet101 import BRANCH_FACTOR, BottleneckBlock, ResNet101Discriminator
from gancross.trainer.gradient import affine_layers as straight_pieces
from gancross.trainer.gradient import smooth_layers as curved_pieces


class Piece(Protocol):
    """One layer between the passes of one update. φ is the sum of the network's scores, h its input.

    Attributes:
        curved: whether the layer is smooth and not piecewise linear, so that its Jacobian moves with h.
        coupled: whether a sample's output depends on the others of its batch.
    """

    curved: bool
    coupled: bool

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """The layer's output y; keeps what the other passes need."""

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        """∂φ/∂y → ∂φ/∂h."""

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        """ḣ → ẏ = (∂y/∂h)·ḣ: how the output moves when the input does."""

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        """∂L/∂y → ∂L/∂h where L is a function of the scores plus φ̇; adds to the weights' `grad`.

        The derivative of φ̇ by ẏ is what `backward` was given. The `first` layer's result is not used.
        """


class StraightPiece(Piece, Protocol):
    """A layer that is affine within a linear region."""

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        """The forward pass of z with the masks of h and biases times c; adds to the weights' `grad`."""


class Chain:
    """`nn.Sequential`, and the discriminators that are one."""

    def __init__(self, layer: nn.Sequential) -> None:
        self._pieces = [piece(part) for part in layer]
        self.curved = any(one.curved for one in self._pieces)
        self.coupled = any(one.coupled for one in self._pieces)

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
            z = cast(StraightPiece, one).again(z, c_N)
        return z

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        for one in self._pieces:
            t = one.tangent(t)
        return t

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        for one in reversed(self._pieces):
            q = one.adjoint(q, first=first and one is self._pieces[0])
        return q


class Sum:
    """The residual blocks: shortcut(x) + factor·branch(x)."""

    def __init__(self, layer: ResidualBlock | BottleneckBlock) -> None:
        self._shortcut, self._branch = piece(layer.shortcut), piece(layer.branch)
        self._factor = BRANCH_FACTOR if isinstance(layer, BottleneckBlock) else 1.0
        self.curved = self._shortcut.curved or self._branch.curved
        self.coupled = self._shortcut.coupled or self._branch.coupled

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self._joined(self._shortcut.forward(h), self._branch.forward(h))

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return self._shortcut.backward(g) + self._branch.backward(self._damped(g))

    def again(self, z: torch.Tensor, c_N: torch.Tensor) -> torch.Tensor:
        ways = [cast(StraightPiece, way).again(z, c_N) for way in (self._shortcut, self._branch)]
        return self._joined(*ways)

    def tangent(self, t: torch.Tensor) -> torch.Tensor:
        return self._joined(self._shortcut.tangent(t), self._branch.tangent(t))

    def adjoint(self, q: torch.Tensor, *, first: bool) -> torch.Tensor:
        shortcut = self._shortcut.adjoint(q, first=first)
        branch = self._branch.adjoint(self._damped(q), first=first)
        return q if first else shortcut + branch

    def _joined(self, shortcut: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
        return torch.add(shortcut, branch, alpha=self._factor)

    def _damped(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient if self._factor == 1.0 else self._factor * gradient


PIECES: dict[type[nn.Module], Callable[[Any], Piece]] = {
    nn.Conv2d: straight_pieces.Convolution,
    ImageConv2d: straight_pieces.ImageConvolution,
    nn.Linear: straight_pieces.Linear,
    nn.ReLU: straight_pieces.Rectifier,
    nn.LeakyReLU: straight_pieces.Rectifier,
    nn.AvgPool2d: straight_pieces.AveragePool,
    nn.MaxPool2d: straight_pieces.MaxPool,
    nn.Flatten: straight_pieces.Reshape,
    nn.Unflatten: straight_pieces.Reshape,
    Scale: straight_pieces.Multiple,
    nn.Tanh: curved_pieces.HyperbolicTangent,
    Tanh: curved_pieces.HyperbolicTangent,
    nn.BatchNorm1d: curved_pieces.BatchNorm,
    nn.BatchNorm2d: curved_pieces.BatchNorm,
    ResidualBlock: Sum,
    BottleneckBlock: Sum,
    nn.Sequential: Chain,
    DCGANDiscriminator: Chain,
    ResNetDiscriminator: Chain,
    ResNet101Discriminator: Chain,
    MLP: Chain,
}


def piece(layer: nn.Module) -> Piece:
    """The piece that stands for a layer.

    Raises:
        UsageError: the layer is not on the list, or has hooks.
    """
    if type(layer) not in PIECES:
        raise UsageError(f"closed form: {type(layer).__name__} is not a layer on its list")
    if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
        raise UsageError(f"closed form: {type(layer).__name__} has hooks")
    return PIECES[type(layer)](layer)
