"""Networks from their architectures, and the two architectures of a family for given data and recipe."""

from __future__ import annotations

import reprlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.families import ARCHITECTURES, FAMILIES
from gancross.models.layers import NORMALIZATIONS, choice
from gancross.models.network import Architecture, Argument, Network

LARGEST_ARGUMENT = 1 << 16  # far beyond any sensible width; keeps a hostile file from exhausting memory
LONGEST_ARGUMENT = 64
RECIPE_ACTIVATIONS = ("relu", "tanh")

ArchitecturePair = tuple[Architecture, Architecture]
Role = Literal["generator", "discriminator"]


def skeleton(architecture: Architecture) -> Network:
    """The network without storage (meta device): shapes can be read, weights assigned.

    Costs no memory whatever the arguments are, so that a checkpoint's claims can be checked first.

    Raises:
        ValueError: unknown name, or arguments that the constructor does not take.
    """
    if architecture.name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture.name}'")
    build: Any = ARCHITECTURES[architecture.name]  # the arguments' types are checked here, not by mypy
    try:
        signature(build).bind(**architecture.arguments)
    except TypeError as error:
        raise ValueError(f"architecture '{architecture.name}': {error}") from None
    hints = typing.get_type_hints(build.__init__)
    for key, value in architecture.arguments.items():
        _check_argument(key, value, hints.get(key))
    try:
        with torch.device("meta"):
            network: Network = build(**architecture.arguments)
    except RuntimeError:  # torch's, for more bytes than 64 bits can count
        raise ValueError(f"architecture '{architecture.name}': the arguments make it too large") from None
    network.architecture = architecture
    return network


def architecture_of(network: nn.Module) -> Architecture | None:
    """The architecture that `skeleton` built this network from; None if something else built it."""
    return network.architecture if isinstance(network, Network) else None


def check_interface(role: str, network: Network, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    """Checks that a network of `skeleton` has these input and output shapes.

    Raises:
        ValueError: it has others.
    """
    if (network.input_shape, network.output_shape) != (inputs, outputs):
        raise ValueError(
            f"its {role} '{network.architecture_name}' maps {network.input_shape} to"
            f" {network.output_shape}, expected {reprlib.repr(inputs)} to {reprlib.repr(outputs)}"
        )


def initialised(architecture: Architecture, generator: torch.Generator) -> Network:
    """The network with initial weights drawn from `generator`; no global random state is touched."""
    network = skeleton(architecture).to_empty(device="cpu")
    network.reset(generator)
    return network


def _check_argument(key: str, value: object, hint: Any) -> None:
    """Checks type and range of one argument; the constructor checks the values of strings."""
    origin = typing.get_origin(hint)
    kind = str if origin is Literal else origin or hint
    if kind not in (int, str, tuple):
        raise ValueError(f"argument '{key}': a parameter must be int, str or tuple[int, ...], got {hint}")
    if type(value) is not kind:
        raise ValueError(f"argument '{key}' must be of type {kind.__name__}, got {reprlib.repr(value)}")
    if isinstance(value, tuple | str) and len(value) > LONGEST_ARGUMENT:
        raise ValueError(f"argument '{key}' must have at most {LONGEST_ARGUMENT} items, got {len(value):,}")
    numbers = value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()
    for number in numbers:
        if type(number) is not int or not 1 <= number <= LARGEST_ARGUMENT:
            raise ValueError(
                f"argument '{key}' must lie in 1..{LARGEST_ARGUMENT}, got {reprlib.repr(number)}"
            )


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """What the data and the recipe fix about a pair of networks.

    Attributes:
        sample_shape: (C, H, W) of an image or (d,) of a vector.
        latent_dim: dimension of the latent.
        width: the family's own unit of width.
        normalization: `batch` or `none`, where the family normalizes at all; `layer`: layer norm in the
            discriminator, batch norm in the generator (WGAN-GP).
        activation: `relu`: ReLU in the generator, leaky ReLU 0.2 in the discriminator; `tanh`: in both.
        num_classes: of the labels that a conditional pair takes; None: there are none.
    """

    sample_shape: tuple[int, ...]
    latent_dim: int
    width: int
    normalization: str
    activation: str
    num_classes: int | None = None


def pair(network: str, settings: PairSettings) -> ArchitecturePair:
    """Generator and discriminator of the family `network` for these settings.

    Raises:
        UsageError: no such family, or one that does not fit the settings.
    """
    family = choice("network", network, FAMILIES)
    choice("normalization", settings.normalization, NORMALIZATIONS)
    choice("activation", settings.activation, dict.fromkeys(RECIPE_ACTIVATIONS))
    if (family.conditional == "none") != (settings.num_classes is None):
        takes = "takes no labels" if settings.num_classes else "takes labels"
        raise UsageError(f"network '{network}' {takes}: set conditional={family.conditional}")
    fixed = {**family.arguments, **family.generator_arguments}
    generator = _architecture(family.generator, fixed, "generator", settings)
    fixed = {**family.arguments, **family.discriminator_arguments}
    discriminator = _architecture(family.discriminator, fixed, "discriminator", settings)
    sample_shape = settings.sample_shape
    try:
        built = skeleton(generator)
        if built.output_shape != sample_shape:
            shape = built.output_shape
            images = len(shape) == len(sample_shape) == 3 and shape[1] == shape[2]
            resize = f" or set image_size={shape[1]}" if images else ""
            raise ValueError(
                f"its samples have shape {shape}, the data have shape {sample_shape}:"
                f" choose another network{resize}"
            )
        check_interface("generator", built, (settings.latent_dim,), sample_shape)
        check_interface("discriminator", skeleton(discriminator), sample_shape, (1,))
    except ValueError as error:
        raise UsageError(f"network '{network}': {error}") from None
    parameters = {*signature(family.generator).parameters, *signature(family.discriminator).parameters}
    for key, value, neutral in (
        ("normalization", settings.normalization, "none"), ("activation", settings.activation, "relu"),
    ):  # fmt: skip
        if value != neutral and key not in parameters:
            raise UsageError(f"network '{network}' has no {key} '{value}': set {key}={neutral}")
    return generator, discriminator


def arguments_by_name(
    settings: PairSettings, role: Role, fixed: Mapping[str, Argument]
) -> dict[str, Argument]:
    """The values for constructors by the names of their parameters: the settings, and what a family fixes.

    Files hold the arguments in this order.
    """
    sample_shape, width, latent_dim = settings.sample_shape, settings.width, settings.latent_dim
    inputs, outputs = (latent_dim, sample_shape[0]) if role == "generator" else (sample_shape[0], 1)
    leaky = role == "discriminator" and settings.activation == "relu"
    batch = role == "generator" and settings.normalization == "layer"
    arguments: dict[str, Argument] = {
        "image_size": sample_shape[-1],
        "channels": sample_shape[0],
        "sample_shape": sample_shape,
        "width": width,
        "sizes": (inputs, width, width, outputs),
        **fixed,
        "activation": "leaky-relu" if leaky else settings.activation,
        "latent_dim": latent_dim,
        "normalization": "batch" if batch else settings.normalization,
    }
    if settings.num_classes is not None:
        arguments["num_classes"] = settings.num_classes
    return {**arguments, **fixed}


def _architecture(
    network: type[Network], fixed: Mapping[str, Argument], role: Role, settings: PairSettings
) -> Architecture:
    parameters = signature(network).parameters
    arguments = {
        key: value
        for key, value in arguments_by_name(settings, role, fixed).items()
        # Files of format 1 name an activation only where it is not the constructor's default.
        if key in fixed
        or (key in parameters and not (key == "activation" and value == parameters[key].default))
    }
    return Architecture(name=network.architecture_name, arguments=arguments)
