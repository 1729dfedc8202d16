"""Networks that the user's code builds, as a pair (generator, discriminator); a file's weights in them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gancross.checkpoint.checkpoint import NETWORKS, State
from gancross.errors import UsageError, first_line

NetworkPair = tuple[nn.Module, nn.Module]


def takes_argument(function: Callable[..., object]) -> bool:
    """Whether a function has a positional parameter without default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some C callables have no signature
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(each.kind in positional and each.default is each.empty for each in parameters)


def network_pair(value: object, place: str) -> NetworkPair:
    """A value as (generator, discriminator).

    Raises:
        UsageError: it is not two modules that share nothing; the message begins with `place`.
    """
    expected = "expected (generator, discriminator), two torch.nn.Module"
    if not isinstance(value, tuple | list):
        raise UsageError(f"{place}: {expected}, got {type(value).__name__}")
    if len(value) != len(NETWORKS):
        raise UsageError(f"{place}: {expected}, got {len(value)} values")
    for role, network in zip(NETWORKS, value, strict=True):
        if not isinstance(network, nn.Module):
            raise UsageError(f"{place}: {expected}, got {type(network).__name__} as {role}")
        if any(tensor.is_meta for tensor in chain(network.parameters(), network.buffers())):
            raise UsageError(f"{place}: the {role} has weights without values, on the device 'meta'")
    generator, discriminator = value
    shared = {id(each) for each in generator.parameters()} & {id(each) for each in discriminator.parameters()}
    if shared or generator is discriminator:
        raise UsageError(f"{place}: generator and discriminator share weights: each needs its own")
    return generator, discriminator


def weights_difference(network: nn.Module, state: State) -> str:
    """The first difference between a file's weights and those of a network; empty if they fit.

    A lazy layer that has seen no batch takes the file's shapes.
    """
    expected = network.state_dict()
    for key in expected:
        if key not in state:
            return f"the file has no '{key}'"
    for key, tensor in state.items():
        if key not in expected:
            return f"the network has no '{key}'"
        value = expected[key]
        if is_lazy(value):
            continue
        if not isinstance(value, torch.Tensor) or value.shape != tensor.shape:
            shape = tuple(getattr(value, "shape", ()))
            return f"'{key}' has shape {tuple(tensor.shape)} in the file, {shape} in the network"
    return ""


def load_weights(networks: NetworkPair, states: dict[str, State], place: str) -> None:
    """Loads a file's weights into both networks, which are then in evaluation mode and not trained.

    Raises:
        UsageError: they do not fit; the message begins with `place`.
    """
    for role, network in zip(NETWORKS, networks, strict=True):
        difference = weights_difference(network, states[role])
        if difference:
            raise UsageError(f"{place}: its weights do not fit the {role} of the code given: {difference}")
        try:
            network.load_state_dict(states[role])
        except (RuntimeError, TypeError, AttributeError) as error:
            raise UsageError(f"{place}: its {role}'s weights cannot be loaded: {first_line(error)}") from None
        network.eval().requires_grad_(False)
