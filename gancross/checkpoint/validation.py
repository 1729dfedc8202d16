"""What is checked of a checkpoint after its file has been read: architectures, weights, everything else."""

from __future__ import annotations

import math

import torch

from gancross.checkpoint.checkpoint import Checkpoint
from gancross.models import Architecture, check_interface, skeleton
from gancross.untrusted.values import RefusedArchive, shown

LARGEST_BATCH = 1 << 20


def read_architecture(value: object) -> Architecture | None:
    """A network's name and arguments; None for code that gancross does not know.

    Raises:
        RefusedArchive: anything else.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        raise RefusedArchive("an architecture must have a name and arguments")
    if not isinstance(value["name"], str) or not isinstance(value["arguments"], dict):
        raise RefusedArchive("an architecture must have a name and arguments")
    return Architecture(name=value["name"], arguments=value["arguments"])


def check_state(architecture: Architecture | None, state: object) -> None:
    """Keys, shapes and dtypes are exactly the architecture's, and every number is finite.

    Without an architecture only the latter: keys and shapes are compared with the code that is given.

    Raises:
        RefusedArchive: they are not.
    """
    if architecture is None:
        check_finite(state)
        return
    expected = skeleton(architecture).state_dict()
    if not isinstance(state, dict) or set(state) != set(expected):
        raise RefusedArchive(f"the weights do not have the keys of '{architecture.name}'")
    for key, tensor in expected.items():
        got = state[key]
        if not isinstance(got, torch.Tensor) or got.shape != tensor.shape or got.dtype != tensor.dtype:
            found = f"{tuple(got.shape)} {got.dtype}" if isinstance(got, torch.Tensor) else type(got).__name__
            raise RefusedArchive(f"'{key}' should be {tuple(tensor.shape)} {tensor.dtype}, is {found}")
    if len({tensor.data_ptr() for tensor in state.values()}) < len(state):
        raise RefusedArchive(f"two weights of '{architecture.name}' share their memory")
    check_finite(state)


def check_finite(state: object) -> None:
    """Tensors by name without NaN or infinite numbers.

    Raises:
        RefusedArchive: anything else.
    """
    if not isinstance(state, dict):
        raise RefusedArchive("the weights are not a dictionary")
    for key, got in state.items():
        if not isinstance(key, str) or not isinstance(got, torch.Tensor):
            raise RefusedArchive(f"the weights hold {shown(key)}, which is no tensor by name")
        # aminmax passes NaN on and, unlike isfinite, needs no memory of the tensor's size
        if got.is_floating_point() and got.numel() and not all(bool(end.isfinite()) for end in got.aminmax()):
            raise RefusedArchive(f"'{key}' holds NaN or infinite weights")


def check_scalars(checkpoint: Checkpoint) -> None:
    """Types and ranges of everything that is no network; names are checked where they are used.

    Raises:
        RefusedArchive: one is wrong.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "recipe": (dict,), "method": (str, type(None)), "step": (int,), "sample_shape": (tuple,),
        "latent_dim": (int,), "latent": (str,), "data_range": (tuple,), "score_kind": (str,),
        "orientation": (str,), "threshold": (float, type(None)), "batch_size": (int,), "training": (dict,),
        "weights": (str,), "latent_shape": (tuple, type(None)),
    }  # fmt: skip
    for key, kind in kinds.items():
        if type(getattr(checkpoint, key)) not in kind:
            raise RefusedArchive(f"'{key}' has the wrong type")
    for key in ("sample_shape", "latent_shape"):
        if any(type(number) is not int or number < 1 for number in getattr(checkpoint, key) or ()):
            raise RefusedArchive(f"'{key}' is malformed")
    if [type(number) for number in checkpoint.data_range] != [float, float]:
        raise RefusedArchive("'data_range' is malformed")
    if checkpoint.step < 0 or not 1 <= checkpoint.batch_size <= LARGEST_BATCH:
        raise RefusedArchive("'batch_size' or 'step' is out of range")
    for key, value in checkpoint.recipe.items():
        if type(key) is not str or type(value) not in (bool, int, float, str, type(None)):
            raise RefusedArchive("the recipe holds more than plain values")
        if isinstance(value, float) and not math.isfinite(value):
            raise RefusedArchive(f"the recipe's {shown(key)} is not finite")


def check_fit(checkpoint: Checkpoint) -> None:
    """Compares what the networks take and make with what the file says, before anything is allocated for it.

    Raises:
        ValueError, RefusedArchive: they differ.
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
        raise RefusedArchive(f"its recipe's image_size {shown(size)} is not that of its networks")
