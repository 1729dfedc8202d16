"""The checkpoint, where trainer and evaluator meet, and the checks of one whose file has been read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from gancross.models import ARCHITECTURES, Architecture, Network, check_interface, skeleton
from gancross.untrusted.values import RefusedArchive, short_repr

LARGEST_BATCH = 1 << 20
FEWEST_CLASSES, MOST_CLASSES = 2, 1 << 16
NETWORKS = ("generator", "discriminator")

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything in the file. Score fields are those of `Contestant`.

    Attributes:
        recipe: the training recipe as plain values; shown and compared, never followed.
        method: name of the recipe and its overrides without the seed; None if unknown.
        step: generator updates done.
        generator, discriminator: architectures; None where gancross does not know the code.
        generator_state, discriminator_state: their `state_dict()`; that of no discriminator is empty.
        sample_shape: (C, H, W) of an image or (d,) of a vector.
        weights: what `generator_state` holds: `raw` weights of the last step, or their average, `ema`.
        training: optimizer states, and LeCam's averages, for resuming, `{}` if stripped. No random state is
            saved: every random number of a run is a function of seed and step.
        num_classes: of the labels that its generator takes; None: it takes none. A file lacks this key then,
            so that earlier versions read it.
    """

    recipe: dict[str, Any]
    method: str | None
    step: int
    generator: Architecture | None
    discriminator: Architecture | None
    generator_state: State
    discriminator_state: State
    sample_shape: tuple[int, ...]
    latent_dim: int
    latent: str
    data_range: tuple[float, float]
    score_kind: str
    orientation: str
    threshold: float | None
    batch_size: int
    training: dict[str, Any]
    weights: str = "raw"
    latent_shape: tuple[int, ...] | None = None
    num_classes: int | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether a network's code is not gancross's."""
        return self.generator is None or (self.discriminator is None and bool(self.discriminator_state))


def read_architecture(value: object, state: Any, *, other_code: bool = False) -> Architecture | None:
    """The architecture of a network whose weights fit it; None for one that gancross does not know.

    Keys and shapes of the latter's weights are compared with the user's code.

    Args:
        other_code: the user names the code of networks that gancross does not know, so None also stands for
            a name that a program added to gancross's architectures and that is not known here.

    Raises:
        RefusedArchive: the value is not None or {"name": str, "arguments": dict}; the weights are not finite,
            or their keys, shapes and dtypes are not exactly the architecture's.
    """
    check_finite(state)
    match value:
        case None:
            return None
        case {"name": str(name), "arguments": dict(arguments), **rest} if not rest:
            architecture = Architecture(name=name, arguments=arguments)
        case _:
            raise RefusedArchive(
                f"an architecture must be None or hold a name and arguments, got {short_repr(value)}"
            )
    if name not in ARCHITECTURES:
        if other_code:
            return None
        raise RefusedArchive(
            f"unknown architecture {short_repr(name)}; if it is your own, name its code with"
            " --arch NAME=module:factory --trust-code"
        )
    expected = skeleton(architecture).state_dict()
    if set(state) != set(expected):
        raise RefusedArchive(f"the keys of the weights are not those of '{name}'")
    for key, tensor in expected.items():
        planned, got = (f"{tuple(weight.shape)} {weight.dtype}" for weight in (tensor, state[key]))
        if planned != got:
            raise RefusedArchive(f"'{key}': expected {planned}, got {got}")
    if len({tensor.data_ptr() for tensor in state.values()}) < len(state):
        raise RefusedArchive(f"two weights of '{name}' share memory")
    return architecture


def check_finite(state: object) -> None:
    """Checks that the weights are tensors by name, without NaN or infinite numbers.

    Raises:
        RefusedArchive: they are not.
    """
    if not isinstance(state, dict):
        raise RefusedArchive(f"the weights are a {type(state).__name__}, expected a dictionary")
    for key, got in state.items():
        if not isinstance(key, str) or not isinstance(got, torch.Tensor):
            raise RefusedArchive(
                f"weight {short_repr(key)}: expected a tensor by name, got {type(got).__name__}"
            )
        # aminmax passes NaN on and, unlike isfinite, needs no memory of the tensor's size
        if got.is_floating_point() and got.numel() and not all(bool(end.isfinite()) for end in got.aminmax()):
            raise RefusedArchive(f"'{key}' holds NaN or infinite weights")


def check_fields(checkpoint: Checkpoint) -> None:
    """Checks types and ranges, then, before anything is allocated, that the networks' shapes are the file's.

    `Contestant` checks the names.

    Raises:
        ValueError, RefusedArchive: a type, range or shape is wrong.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "recipe": (dict,), "method": (str, type(None)), "step": (int,), "sample_shape": (tuple,),
        "latent_dim": (int,), "latent": (str,), "data_range": (tuple,), "score_kind": (str,),
        "orientation": (str,), "threshold": (float, type(None)), "batch_size": (int,), "training": (dict,),
        "weights": (str,), "latent_shape": (tuple, type(None)), "num_classes": (int, type(None)),
    }  # fmt: skip
    for key, kind in kinds.items():
        actual = type(getattr(checkpoint, key))
        if actual not in kind:
            raise RefusedArchive(f"'{key}' has type {actual.__name__}, expected {kind[0].__name__}")
    for key in ("sample_shape", "latent_shape"):
        shape = getattr(checkpoint, key) or ()
        if any(type(number) is not int or number < 1 for number in shape):
            raise RefusedArchive(f"'{key}' must hold integers ≥ 1, got {short_repr(shape)}")
    if [type(number) for number in checkpoint.data_range] != [float, float]:
        raise RefusedArchive(f"'data_range' must be two floats, got {short_repr(checkpoint.data_range)}")
    if checkpoint.step < 0 or not 1 <= checkpoint.batch_size <= LARGEST_BATCH:
        raise RefusedArchive(
            f"expected 'step' ≥ 0 and 'batch_size' from 1 to {LARGEST_BATCH:,},"
            f" got {checkpoint.step} and {checkpoint.batch_size}"
        )
    classes = checkpoint.num_classes
    if classes is not None and not FEWEST_CLASSES <= classes <= MOST_CLASSES:
        raise RefusedArchive(
            f"expected 'num_classes' from {FEWEST_CLASSES} to {MOST_CLASSES:,}, got {short_repr(classes)}"
        )
    for key, value in checkpoint.recipe.items():
        if type(key) is not str or type(value) not in (bool, int, float, str, type(None)):
            raise RefusedArchive("the recipe may hold only strings, numbers, booleans and None")
        if isinstance(value, float) and not math.isfinite(value):
            raise RefusedArchive(f"the recipe's {short_repr(key)} is not finite")
    _check_shapes(checkpoint)


def _check_shapes(checkpoint: Checkpoint) -> None:
    latent, sample = checkpoint.latent_shape or (checkpoint.latent_dim,), checkpoint.sample_shape
    for role, architecture, inputs, outputs in (
        ("generator", checkpoint.generator, latent, sample),
        ("discriminator", checkpoint.discriminator, sample, (1,)),
    ):
        if architecture is not None:
            network = skeleton(architecture)
            check_interface(role, network, inputs, outputs)
            _check_classes(role, network, checkpoint.num_classes)
    size = checkpoint.recipe.get("image_size")
    if size is not None and size not in sample[-1:]:
        raise RefusedArchive(f"its recipe's image_size {short_repr(size)} is not that of its networks")


def _check_classes(role: str, network: Network, num_classes: int | None) -> None:
    """Checks the labels that a network takes or gives; a discriminator may be without any."""
    declared = network.num_classes, network.num_classified
    fitting = (
        [(num_classes, None)] if role == "generator"
        else [(None, None), (num_classes, None), (None, num_classes)]
    )  # fmt: skip
    if declared not in fitting:
        got = next((number for number in declared if number is not None), "no")
        raise RefusedArchive(f"its {role} has labels of {got} classes, 'num_classes' is {num_classes}")
