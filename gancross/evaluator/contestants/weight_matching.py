"""Weights in a file's content that have a network's names and shapes, whatever keys they lie under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

import torch
from torch import nn

from gancross.checkpoint.checkpoint import State
from gancross.errors import UsageError
from gancross.untrusted.values import short_repr

WRAPPERS = ("module", "_orig_mod")  # that DataParallel and torch.compile put into names
BATCH_COUNT = "num_batches_tracked"
SAVE_AGAIN = (
    "where the networks are, run torch.save({'netG': netG.state_dict(), 'netD': netD.state_dict()},"
    " 'weights.pt') and give that file"
)


def matching_weights(
    network: nn.Module, content: object, *, what: str, where: str
) -> tuple[State, Sequence[str]]:
    """The weights in a file that have the names and shapes of a network's, by the network's names.

    Parts of names that wrap a whole network, in the file or in the network, make no difference.
    Counts of batches may be missing, as in files of torch before 0.4.1. Tensors of one number that the
    network does not have, as counters of operations leave them, are named beside the weights.

    Raises:
        UsageError: no weights match, or several different ones do.
    """
    expected = network_weights(network)
    if not expected:
        return {}, ()
    groups = _states(content)
    namings = list(_namings(expected))
    for own_names in namings:
        tensors = {short: expected[name] for short, name in own_names.items()}
        fit = {place: state for place, state in groups.items() if not _difference(tensors, state)}
        if not fit:
            continue
        first, *alternatives = fit.values()
        if all(_same(first, other) for other in alternatives):
            weights = {name: first[short] for short, name in own_names.items() if short in first}
            return weights, [name for name in first if name not in tensors]
        places = " and ".join(f"'{place}'" for place in fit)
        raise UsageError(
            f"{where}: the weights at {places} all fit the {what}: give the factory a parameter for the"
            " file's content and choose there"
        )
    if not groups:
        keys = f"; its keys: {short_repr(list(content))}" if isinstance(content, Mapping) else ""
        raise UsageError(f"{where}: holds no tensors, expected the weights of the {what}{keys}; {SAVE_AGAIN}")
    own_names, place = max(
        ((each, place) for each in namings for place in groups),
        key=lambda pair: len(pair[0].keys() & groups[pair[1]].keys()),
    )
    tensors, nearest = {short: expected[name] for short, name in own_names.items()}, groups[place]
    hint = "" if "," in where else "; two files are written GENERATOR,DISCRIMINATOR"
    raise UsageError(
        f"{where}: no weights fit the {what}; nearest are those at '{place or 'the top'}':"
        f" {_difference(tensors, nearest)}{hint}"
    )


def network_weights(network: nn.Module) -> State:
    """A network's tensors by their names."""
    return {key: value for key, value in network.state_dict().items() if isinstance(value, torch.Tensor)}


def _namings(names: Iterable[str]) -> Iterator[dict[str, str]]:
    """A network's names by the shorter ones that a file may have, the longest first.

    Without the parts that wrappers add; then without one, two, … of the parts that all names begin with, as
    where the file's network is an attribute of another module.
    """
    parts = {name: unwrapped.split(".") for name, unwrapped in _unwrapped(names).items()}
    levels = zip(*(each[:-1] for each in parts.values()), strict=False)
    common = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
    for depth in range(common + 1):
        yield {".".join(each[depth:]): name for name, each in parts.items()}


def _unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Each name without the parts that wrappers add; all as they are where two would become one."""
    shorter = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names}
    return shorter if len(set(shorter.values())) == len(shorter) else {name: name for name in shorter}


def _states(content: object) -> dict[str, State]:
    """Every group of tensors with a common prefix, by that prefix: `netG`, `netG.main`, ….

    Dots in names count as nesting does, and lists as dictionaries with numbers for keys, so that
    `{"netG": {"0.weight": …}}`, `{"netG.0.weight": …}` and `[{"module.0.weight": …}]` all hold the weights of
    `nn.Sequential(nn.Linear(…))`.
    """
    tensors = dict(_tensors(content))
    groups: dict[tuple[str, ...], State] = {}
    for name, unwrapped in _unwrapped(tensors).items():
        parts = tuple(unwrapped.split("."))
        for depth in range(len(parts)):
            groups.setdefault(parts[:depth], {})[".".join(parts[depth:])] = tensors[name]
    return {".".join(place): state for place, state in groups.items()}


def _tensors(content: object) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor beneath containers, by the names on the way to it."""
    if isinstance(content, Mapping):
        items: Iterable[tuple[object, object]] = content.items()
    else:
        items = enumerate(content) if isinstance(content, list | tuple) else ()
    for key, value in items:
        if isinstance(value, torch.Tensor):
            yield str(key), value
        elif isinstance(value, Mapping | list | tuple):
            yield from ((f"{key}.{below}", tensor) for below, tensor in _tensors(value))


def _same(state: State, other: State) -> bool:
    """Whether all numbers that both have are equal."""
    first, second = (
        {key: tensor if tensor.is_complex() else tensor.double() for key, tensor in each.items()}
        for each in (state, other)
    )
    return all(torch.equal(first[key], second[key]) for key in first.keys() & second.keys())


def _difference(expected: State, state: State) -> str:
    """The first difference between weights and a network's; empty if there is none that matters."""
    missing = [key for key in expected if key not in state and key.rpartition(".")[2] != BATCH_COUNT]
    if missing:
        return f"'{missing[0]}' is missing" + (f", {len(missing)} in all" if len(missing) > 1 else "")
    unknown = [key for key, tensor in state.items() if key not in expected and tensor.numel() > 1]
    if unknown:
        return f"the network has no '{unknown[0]}'"
    for key in expected.keys() & state.keys():
        tensor, got = expected[key], state[key]
        if got.shape != tensor.shape:
            return f"'{key}': expected shape {tuple(tensor.shape)}, got {tuple(got.shape)}"
        if got.is_complex() and not tensor.is_complex():
            return f"'{key}': expected {tensor.dtype}, got {got.dtype}"
    return ""
