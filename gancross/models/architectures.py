"""Architectures: a network's name and plain arguments, and how a network comes from them."""

from __future__ import annotations

import inspect
import reprlib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import torch
from torch import nn

from gancross.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gancross.models.gated import GatedDiscriminator, GatedGenerator
from gancross.models.mlp import MLP, MLPGenerator
from gancross.models.resnet import ResNetDiscriminator, ResNetGenerator
from gancross.models.resnet101 import ResNet101Discriminator, ResNet101Generator

Argument = int | str | tuple[int, ...]

LARGEST_ARGUMENT = 1 << 16  # far beyond any sensible width; keeps a hostile file from exhausting memory
LONGEST_ARGUMENT = 64
IMAGE_SIZE = 64  # of the families that have one size only
_BUILT_FROM = "built_from"  # attribute of a network, for `architecture_of`


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's name in `BUILDERS` and its arguments: all that is needed to build it again."""

    name: str
    arguments: dict[str, Argument]


class Network(Protocol):
    """What a builder returns: an `nn.Module` that can draw its own initial weights."""

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""


BUILDERS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "mlp-generator": MLPGenerator,
    "dcgan-generator": DCGANGenerator,
    "dcgan-discriminator": DCGANDiscriminator,
    "gated-generator": GatedGenerator,
    "gated-discriminator": GatedDiscriminator,
    "resnet-generator": ResNetGenerator,
    "resnet-discriminator": ResNetDiscriminator,
    "resnet101-generator": ResNet101Generator,
    "resnet101-discriminator": ResNet101Discriminator,
}


def skeleton(architecture: Architecture) -> nn.Module:
    """The network without storage (meta device): shapes can be read, weights assigned.

    Costs no memory whatever the arguments say, so that a checkpoint's claims can be checked first.

    Raises:
        ValueError: unknown name, or arguments that the builder does not take.
    """
    if architecture.name not in BUILDERS:
        raise ValueError(f"unknown architecture '{architecture.name}'")
    builder = BUILDERS[architecture.name]
    try:
        inspect.signature(builder).bind(**architecture.arguments)
    except TypeError as error:
        raise ValueError(f"architecture '{architecture.name}': {error}") from None
    hints = typing.get_type_hints(builder.__init__)
    for key, value in architecture.arguments.items():
        _check_argument(key, value, hints[key])
    try:
        with torch.device("meta"):
            network = cast(Callable[..., nn.Module], builder)(**architecture.arguments)
    except RuntimeError:  # torch's, for more bytes than 64 bits can count
        raise ValueError(f"architecture '{architecture.name}': the arguments make it too large") from None
    network.__dict__[_BUILT_FROM] = architecture
    return network


def architecture_of(network: nn.Module) -> Architecture | None:
    """What `skeleton` built this network from; None if something else built it."""
    architecture = network.__dict__.get(_BUILT_FROM)
    return architecture if isinstance(architecture, Architecture) else None


def interface(architecture: Architecture) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of one input and of one output of a network that `skeleton` has accepted."""
    arguments = cast(dict[str, Any], architecture.arguments)
    if architecture.name == "mlp":
        return arguments["sizes"][:1], arguments["sizes"][-1:]
    side = arguments.get("image_size", IMAGE_SIZE)
    image = (arguments["channels"], side, side)
    return ((arguments["latent_dim"],), image) if "latent_dim" in arguments else (image, (1,))


def initialised(architecture: Architecture, generator: torch.Generator) -> nn.Module:
    """The network with initial weights drawn from `generator`; no global random state is touched."""
    network = skeleton(architecture).to_empty(device="cpu")
    cast(Network, network).reset(generator)
    return network


def _check_argument(key: str, value: object, hint: Any) -> None:
    """Type and range of one argument; what a text means is the builder's to check."""
    origin = typing.get_origin(hint)
    kind: type = str if origin is Literal else origin or hint
    if type(value) is not kind:
        raise ValueError(f"argument '{key}' must be of type {kind.__name__}, is {reprlib.repr(value)}")
    if isinstance(value, tuple | str) and len(value) > LONGEST_ARGUMENT:
        raise ValueError(f"argument '{key}' is too long")
    numbers = value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()
    for number in numbers:
        if type(number) is not int or not 1 <= number <= LARGEST_ARGUMENT:
            raise ValueError(f"argument '{key}' must lie in 1..{LARGEST_ARGUMENT}, is {reprlib.repr(number)}")
