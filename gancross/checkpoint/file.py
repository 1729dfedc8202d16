"""Writes and reads checkpoint files, and builds the contestant of one.

A checkpoint is data. It holds plain containers and tensors, and names of architectures that gancross
itself builds; nothing in it is ever executed, opened or followed.
"""

from __future__ import annotations

import hashlib
import io
import math
import operator
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancross.checkpoint.checkpoint import NETWORKS, Checkpoint, State, check_fields, read_architecture
from gancross.checkpoint.contestant import SHARED_FIELDS, Contestant, Origin
from gancross.checkpoint.own_networks import NetworkPair, load_weights, network_pair, takes_argument
from gancross.errors import CheckpointError, UsageError, printable
from gancross.machine.files import read_bytes, write_atomically
from gancross.models import Architecture, skeleton
from gancross.score_kinds import probability_threshold
from gancross.untrusted import safetensors_file
from gancross.untrusted.pt_file import load_archive
from gancross.untrusted.values import RefusedArchive, short_repr

FAMILY = "gancross.checkpoint"
FORMAT = f"{FAMILY}/2"
LARGEST_FILE = 16 << 30


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint atomically: the old file or the new one, never a part.

    A `.safetensors` file is for sharing: it holds no `training` and cannot be resumed from.

    Raises:
        UsageError: the path ends neither in .pt nor in .safetensors.
        ResourceError: the file cannot be written; an old file is untouched.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"{path}: give a file that ends in {' or '.join(WRITERS)}")
    write_atomically(path, WRITERS[path.suffix](checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of a `.pt` file: a zip archive as `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **_plain_values(checkpoint)}, buffer)
    return buffer.getvalue()


def to_shared_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of a `.safetensors` file, without `training`."""
    values = _plain_values(checkpoint)
    del values["training"]
    states = {network: values.pop(f"{network}_state") for network in NETWORKS}
    tensors = {f"{network}.{key}": value for network in NETWORKS for key, value in states[network].items()}
    return safetensors_file.to_bytes(FORMAT, values, tensors)


WRITERS: dict[str, Callable[[Checkpoint], bytes]] = {".pt": to_bytes, ".safetensors": to_shared_bytes}


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint that may come from a stranger.

    Raises:
        UsageError: there is no such regular file.
        CheckpointError: the file is damaged, hostile, of another kind or of a newer format.
        ResourceError: it cannot be read, or is longer than 16 GiB.
    """
    return from_bytes(read_bytes(path, limit=LARGEST_FILE), path)


def from_bytes(content: bytes, path: Path, *, other_code: bool = False) -> Checkpoint:
    """As `load`, from bytes already read; the suffix of `path` gives their format.

    `other_code` is that of `read_architecture`.
    """
    try:
        loaded = _safetensors_values(content) if path.suffix == ".safetensors" else load_archive(content)
        if not isinstance(loaded, dict) or "format" not in loaded:
            raise RefusedArchive("not a checkpoint of gancross (no 'format' key)")
        format_name, values = loaded["format"], {key: loaded[key] for key in loaded if key != "format"}
        if not isinstance(format_name, str) or format_name not in MIGRATIONS:
            raise RefusedArchive(f"format {short_repr(format_name)}, expected {FORMAT}")
        values = MIGRATIONS[format_name](values)
        known = {spec.name for spec in fields(Checkpoint)}
        required = {spec.name for spec in fields(Checkpoint) if spec.default is MISSING}
        if not required <= set(values) <= known:
            wrong = ", ".join(sorted(map(str, (required - set(values)) | (set(values) - known))))
            raise RefusedArchive(f"missing or unknown keys: {wrong:.200}")
        for network in NETWORKS:
            values[network] = read_architecture(
                values[network], values[f"{network}_state"], other_code=other_code
            )
        checkpoint = Checkpoint(**values)
        check_fields(checkpoint)
        return checkpoint
    except (RefusedArchive, ValueError) as error:
        refusal = _refusal(path, error)
        if content and FAMILY.encode() not in content:
            raise CheckpointError(
                f"{refusal}; name the code of other networks with --arch NAME=module:factory --trust-code"
            ) from None
        raise refusal from None


Build = Callable[..., Contestant | NetworkPair]


def load_contestant(
    path: str | Path, *, name: str | None = None, device: str = "cpu", build: Build | None = None
) -> Contestant:
    """The contestant of a checkpoint: its networks in evaluation mode on `device`.

    Args:
        path: a checkpoint written by `gancross train`, `gancross export` or `gancross.save_checkpoint`.
        name: by default the file's stem, or its folder's name for `last.pt`.
        build: for networks that are not gancross architectures, as those of `train(networks=…)`: returns
            (generator, discriminator), into which the file's weights are loaded, or a contestant whose
            weights `build` has loaded itself. It is called without arguments, or, if it has a parameter
            without default, with the weights {"generator": …, "discriminator": …}. The file gives
            latents, range and the meaning of the scores.

    Raises:
        UsageError: there is no such regular file; `build` is missing, given for gancross architectures, or
            returns something else or networks that the weights do not fit.
        CheckpointError: the file is refused.
    """
    path = Path(path)
    content = read_bytes(path, limit=LARGEST_FILE)
    name = name or (path.absolute().parent.name if path.stem == "last" else path.stem)
    checkpoint = from_bytes(content, path, other_code=build is not None)
    return contestant_of(checkpoint, content, path, name=name, device=device, build=build)


def contestant_of(
    checkpoint: Checkpoint, content: bytes, path: Path, *, name: str, device: str = "cpu",
    build: Build | None = None,
) -> Contestant:  # fmt: skip
    """As `load_contestant`, of the checkpoint that `content` holds."""
    if checkpoint.is_foreign and build is None:
        raise UsageError(
            f"{path}: its networks are not gancross architectures; name their code with"
            " --arch NAME=module:factory --trust-code"
        )
    if not checkpoint.is_foreign and build is not None:
        raise UsageError(f"{path}: its networks are gancross architectures; leave out --arch")
    states = {"generator": checkpoint.generator_state, "discriminator": checkpoint.discriminator_state}
    outputs = _labels_of_recipe(checkpoint)
    if build is None:
        generator, discriminator = (_network(getattr(checkpoint, what), states[what]) for what in NETWORKS)
    else:
        built = build(states) if takes_argument(build) else build()
        if isinstance(built, Contestant):
            generator, discriminator = built.generator, built.discriminator
            outputs |= {"score": built.score, "generate": built.generate}  # of which a file holds nothing
            if built.num_classes is not None:
                outputs |= {"label_prior": built.label_prior, "judge_labels": built.judge_labels}
        else:
            generator, discriminator = pair = network_pair(built, f"{path}: build")
            load_weights(pair, states, str(path))
    sha256, step = hashlib.sha256(content).hexdigest(), checkpoint.step if checkpoint.recipe else None
    try:
        return Contestant(
            name=name,
            generator=generator and generator.to(device),
            discriminator=discriminator and discriminator.to(device),
            **{field: getattr(checkpoint, field) for field in SHARED_FIELDS},
            **outputs,
            origin=Origin(path=str(path), sha256=sha256, step=step, recipe=checkpoint.recipe),
        )
    except UsageError as error:
        raise _refusal(path, error) from None


def _labels_of_recipe(checkpoint: Checkpoint) -> dict[str, Any]:
    """How labels were drawn in training, and whether the discriminator took them, where a recipe says so."""
    recipe = checkpoint.recipe
    if checkpoint.num_classes is None or "conditional" not in recipe:
        return {}
    return {
        "label_prior": recipe.get("label_prior", "uniform"),
        "judge_labels": recipe["conditional"] == "labels",
    }


def from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Thresholds of probabilities were thresholds of their logits."""
    kind, threshold = values.get("score_kind"), values.get("threshold")
    if kind == "probability" and isinstance(threshold, float) and math.isfinite(threshold):
        return values | {"threshold": probability_threshold(threshold)}
    return values


MIGRATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "gancross.checkpoint/1": from_version_1,
    FORMAT: lambda values: values,
}


def _refusal(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: refused: {printable(str(error), limit=300)}")


def _plain_values(checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields as plain values for the file."""
    plain = {spec.name: getattr(checkpoint, spec.name) for spec in fields(Checkpoint)}
    if checkpoint.num_classes is None:
        del plain["num_classes"]
    for network in NETWORKS:
        architecture: Architecture | None = plain[network]
        if architecture is not None:
            plain[network] = {"name": architecture.name, "arguments": architecture.arguments}
        plain[f"{network}_state"] = {
            key: _compact(value.detach().to("cpu")) for key, value in plain[f"{network}_state"].items()
        }
    plain["training"] = _compacted(plain["training"])
    return plain


def _compacted(value: Any) -> Any:
    """The value with compact tensors in its containers; it itself where they are all compact."""
    if isinstance(value, torch.Tensor):
        return _compact(value)
    if isinstance(value, dict):
        parts = {key: _compacted(part) for key, part in value.items()}
        return value if all(parts[key] is value[key] for key in value) else parts
    if isinstance(value, list):
        items = [_compacted(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value


def _compact(tensor: torch.Tensor) -> torch.Tensor:
    """A contiguous tensor with its own storage: a view would write the whole storage."""
    whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


def _safetensors_values(content: bytes) -> dict[str, Any]:
    """The content of a `.safetensors` file, in the form of a `.pt` file."""
    format_name, values, tensors = safetensors_file.load_tensors_file(content)
    states: dict[str, State] = {f"{network}_state": {} for network in NETWORKS}
    for name, tensor in tensors.items():
        network, _, key = name.partition(".")
        if network not in NETWORKS:
            raise RefusedArchive(f"tensor {short_repr(name)} belongs to neither network")
        states[f"{network}_state"][key] = tensor
    if not isinstance(values, dict) or set(values) & {"format", "training", *states}:
        raise RefusedArchive("not a checkpoint of gancross (its text has other keys)")
    return {"format": format_name, **values, **states, "training": {}}


def _network(architecture: Architecture | None, state: State) -> nn.Module | None:
    if architecture is None:
        return None
    network = skeleton(architecture)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)
