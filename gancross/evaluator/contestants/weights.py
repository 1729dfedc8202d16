"""Weights of other projects as contestants: the user's factory builds the networks, the file is only data.

Files are checked as every checkpoint is, and read weights-only. A factory without parameters returns a
contestant with fresh networks; the file is searched, under `netG` and `netD` or any other key, for weights of
the same names and shapes. A factory with a parameter gets the file's content and loads the weights itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from gancross.checkpoint.checkpoint import NETWORKS, State, check_finite
from gancross.checkpoint.contestant import Contestant, Origin
from gancross.checkpoint.file import FORMAT, LARGEST_FILE, contestant_from_bytes
from gancross.errors import CheckpointError, UsageError, first_line
from gancross.evaluator.contestants.factories import Factory, contestant_from, takes_weights
from gancross.machine.files import read_bytes
from gancross.untrusted.pt_file import load_archive
from gancross.untrusted.values import RefusedArchive, short_repr


def foreign_contestant(
    paths: Sequence[Path], factory: Factory, *, name: str, place: str, arch: str | None = None
) -> Contestant:
    """A contestant of weights and the code that builds their networks.

    Args:
        paths: one file with the weights of both networks, or the generator's and the discriminator's.
        factory: `factory()` or `factory(content)`, see above; `content` is that of the only file, or
            {"generator": …, "discriminator": …} of two files.
        place: begins messages about the factory.
        arch: the factory's name as the caller wrote it, for the record.

    Raises:
        UsageError: no such file; the factory fails; no weights, or several, fit a network.
        CheckpointError: a file is refused, or holds NaN or infinite weights.
    """
    contents = [read_bytes(path, limit=LARGEST_FILE) for path in paths]
    loaded = [_loaded(content, path) for content, path in zip(contents, paths, strict=True)]
    where = ",".join(map(str, paths))
    build = partial(_built, factory=factory, place=place, where=where)
    if len(paths) == 1 and _is_gancross(loaded[0], contents[0]):
        saved = contestant_from_bytes(contents[0], paths[0], name=name, build=build)
        assert saved.origin is not None
        return replace(saved, origin=replace(saved.origin, arch=arch))
    content = loaded[0] if len(paths) == 1 else dict(zip(NETWORKS, loaded, strict=True))
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{where}: refused: holds a {type(content).__name__}, expected a dictionary of weights"
        )
    origin = Origin(path=where, sha256=hashlib.sha256(b"".join(contents)).hexdigest(), arch=arch)
    return replace(build(content), name=name, origin=origin)


def _loaded(content: bytes, path: Path) -> object:
    try:
        return load_safetensors(content) if path.suffix == ".safetensors" else load_archive(content)
    except (RefusedArchive, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: refused: {first_line(error)}") from None


def _is_gancross(loaded: object, content: bytes) -> bool:
    """Whether a file is marked as a checkpoint of gancross, in either of its formats."""
    family = FORMAT.split("/")[0]
    if isinstance(loaded, Mapping) and str(loaded.get("format")).startswith(f"{family}/"):
        return True
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return not content.startswith(b"PK") and family.encode() in header


def _built(content: Mapping[str, object], *, factory: Factory, place: str, where: str) -> Contestant:
    """The factory's contestant with the file's weights; its networks in evaluation mode."""
    loads_weights = takes_weights(factory)
    contestant = contestant_from(factory, *((content,) if loads_weights else ()), place=place)
    for what, network in zip(NETWORKS, (contestant.generator, contestant.discriminator), strict=True):
        if network is None:
            continue
        network.eval().requires_grad_(False)
        if not loads_weights:
            # Not strict: names and shapes have been compared, and some modules keep more than tensors.
            network.load_state_dict(matching_weights(network, content, what=what, where=where), strict=False)
        try:
            check_finite(_weights(network))
        except RefusedArchive as error:
            raise CheckpointError(f"{where}: refused: {error}") from None
    return contestant


def matching_weights(network: nn.Module, content: Mapping[str, object], *, what: str, where: str) -> State:
    """The weights in a file that have exactly the names and shapes of a network's.

    Raises:
        UsageError: no weights match, or several different ones do.
    """
    expected = _weights(network)
    if not expected:
        return {}
    groups = _states(content)
    fit = {place: state for place, state in groups.items() if not _difference(expected, state)}
    if fit:
        first, *alternatives = fit.values()
        if all(torch.equal(tensor, state[key]) for state in alternatives for key, tensor in first.items()):
            return first
        places = " and ".join(f"'{place}'" for place in fit)
        raise UsageError(
            f"{where}: the weights at {places} all fit the {what}: give the factory a parameter for the"
            " file's content and choose there"
        )
    if not groups:
        raise UsageError(
            f"{where}: holds no tensors, expected the weights of the {what}; its keys:"
            f" {short_repr(list(content))}"
        )
    place, nearest = max(groups.items(), key=lambda group: len(expected.keys() & group[1].keys()))
    hint = "" if "," in where else "; two files are written GENERATOR,DISCRIMINATOR"
    raise UsageError(
        f"{where}: no weights fit the {what}; nearest are those at '{place or 'the top'}':"
        f" {_difference(expected, nearest)}{hint}"
    )


def _weights(network: nn.Module) -> State:
    return {key: value for key, value in network.state_dict().items() if isinstance(value, torch.Tensor)}


def _states(content: Mapping[str, object]) -> dict[str, State]:
    """Every group of tensors with a common prefix, by that prefix: `netG`, `netG.main`, `module`, ….

    Dots in names count as nesting does, so that `{"netG": {"0.weight": …}}`, `{"netG.0.weight": …}` and
    `{"netG": {"module.0.weight": …}}` all hold the weights of `nn.Sequential(nn.Linear(…))`.
    """
    groups: dict[tuple[str, ...], State] = {}
    for name, tensor in _tensors(content):
        parts = tuple(name.split("."))
        for depth in range(len(parts)):
            groups.setdefault(parts[:depth], {})[".".join(parts[depth:])] = tensor
    return {".".join(place): state for place, state in groups.items()}


def _tensors(content: Mapping[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in content.items():
        if isinstance(value, torch.Tensor):
            yield str(key), value
        elif isinstance(value, Mapping):
            yield from ((f"{key}.{below}", tensor) for below, tensor in _tensors(value))


def _difference(expected: State, state: State) -> str:
    """The first difference between weights and a network's; empty if there is none."""
    missing = [key for key in expected if key not in state]
    if missing:
        return f"'{missing[0]}' is missing" + (f", {len(missing)} in all" if len(missing) > 1 else "")
    unknown = [key for key in state if key not in expected]
    if unknown:
        return f"the network has no '{unknown[0]}'"
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            return f"'{key}': expected shape {tuple(tensor.shape)}, got {tuple(state[key].shape)}"
    return ""
