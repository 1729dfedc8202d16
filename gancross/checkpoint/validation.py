"""Checks of a checkpoint after its file has been read: architectures, weights, scalars, interfaces."""

from __future__ import annotations

import math

import torch

from gancross.checkpoint.checkpoint import Checkpoint
from gancross.models import Architecture, check_interface, skeleton
from gancross.untrusted.values import RefusedArchive, short_repr

LARGEST_BATCH = 1 << 20


def read_architecture(value: object) -> Architecture | None:
    """The architecture of a network; None for one that gancross does not know.

    Raises:
        RefusedArchive: the value is not None or {"name": str, "arguments": dict}.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        raise RefusedArchive("an architecture must have a name and arguments")
    if not isinstance(value["name"], str) or not isinstance(value["arguments"], dict):
        raise RefusedArchive("an architecture must have a name and arguments")
    return Architecture(name=value["name"], arguments=value["arguments"])


def check_state(architecture: Architecture | None, state: object) -> None:
    """Checks that keys, shapes and dtypes are exactly the architecture's and that all weights are finite.

    Without an architecture only the last is checked; keys and shapes are compared with the user's code.

    Raises:
        RefusedArchive: a check fails.
    """
    if architecture is None:
        check_finite(state)
        return
    expected = skeleton(architecture).state_dict()
    if not isinstance(state, dict) or set(state) != set(expected):
        raise RefusedArchive(f"the keys of the weights are not those of '{architecture.name}'")
    for key, tensor in expected.items():
        got = state[key]
        if not isinstance(got, torch.Tensor) or got.shape != tensor.shape or got.dtype != tensor.dtype:
            actual = (
                f"{tuple(got.shape)} {got.dtype}" if isinstance(got, torch.Tensor) else type(got).__name__
            )
            raise RefusedArchive(f"'{key}': expected {tuple(tensor.shape)} {tensor.dtype}, got {actual}")
    if len({tensor.data_ptr() for tensor in state.values()}) < len(state):
        raise RefusedArchive(f"two weights of '{architecture.name}' share memory")
    check_finite(state)


def check_finite(state: object) -> None:
    """Checks that the weights are tensors by name, without NaN or infinite numbers.

    Raises:
        RefusedArchive: they are not.
    """
    if not isinstance(state, dict):
        raise RefusedArchive(f"the weights are a {type(state).__name__}, expected a dictionary")
    for key, got in state.items():
        if not isinstance(key, str) or not isinstance(got, torch.Tensor):
            raise RefusedArchive(f"the weights hold {short_repr(key)}, expected tensors by name")
        # aminmax passes NaN on and, unlike isfinite, needs no memory of the tensor's size
        if got.is_floating_point() and got.numel() and not all(bool(end.isfinite()) for end in got.aminmax()):
            raise RefusedArchive(f"'{key}' holds NaN or infinite weights")


def check_scalars(checkpoint: Checkpoint) -> None:
    """Checks types and ranges of all fields but the networks; `Contestant` checks the names.

    Raises:
        RefusedArchive: a type or range is wrong.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "recipe": (dict,), "method": (str, type(None)), "step": (int,), "sample_shape": (tuple,),
        "latent_dim": (int,), "latent": (str,), "data_range": (tuple,), "score_kind": (str,),
        "orientation": (str,), "threshold": (float, type(None)), "batch_size": (int,), "training": (dict,),
        "weights": (str,), "latent_shape": (tuple, type(None)),
    }  # fmt: skip
    for key, kind in kinds.items():
        if type(getattr(checkpoint, key)) not in kind:
            raise RefusedArchive(
                f"'{key}' has type {type(getattr(checkpoint, key)).__name__}, expected {kind[0].__name__}"
            )
    for key in ("sample_shape", "latent_shape"):
        if any(type(number) is not int or number < 1 for number in getattr(checkpoint, key) or ()):
            raise RefusedArchive(f"'{key}' must hold integers ≥ 1")
    if [type(number) for number in checkpoint.data_range] != [float, float]:
        raise RefusedArchive("'data_range' must be two floats")
    if checkpoint.step < 0 or not 1 <= checkpoint.batch_size <= LARGEST_BATCH:
        raise RefusedArchive(f"expected 'step' ≥ 0 and 'batch_size' from 1 to {LARGEST_BATCH:,}")
    for key, value in checkpoint.recipe.items():
        if type(key) is not str or type(value) not in (bool, int, float, str, type(None)):
            raise RefusedArchive("the recipe may hold only texts, numbers, booleans and None")
        if isinstance(value, float) and not math.isfinite(value):
            raise RefusedArchive(f"the recipe's {short_repr(key)} is not finite")


def check_fit(checkpoint: Checkpoint) -> None:
    """Checks, before anything is allocated, that the networks' input and output shapes are the file's.

    Raises:
        ValueError, RefusedArchive: they are not.
    """
    latent, sample = checkpoint.latent_shape or (checkpoint.latent_dim,), checkpoint.sample_shape
    for role, architecture, inputs, outputs in (
        ("generator", checkpoint.generator, latent, sample),
        ("discriminator", checkpoint.discriminator, sample, (1,)),
    ):
        if architecture is not None:
            check_interface(role, skeleton(architecture), inputs, outputs)
    size = checkpoint.recipe.get("image_size")
    if size is not None and size not in sample[-1:]:
        raise RefusedArchive(f"its recipe's image_size {short_repr(size)} is not that of its networks")
