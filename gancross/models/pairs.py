"""The two architectures of a family for given data and recipe."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError, unknown_name
from gancross.models.architectures import check_interface, skeleton
from gancross.models.families import FAMILIES
from gancross.models.layers import NORMALIZATIONS
from gancross.models.network import Architecture, Argument, Network

ACTIVATIONS = ("relu", "tanh")

Pair = tuple[Architecture, Architecture]
Role = Literal["generator", "discriminator"]


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
    """

    sample_shape: tuple[int, ...]
    latent_dim: int
    width: int
    normalization: str
    activation: str


def pair(network: str, settings: PairSettings) -> Pair:
    """Generator and discriminator of the family `network` for these settings.

    Raises:
        UsageError: no such family, or one that does not fit the settings.
    """
    if network not in FAMILIES:
        raise unknown_name("network", network, FAMILIES)
    if settings.normalization not in NORMALIZATIONS:
        raise unknown_name("normalization", settings.normalization, NORMALIZATIONS)
    if settings.activation not in ACTIVATIONS:
        raise unknown_name("activation", settings.activation, ACTIVATIONS)
    family = FAMILIES[network]
    generator = _architecture(
        family.generator, {**family.arguments, **family.generator_arguments}, "generator", settings
    )
    discriminator = _architecture(
        family.discriminator,
        {**family.arguments, **family.discriminator_arguments},
        "discriminator",
        settings,
    )
    sample_shape = settings.sample_shape
    try:
        built = skeleton(generator)
        if built.output_shape != sample_shape:
            raise ValueError(_size_message(built.output_shape, sample_shape))
        check_interface("generator", built, (settings.latent_dim,), sample_shape)
        check_interface("discriminator", skeleton(discriminator), sample_shape, (1,))
    except ValueError as error:
        raise UsageError(f"network '{network}': {error}") from None
    parameters = _parameters(family.generator).keys() | _parameters(family.discriminator).keys()
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
    return {**arguments, **fixed}


def _architecture(
    network: type[Network], fixed: Mapping[str, Argument], role: Role, settings: PairSettings
) -> Architecture:
    parameters = _parameters(network)
    arguments = {
        key: value
        for key, value in arguments_by_name(settings, role, fixed).items()
        # Files of format 1 name an activation only where it is not the constructor's default.
        if key in fixed
        or (key in parameters and not (key == "activation" and value == parameters[key].default))
    }
    return Architecture(name=network.architecture_name, arguments=arguments)


def _parameters(network: type[Network]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(network).parameters


def _size_message(shape: tuple[int, ...], needed: tuple[int, ...]) -> str:
    message = f"its samples have shape {shape}, the data have shape {needed}: choose another network"
    images = len(shape) == len(needed) == 3 and shape[1] == shape[2]
    return f"{message} or set image_size={shape[1]}" if images else message
