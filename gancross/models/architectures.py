"""Networks from their architectures: without storage, or with initial weights."""

from __future__ import annotations

import inspect
import reprlib
import typing
from typing import Any, Literal

import torch
from torch import nn

from gancross.models.families import ARCHITECTURES
from gancross.models.network import Architecture, Network

LARGEST_ARGUMENT = 1 << 16  # far beyond any sensible width; keeps a hostile file from exhausting memory
LONGEST_ARGUMENT = 64


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
        inspect.signature(build).bind(**architecture.arguments)
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
    """Compares what a network of `skeleton` takes and makes with what is needed of it.

    Raises:
        ValueError: they differ.
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
    """Checks type and range of one argument; the constructor checks what a text means."""
    origin = typing.get_origin(hint)
    kind = str if origin is Literal else origin or hint
    if kind not in (int, str, tuple):
        raise ValueError(f"argument '{key}': a constructor takes int, str or tuple[int, ...], not {hint}")
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
