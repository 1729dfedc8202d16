"""The door between the two wings: one file with both networks and all that the evaluator needs.

A checkpoint is data. It holds plain containers and tensors, and names of architectures that gancross
itself builds; nothing in it is ever executed, opened or followed.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancross.archive import RefusedArchive, load_archive
from gancross.contestant import Contestant, Origin
from gancross.errors import CheckpointError, UsageError
from gancross.files import read_bytes, write_atomically
from gancross.models import Architecture, skeleton

FORMAT = "gancross.checkpoint/1"
LARGEST_FILE = 16 << 30

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

    Raises:
        ResourceError: the file cannot be written; what was there before is untouched.
    """
    write_atomically(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The file's content: a zip archive as `torch.save` writes it."""
    plain = {spec.name: getattr(checkpoint, spec.name) for spec in fields(Checkpoint)}
    for network in ("generator", "discriminator"):
        architecture: Architecture = plain[network]
        plain[network] = {"name": architecture.name, "arguments": architecture.arguments}
        # Saved contiguous and on the CPU: a view would drag its whole storage into the file.
        plain[f"{network}_state"] = {
            key: value.detach().to("cpu", memory_format=torch.contiguous_format)
            for key, value in plain[f"{network}_state"].items()
        }
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **plain}, buffer)
    return buffer.getvalue()


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint that may come from a stranger.

    Raises:
        UsageError: there is no such regular file.
        CheckpointError: the file is damaged, hostile, of another kind or of a newer format.
    """
    return from_bytes(read_bytes(path, limit=LARGEST_FILE), path)


def from_bytes(content: bytes, path: Path) -> Checkpoint:
    """As `load`, from bytes already read; `path` is for messages."""
    try:
        loaded = load_archive(content)
        if not isinstance(loaded, dict) or "format" not in loaded:
            raise RefusedArchive("not a checkpoint of gancross (no 'format' key)")
        if loaded["format"] != FORMAT:
            raise RefusedArchive(f"format {loaded['format']!r:.60}; this version reads {FORMAT}")
        values = {key: value for key, value in loaded.items() if key != "format"}
        known = {spec.name for spec in fields(Checkpoint)}
        required = {spec.name for spec in fields(Checkpoint) if spec.default is MISSING}
        if not required <= set(values) <= known:
            wrong = ", ".join(sorted(map(str, (required - set(values)) | (set(values) - known))))
            raise RefusedArchive(f"missing or unknown keys: {wrong:.200}")
        for network in ("generator", "discriminator"):
            values[network] = _architecture(values[network])
            _check_state(values[network], values[f"{network}_state"])
        checkpoint = Checkpoint(**values)
        _check_scalars(checkpoint)
        return checkpoint
    except (RefusedArchive, ValueError) as error:
        raise CheckpointError(f"{path}: refused: {error}") from None


def load_contestant(path: str | Path, *, name: str | None = None, device: str = "cpu") -> Contestant:
    """The contestant of a checkpoint: both networks in evaluation mode on `device`.

    Args:
        path: a checkpoint written by `gancross train`.
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
        raise CheckpointError(f"{path}: refused: {error}") from None


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
        if got.is_floating_point() and not bool(got.isfinite().all()):
            raise RefusedArchive(f"'{key}' holds NaN or infinite weights")


def _check_scalars(checkpoint: Checkpoint) -> None:
    """Types of everything that is no network; values are checked where they are used."""
    kinds: dict[str, tuple[type, ...]] = {
        "recipe": (dict,), "method": (str,), "step": (int,), "sample_shape": (tuple,),
        "latent_dim": (int,), "latent": (str,), "data_range": (tuple,), "score_kind": (str,),
        "orientation": (str,), "threshold": (float, type(None)), "batch_size": (int,), "training": (dict,),
        "weights": (str,),
    }  # fmt: skip
    for key, kind in kinds.items():
        if not isinstance(getattr(checkpoint, key), kind):
            raise RefusedArchive(f"'{key}' has the wrong type")
    for key, value in checkpoint.recipe.items():
        if not isinstance(key, str) or not isinstance(value, bool | int | float | str | type(None)):
            raise RefusedArchive("the recipe holds more than plain values")
    numbers = (*checkpoint.sample_shape, *checkpoint.data_range)
    if not all(isinstance(number, int | float) for number in numbers) or len(checkpoint.data_range) != 2:
        raise RefusedArchive("'sample_shape' or 'data_range' is malformed")
    if checkpoint.latent_dim < 1 or checkpoint.batch_size < 1 or checkpoint.step < 0:
        raise RefusedArchive("'latent_dim', 'batch_size' or 'step' is out of range")
