"""Networks from their architectures, and the two architectures of a family for given data and recipe."""

from __future__ import annotations

import reprlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Literal

import torch
from torch import nn

from gancross.errors import UsageError
from gancross.models.families import ARCHITECTURES, FAMILIES
from gancross.models.layers import choice
from gancross.models.network import Architecture, Argument, Family, Network

LARGEST_ARGUMENT = 1 << 16  # far beyond any sensible width; keeps a hostile file from exhausting memory
LONGEST_ARGUMENT = 64
RECIPE_ACTIVATIONS = ("relu", "tanh")
# A recipe's normalization: (the generator's, the discriminator's).
RECIPE_NORMALIZATIONS = {
    "batch": ("batch", "batch"),
    "layer": ("batch", "layer"),
    "none": ("none", "none"),
    "spectral": ("batch", "spectral"),
    "spectral-both": ("spectral-batch", "spectral"),
}

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
        normalization: a key of `RECIPE_NORMALIZATIONS` that the family offers: `batch` or `none` in both;
            `layer` or `spectral` norm in the discriminator, batch norm in the generator (WGAN-GP, SNGAN);
            `spectral-both`: the same with spectral norm beside batch norm in the generator (SAGAN).
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
    choice("normalization", settings.normalization, RECIPE_NORMALIZATIONS)
    choice("activation", settings.activation, dict.fromkeys(RECIPE_ACTIVATIONS))
    if (family.conditional == "none") != (settings.num_classes is None):
        takes = "takes no labels" if settings.num_classes else "takes labels"
        raise UsageError(f"network '{network}' {takes}: set conditional={family.conditional}")
    offered = offered_normalizations(family)
    wanted = settings.normalization
    if wanted not in offered:  # shapes are checked first
        settings = replace(settings, normalization="none")
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
    if wanted not in offered:
        raise UsageError(
            f"network '{network}' has no normalization '{wanted}': set normalization={' or '.join(offered)}"
        )
    if settings.activation != "relu" and "activation" not in parameters:
        raise UsageError(
            f"network '{network}' has no activation '{settings.activation}': set activation=relu"
        )
    return generator, discriminator


def offered_normalizations(family: Family) -> list[str]:
    """The keys of `RECIPE_NORMALIZATIONS` that a family offers: `none`, and those that its networks take.

    A network takes what the type of its parameter `normalization` allows. One without the parameter, or whose
    value the family fixes, decides nothing.
    """
    taken: dict[str, list[bool]] = {name: [] for name in RECIPE_NORMALIZATIONS}
    roles = (
        (family.generator, family.generator_arguments),
        (family.discriminator, family.discriminator_arguments),
    )
    for role, (network, own_arguments) in enumerate(roles):
        if "normalization" not in own_arguments and "normalization" in signature(network).parameters:
            values = typing.get_args(typing.get_type_hints(network.__init__)["normalization"])
            for name, by_role in RECIPE_NORMALIZATIONS.items():
                taken[name].append(not values or by_role[role] in values)
        elif role == 0:
            taken["spectral-both"].append(False)
    return [name for name, answers in taken.items() if name == "none" or (answers and all(answers))]


def arguments_by_name(
    settings: PairSettings, role: Role, fixed: Mapping[str, Argument]
) -> dict[str, Argument]:
    """The values for constructors by the names of their parameters: the settings, and what a family fixes.

    Files hold the arguments in this order.
    """
    sample_shape, width, latent_dim = settings.sample_shape, settings.width, settings.latent_dim
    inputs, outputs = (latent_dim, sample_shape[0]) if role == "generator" else (sample_shape[0], 1)
    leaky = role == "discriminator" and settings.activation == "relu"
    arguments: dict[str, Argument] = {
        "image_size": sample_shape[-1],
        "channels": sample_shape[0],
        "sample_shape": sample_shape,
        "width": width,
        "sizes": (inputs, width, width, outputs),
        **fixed,
        "activation": "leaky-relu" if leaky else settings.activation,
        "latent_dim": latent_dim,
        "normalization": RECIPE_NORMALIZATIONS[settings.normalization][role == "discriminator"],
    }
    if settings.num_classes is not None:
        arguments["num_classes"] = settings.num_classes
    return {**arguments, **fixed}


def _architecture(
    network: type[Network], fixed: Mapping[str, Argument], role: Role, settings: PairSettings
) -> Architecture:
    parameters = signature(network).parameters

    def is_implied(key: str, value: Argument) -> bool:
        """Older files name no activation that is the constructor's default, and no `none` that is."""
        if key not in parameters or value != parameters[key].default:
            return False
        return (key == "activation" and key not in fixed) or (key == "normalization" and value == "none")

    arguments = arguments_by_name(settings, role, fixed)
    return Architecture(
        name=network.architecture_name,
        arguments={
            key: value
            for key, value in arguments.items()
            if (key in fixed or key in parameters) and not is_implied(key, value)
        },
    )
