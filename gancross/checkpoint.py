"""The door between the two wings: one file with both networks and all that the evaluator needs.

A checkpoint is data. It holds plain containers and tensors, and names of architectures that gancross
itself builds; nothing in it is ever executed, opened or followed.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancross import tensors_file
from gancross.archive import load_archive
from gancross.checks import RefusedArchive, shown
from gancross.contestant import Contestant, Origin
from gancross.errors import CheckpointError, UsageError, printable
from gancross.files import read_bytes, write_atomically
from gancross.models import Architecture, interface, skeleton
from gancross.tensors_file import load_tensors_file

FORMAT = "gancross.checkpoint/1"
LARGEST_FILE = 16 << 30
LARGEST_BATCH = 1 << 20
LONGEST_REASON = 300
NETWORKS = ("generator", "discriminator")

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything in the file. Score fields are those of `Contestant`.

    Attributes:
        recipe: the training recipe as plain values; shown and compared, never followed.
        method: name of the recipe and its overrides without the seed.
        step: generator updates done.
        generator, discriminator: architectures.
        generator_state, discriminator_state: their `state_dict()`.
        sample_shape: (C, H, W) of an image or (d,) of a vector.
        weights: what `generator_state` holds: `raw` weights of the last step, or their average, `ema`.
        training: optimizer states for resuming, `{}` if stripped. Random state is none: every random
            number of a run is a function of seed and step.
    """

    recipe: dict[str, Any]
    method: str
    step: int
    generator: Architecture
    discriminator: Architecture
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


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint atomically: the old file or the new one, never a part.

    A `.safetensors` file is for sharing: it holds no `training` and cannot be resumed from.

    Raises:
        UsageError: the path ends neither in .pt nor in .safetensors.
        ResourceError: the file cannot be written; what was there before is untouched.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"{path}: give a file that ends in {' or '.join(WRITERS)}")
    write_atomically(path, WRITERS[path.suffix](checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of a `.pt` file: a zip archive as `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **_plain(checkpoint)}, buffer)
    return buffer.getvalue()


def to_shared_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of a `.safetensors` file, without `training`."""
    values = _plain(checkpoint)
    del values["training"]
    states = {network: values.pop(f"{network}_state") for network in NETWORKS}
    tensors = {f"{network}.{key}": value for network in NETWORKS for key, value in states[network].items()}
    return tensors_file.to_bytes(FORMAT, values, tensors)


WRITERS: dict[str, Callable[[Checkpoint], bytes]] = {".pt": to_bytes, ".safetensors": to_shared_bytes}


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint that may come from a stranger.

    Raises:
        UsageError: there is no such regular file.
        CheckpointError: the file is damaged, hostile, of another kind or of a newer format.
        ResourceError: it cannot be read, or is longer than 16 GiB.
    """
    return from_bytes(read_bytes(path, limit=LARGEST_FILE), path)


def from_bytes(content: bytes, path: Path) -> Checkpoint:
    """As `load`, from bytes already read; `path` says how to read them, and names them in messages."""
    try:
        loaded = _shared(content) if path.suffix == ".safetensors" else load_archive(content)
        if not isinstance(loaded, dict) or "format" not in loaded:
            raise RefusedArchive("not a checkpoint of gancross (no 'format' key)")
        if loaded["format"] != FORMAT:
            raise RefusedArchive(f"format {shown(loaded['format'])}; this version reads {FORMAT}")
        values = {key: value for key, value in loaded.items() if key != "format"}
        known = {spec.name for spec in fields(Checkpoint)}
        required = {spec.name for spec in fields(Checkpoint) if spec.default is MISSING}
        if not required <= set(values) <= known:
            wrong = ", ".join(sorted(map(str, (required - set(values)) | (set(values) - known))))
            raise RefusedArchive(f"missing or unknown keys: {wrong:.200}")
        for network in NETWORKS:
            values[network] = _architecture(values[network])
            _check_state(values[network], values[f"{network}_state"])
        checkpoint = Checkpoint(**values)
        _check_scalars(checkpoint)
        _check_fit(checkpoint)
        return checkpoint
    except (RefusedArchive, ValueError) as error:
        raise _refusal(path, error) from None


def load_contestant(path: str | Path, *, name: str | None = None, device: str = "cpu") -> Contestant:
    """The contestant of a checkpoint: both networks in evaluation mode on `device`.

    Args:
        path: a checkpoint written by `gancross train` or `gancross export`.
        name: by default the file's stem, or its folder for `last.pt` and `step-….pt`.

    Raises:
        UsageError: there is no such regular file.
        CheckpointError: the file is refused.
    """
    path = Path(path)
    content = read_bytes(path, limit=LARGEST_FILE)
    checkpoint = from_bytes(content, path)
    try:
        return Contestant(
            name=name or path.stem,
            generator=_network(checkpoint.generator, checkpoint.generator_state).to(device),
            discriminator=_network(checkpoint.discriminator, checkpoint.discriminator_state).to(device),
            latent_dim=checkpoint.latent_dim,
            latent=checkpoint.latent,  # type: ignore[arg-type]  # checked by Contestant
            data_range=checkpoint.data_range,
            score_kind=checkpoint.score_kind,
            orientation=checkpoint.orientation,  # type: ignore[arg-type]  # checked by Contestant
            threshold=checkpoint.threshold,
            batch_size=checkpoint.batch_size,
            method=checkpoint.method,
            origin=Origin(
                path=str(path),
                sha256=hashlib.sha256(content).hexdigest(),
                step=checkpoint.step,
                recipe=checkpoint.recipe,
            ),
        )
    except UsageError as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: refused: {printable(str(error), limit=LONGEST_REASON)}")


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields as the file holds them."""
    plain = {spec.name: getattr(checkpoint, spec.name) for spec in fields(Checkpoint)}
    for network in NETWORKS:
        architecture: Architecture = plain[network]
        plain[network] = {"name": architecture.name, "arguments": architecture.arguments}
        plain[f"{network}_state"] = {
            key: _own(value.detach().to("cpu")) for key, value in plain[f"{network}_state"].items()
        }
    return plain


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Contiguous and alone in its storage: a view would drag the whole of it into the file."""
    whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


def _shared(content: bytes) -> dict[str, Any]:
    """What a `.safetensors` file holds, in the form of a `.pt` file."""
    format_name, values, tensors = load_tensors_file(content)
    states: dict[str, State] = {f"{network}_state": {} for network in NETWORKS}
    for name, tensor in tensors.items():
        network, _, key = name.partition(".")
        if network not in NETWORKS:
            raise RefusedArchive(f"tensor {shown(name)} belongs to neither network")
        states[f"{network}_state"][key] = tensor
    if not isinstance(values, dict) or set(values) & {"format", "training", *states}:
        raise RefusedArchive("not a checkpoint of gancross (its text is of another kind)")
    return {"format": format_name, **values, **states, "training": {}}


def _network(architecture: Architecture, state: State) -> nn.Module:
    network = skeleton(architecture)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _architecture(value: object) -> Architecture:
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        raise RefusedArchive("an architecture must have a name and arguments")
    if not isinstance(value["name"], str) or not isinstance(value["arguments"], dict):
        raise RefusedArchive("an architecture must have a name and arguments")
    return Architecture(name=value["name"], arguments=value["arguments"])


def _check_state(architecture: Architecture, state: object) -> None:
    """Keys, shapes and dtypes are exactly the architecture's, and every number is finite."""
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
    for key, got in state.items():
        # aminmax passes NaN on and, unlike isfinite, needs no memory of the tensor's size
        if got.is_floating_point() and not all(bool(end.isfinite()) for end in got.aminmax()):
            raise RefusedArchive(f"'{key}' holds NaN or infinite weights")


def _check_scalars(checkpoint: Checkpoint) -> None:
    """Types and ranges of everything that is no network; names are checked where they are used."""
    kinds: dict[str, tuple[type, ...]] = {
        "recipe": (dict,), "method": (str,), "step": (int,), "sample_shape": (tuple,),
        "latent_dim": (int,), "latent": (str,), "data_range": (tuple,), "score_kind": (str,),
        "orientation": (str,), "threshold": (float, type(None)), "batch_size": (int,), "training": (dict,),
        "weights": (str,),
    }  # fmt: skip
    for key, kind in kinds.items():
        if type(getattr(checkpoint, key)) not in kind:
            raise RefusedArchive(f"'{key}' has the wrong type")
    if any(type(number) is not int for number in checkpoint.sample_shape):
        raise RefusedArchive("'sample_shape' is malformed")
    if [type(number) for number in checkpoint.data_range] != [float, float]:
        raise RefusedArchive("'data_range' is malformed")
    if checkpoint.step < 0 or not 1 <= checkpoint.batch_size <= LARGEST_BATCH:
        raise RefusedArchive("'batch_size' or 'step' is out of range")
    for key, value in checkpoint.recipe.items():
        if type(key) is not str or type(value) not in (bool, int, float, str, type(None)):
            raise RefusedArchive("the recipe holds more than plain values")
        if isinstance(value, float) and not math.isfinite(value):
            raise RefusedArchive(f"the recipe's {shown(key)} is not finite")


def _check_fit(checkpoint: Checkpoint) -> None:
    """What the networks take and make is what the file says, before anything is allocated for it."""
    latent, sample = (checkpoint.latent_dim,), checkpoint.sample_shape
    for name, architecture, expected in (
        ("generator", checkpoint.generator, (latent, sample)),
        ("discriminator", checkpoint.discriminator, (sample, (1,))),
    ):
        found = interface(architecture)
        if found != expected:
            raise RefusedArchive(
                f"its {name} '{architecture.name}' maps {found[0]} to {found[1]},"
                f" expected {shown(expected[0])} to {shown(expected[1])}"
            )
    size = checkpoint.recipe.get("image_size")
    if size is not None and size != sample[-1]:
        raise RefusedArchive(f"its recipe's image_size {shown(size)} is not that of its networks")
