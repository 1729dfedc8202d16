"""Networks by name. A checkpoint stores these names and plain arguments, never code.

To add an architecture: write its module with a `reset(generator)` method and enter it in `BUILDERS`;
to add a generator–discriminator pair that recipes can name: enter a function in `PAIRS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import nn

from gancross.errors import UsageError, unknown_name
from gancross.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gancross.models.mlp import MLP

Argument = int | str | tuple[int, ...]

LARGEST_ARGUMENT = 1 << 16  # far beyond any sensible width; keeps a hostile file from exhausting memory
LONGEST_ARGUMENT = 64


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's name in `BUILDERS` and its arguments: all that is needed to build it again."""

    name: str
    arguments: dict[str, Argument]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the data and the recipe fix about a pair of networks.

    `sample` is (C, H, W) of an image or (d,) of a vector; `width` the family's own unit of width.
    """

    sample: tuple[int, ...]
    latent_dim: int
    width: int
    normalization: str


class Network(Protocol):
    """What a builder returns: an `nn.Module` that can draw its own initial weights."""

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "dcgan-generator": DCGANGenerator,
    "dcgan-discriminator": DCGANDiscriminator,
}


def mlp_pair(shape: Shape) -> tuple[Architecture, Architecture]:
    """Two hidden layers of `width` tanh units each (§7.3; 128 in the paper)."""
    if len(shape.sample) != 1:
        raise UsageError(f"network 'mlp' makes vectors, the data are images {shape.sample}")
    dim, width = shape.sample[0], shape.width
    return (
        Architecture(name="mlp", arguments={"sizes": (shape.latent_dim, width, width, dim)}),
        Architecture(name="mlp", arguments={"sizes": (dim, width, width, 1)}),
    )


def dcgan_pair(image_size: int, bottom: int) -> Callable[[Shape], tuple[Architecture, Architecture]]:
    """The DCGAN pair of one image size; `width` is 64 in the paper."""

    def pair(shape: Shape) -> tuple[Architecture, Architecture]:
        if len(shape.sample) != 3 or shape.sample[1:] != (image_size, image_size):
            raise UsageError(
                f"network 'dcgan{image_size}' makes {image_size}×{image_size} images, the data have"
                f" shape {shape.sample}: choose another network or set image_size={image_size}"
            )
        common: dict[str, Argument] = {
            "image_size": image_size,
            "channels": shape.sample[0],
            "width": shape.width,
            "normalization": shape.normalization,
            "bottom": bottom,
        }
        return (
            Architecture(name="dcgan-generator", arguments=common | {"latent_dim": shape.latent_dim}),
            Architecture(name="dcgan-discriminator", arguments=common),
        )

    return pair


PAIRS: dict[str, Callable[[Shape], tuple[Architecture, Architecture]]] = {
    "mlp": mlp_pair,
    "dcgan8": dcgan_pair(8, bottom=2),
    "dcgan32": dcgan_pair(32, bottom=2),
}


def pair(network: str, shape: Shape) -> tuple[Architecture, Architecture]:
    """Generator and discriminator of the family `network` for data of this shape.

    Raises:
        UsageError: no such family, or it does not fit the data.
    """
    if network not in PAIRS:
        raise unknown_name("network", network, PAIRS)
    return PAIRS[network](shape)


def skeleton(architecture: Architecture) -> nn.Module:
    """The network without storage (meta device): shapes can be read, weights assigned.

    Costs no memory whatever the arguments say, so that a checkpoint's claims can be checked first.

    Raises:
        ValueError: unknown name, or arguments that the builder does not take.
    """
    if architecture.name not in BUILDERS:
        raise ValueError(f"unknown architecture '{architecture.name}'")
    builder = BUILDERS[architecture.name]
    for key, value in architecture.arguments.items():
        _check_argument(key, value)
    try:
        inspect.signature(builder).bind(**architecture.arguments)
    except TypeError as error:
        raise ValueError(f"architecture '{architecture.name}': {error}") from None
    with torch.device("meta"):
        return builder(**architecture.arguments)


def initialised(architecture: Architecture, generator: torch.Generator) -> nn.Module:
    """The network with initial weights drawn from `generator`; no global random state is touched."""
    network = skeleton(architecture).to_empty(device="cpu")
    cast(Network, network).reset(generator)
    return network


def _check_argument(key: str, value: object) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) > LONGEST_ARGUMENT or (isinstance(value, str) and len(value) > LONGEST_ARGUMENT):
        raise ValueError(f"argument '{key}' is too long")
    for number in numbers:
        if isinstance(number, str) and number is value:
            continue
        if type(number) is not int or not 1 <= number <= LARGEST_ARGUMENT:
            raise ValueError(f"argument '{key}' must lie in 1..{LARGEST_ARGUMENT}, is {number!r:.40}")
