"""Weights of other code as contestants: the user's factory builds the networks, the file is only data.

Files are read as every checkpoint is: checked, weights only. A factory without parameters returns a
contestant whose networks are fresh; the weights that fit them, name by name and shape by shape, are found
in the file wherever they lie, under `netG` and `netD` or any other key. A factory with a parameter gets what
the file holds and loads it itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from gancross.checkpoint.checkpoint import State
from gancross.checkpoint.contestant import Contestant, Origin
from gancross.checkpoint.file import FORMAT, LARGEST_FILE, contestant_from_bytes
from gancross.checkpoint.validation import check_finite
from gancross.errors import CheckpointError, UsageError, first_line
from gancross.evaluator.contestants.factories import Factory, called, takes_weights
from gancross.machine.files import read_bytes
from gancross.untrusted.pt_file import load_archive
from gancross.untrusted.values import RefusedArchive

NETWORKS = ("generator", "discriminator")
FAMILY = FORMAT.split("/")[0]


def foreign_contestant(paths: Sequence[Path], factory: Factory, *, name: str, place: str) -> Contestant:
    """A contestant of weights and the code that builds their networks.

    Args:
        paths: one file with the weights of both networks, or the generator's and the discriminator's.
        factory: `factory()` or `factory(content)`, see above; `content` is what the one file holds, or
            {"generator": …, "discriminator": …} of two.
        place: what to call the factory in messages.

    Raises:
        UsageError: no such file; the factory fails; no weights, or several, fit a network.
        CheckpointError: a file is refused, or holds NaN or infinite weights.
    """
    contents = [read_bytes(path, limit=LARGEST_FILE) for path in paths]
    loaded = [_loaded(content, path) for content, path in zip(contents, paths, strict=True)]
    if len(paths) == 1 and _is_gancross(loaded[0], contents[0]):
        return contestant_from_bytes(
            contents[0], paths[0], name=name,
            build=lambda states: _built(states, factory, place=place, where=str(paths[0])),
        )  # fmt: skip
    where = ",".join(map(str, paths))
    holds = loaded[0] if len(paths) == 1 else dict(zip(NETWORKS, loaded, strict=True))
    if not isinstance(holds, Mapping):
        raise CheckpointError(f"{where}: refused: holds a {type(holds).__name__}, no dictionary of weights")
    origin = Origin(path=where, sha256=hashlib.sha256(b"".join(contents)).hexdigest())
    return replace(_built(holds, factory, place=place, where=where), name=name, origin=origin)


def _loaded(content: bytes, path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_safetensors(content)
        return load_archive(content)
    except (RefusedArchive, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: refused: {first_line(error)}") from None


def _is_gancross(loaded: object, content: bytes) -> bool:
    """Whether a file says that it is a checkpoint of gancross, in either of its formats."""
    if isinstance(loaded, Mapping) and str(loaded.get("format")).startswith(f"{FAMILY}/"):
        return True
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return not content.startswith(b"PK") and FAMILY.encode() in header


def _built(holds: Mapping[str, object], factory: Factory, *, place: str, where: str) -> Contestant:
    """What the factory makes of a file's content; its networks in evaluation mode."""
    itself = takes_weights(factory)
    contestant = called(factory, *((holds,) if itself else ()), place=place)
    for what, network in zip(NETWORKS, (contestant.generator, contestant.discriminator), strict=True):
        if network is None:
            continue
        network.eval().requires_grad_(False)
        if not itself:
            # Not strict: names and shapes have been compared, and some modules keep more than tensors.
            network.load_state_dict(fitting(network, holds, what=what, where=where), strict=False)
        try:
            check_finite(_weights(network))
        except RefusedArchive as error:
            raise CheckpointError(f"{where}: refused: {error}") from None
    return contestant


def fitting(network: nn.Module, holds: Mapping[str, object], *, what: str, where: str) -> State:
    """The weights in a file that have exactly the names and shapes of a network's.

    Raises:
        UsageError: none have, or several that differ.
    """
    expected = _weights(network)
    if not expected:
        return {}
    found = list(_states(holds))
    fit = {place: state for place, state in found if not _difference(expected, state)}
    different = list(fit.values())[1:]
    if fit and all(_same(next(iter(fit.values())), other) for other in different):
        return next(iter(fit.values()))
    if fit:
        places = " and ".join(f"'{place}'" for place in fit)
        raise UsageError(
            f"{where}: the weights at {places} all fit the {what}: let the factory take what the file holds"
            " and choose"
        )
    if not found:
        raise UsageError(f"{where}: holds no weights")
    place, nearest = max(found, key=lambda one: len(expected.keys() & one[1].keys()))
    hint = "" if "," in where else "; two files are written GENERATOR,DISCRIMINATOR"
    raise UsageError(
        f"{where}: no weights fit the {what}; nearest are those at '{place or 'the top'}':"
        f" {_difference(expected, nearest)}{hint}"
    )


def _weights(network: nn.Module) -> State:
    return {key: value for key, value in network.state_dict().items() if isinstance(value, torch.Tensor)}


def _states(holds: Mapping[str, object]) -> Iterator[tuple[str, State]]:
    """Every group of tensors with a common beginning, by that beginning: `netG`, `netG.main`, `module`, ….

    Dots in names count as nesting does, so that `{"netG": {"0.weight": …}}`, `{"netG.0.weight": …}` and
    `{"netG": {"module.0.weight": …}}` all hold the weights of `nn.Sequential(nn.Linear(…))`.
    """
    groups: dict[tuple[str, ...], State] = {}
    for parts, tensor in _tensors(holds):
        for depth in range(len(parts)):
            groups.setdefault(parts[:depth], {})[".".join(parts[depth:])] = tensor
    return ((".".join(place), state) for place, state in groups.items())


def _tensors(holds: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
    for key, value in holds.items():
        parts = tuple(str(key).split("."))
        if isinstance(value, torch.Tensor):
            yield parts, value
        elif isinstance(value, Mapping):
            yield from (((*parts, *below), tensor) for below, tensor in _tensors(value))


def _difference(expected: State, state: State) -> str:
    """The first thing in which weights differ from a network's; empty if nothing."""
    missing = [key for key in expected if key not in state]
    if missing:
        return f"'{missing[0]}' is missing" + (f", {len(missing)} in all" if len(missing) > 1 else "")
    unknown = [key for key in state if key not in expected]
    if unknown:
        return f"the network has no '{unknown[0]}'"
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            return f"'{key}' should be {tuple(tensor.shape)}, is {tuple(state[key].shape)}"
    return ""


def _same(one: State, other: State) -> bool:
    return all(torch.equal(tensor, other[key]) for key, tensor in one.items())
