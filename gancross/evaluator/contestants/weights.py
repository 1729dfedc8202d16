"""Weights of other projects as contestants: the user's factory builds the networks, the file is only data.

Nothing in a file is executed; what is no weight in it is ignored, or left out and counted. A factory without
parameters returns a contestant with fresh networks; the file is searched, under `netG` and `netD` or any
other key, for weights of the same names and shapes. A factory with a parameter gets the file's content and
loads the weights itself. Of a checkpoint of gancross the factory may also return (generator, discriminator),
as the function does that built them for training; a parameter is the recipe if the checkpoint has one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from gancross.checkpoint.checkpoint import NETWORKS, State, check_finite
from gancross.checkpoint.contestant import Contestant, Origin
from gancross.checkpoint.file import FAMILY, LARGEST_FILE, contestant_of, from_bytes
from gancross.checkpoint.own_networks import NetworkPair, takes_argument
from gancross.errors import CheckpointError, UsageError, first_line, printable
from gancross.evaluator.contestants.factories import Factory, built_from, contestant_from
from gancross.machine.files import read_bytes
from gancross.untrusted.foreign_file import ForeignContent, load_foreign
from gancross.untrusted.values import RefusedArchive, short_repr

WRAPPERS = ("module", "_orig_mod")  # that DataParallel and torch.compile put into names
AsRecipe = Callable[[dict[str, Any]], object]
BATCH_COUNT = "num_batches_tracked"
SAVE_AGAIN = (
    "where the networks are, run torch.save({'netG': netG.state_dict(), 'netD': netD.state_dict()},"
    " 'weights.pt') and give that file"
)


def foreign_contestant(
    paths: Sequence[Path], factory: Factory, *, name: str, place: str, arch: str | None = None,
    as_recipe: AsRecipe = dict,
) -> Contestant:  # fmt: skip
    """A contestant of weights and the code that builds their networks.

    Args:
        paths: one file with the weights of both networks, or the generator's and the discriminator's.
        factory: `factory()` or `factory(content)`, see above; `content` is that of the only file, or
            {"generator": …, "discriminator": …} of two files.
        place: begins messages about the factory.
        arch: the factory's name as the caller wrote it, for the record.
        as_recipe: makes the recipe, the argument of a factory of pairs, from a checkpoint's plain values.

    Raises:
        UsageError: no such file; the factory fails; no weights, or several, fit a network.
        CheckpointError: a file is refused, or holds NaN or infinite weights.
    """
    contents = [read_bytes(path, limit=LARGEST_FILE) for path in paths]
    loaded = [_loaded(content, path) for content, path in zip(contents, paths, strict=True)]
    values = [each.value for each in loaded]
    where = ",".join(map(str, paths))
    left_out = LeftOut(loaded)
    build = partial(_built, factory=factory, place=place, where=where, left_out=left_out)
    if len(paths) == 1 and _is_gancross(values[0], contents[0]):
        checkpoint = from_bytes(contents[0], paths[0], other_code=True)

        def own(states: dict[str, State]) -> Contestant | NetworkPair:
            if takes_argument(factory) and not checkpoint.recipe:
                return build(states)
            arguments = (as_recipe(checkpoint.recipe),) if takes_argument(factory) else ()
            built = built_from(factory, *arguments, place=place)
            return build(states, factory=lambda: built) if isinstance(built, Contestant) else built

        saved = contestant_of(checkpoint, contents[0], paths[0], name=name, build=own)
        assert saved.origin is not None
        return replace(saved, origin=replace(saved.origin, arch=arch, notes=tuple(left_out.notes)))
    contestant = build(values[0] if len(paths) == 1 else dict(zip(NETWORKS, values, strict=True)))
    origin = Origin(
        path=where, sha256=hashlib.sha256(b"".join(contents)).hexdigest(), arch=arch,
        notes=tuple(left_out.notes),
    )  # fmt: skip
    return replace(contestant, name=name, origin=origin)


class LeftOut:
    """What is in files and no network needs: objects of classes of other code, and tensors beside weights.

    Attributes:
        notes: a sentence for each kind, for the record.
        modules: classes of pickled modules.
    """

    def __init__(self, loaded: Sequence[ForeignContent]) -> None:
        self._unread = sum((each.unread for each in loaded), Counter[str]())
        self.modules = sorted(set().union(*(each.modules for each in loaded)))
        self.notes = [f"its file holds {self.objects}, which were not read"] if self._unread else []

    @property
    def objects(self) -> str:
        """How many objects of which classes; empty if there are none."""
        return printable(
            ", ".join(f"{count} of {name}" for name, count in self._unread.most_common(4)), limit=200
        )

    def add_tensors(self, names: Sequence[str], what: str) -> None:
        """Counts tensors of one number that a network does not have."""
        if names:
            some = printable(", ".join(names), limit=80)
            self.notes.append(
                f"its file holds {len(names)} tensors of one number that the {what} does not have, left out:"
                f" {some}"
            )


def _loaded(content: bytes, path: Path) -> ForeignContent:
    try:
        if path.suffix == ".safetensors":
            return ForeignContent(value=load_safetensors(content))
        return load_foreign(content)
    except (RefusedArchive, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: refused: {first_line(error)}; {SAVE_AGAIN}") from None


def _is_gancross(loaded: object, content: bytes) -> bool:
    """Whether a file is marked as a checkpoint of gancross, in either of its formats."""
    if isinstance(loaded, Mapping) and str(loaded.get("format")).startswith(f"{FAMILY}/"):
        return True
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return not content.startswith(b"PK") and FAMILY.encode() in header


def _built(content: object, *, factory: Factory, place: str, where: str, left_out: LeftOut) -> Contestant:
    """The factory's contestant with the file's weights; its networks in evaluation mode."""
    loads_weights = takes_argument(factory)
    if not isinstance(content, Mapping | list | tuple):
        kind = left_out.objects or f"a {type(content).__name__}"
        raise _refusal(f"holds {kind}, expected a dictionary of weights", where, left_out)
    try:
        contestant = contestant_from(factory, *((content,) if loads_weights else ()), place=place)
    except UsageError as error:
        if loads_weights and left_out.objects:
            raise UsageError(f"{error}; not read from {where}: {left_out.objects}") from error.__cause__
        raise
    for what, network in zip(NETWORKS, (contestant.generator, contestant.discriminator), strict=True):
        if network is None:
            continue
        network.eval().requires_grad_(False)
        if not loads_weights:
            try:
                state, unknown = matching_weights(network, content, what=what, where=where)
            except UsageError as error:
                if left_out.objects:
                    reason = str(error).removeprefix(f"{where}: ").removesuffix(f"; {SAVE_AGAIN}")
                    raise _refusal(f"{reason}; not read: {left_out.objects}", where, left_out) from None
                raise
            left_out.add_tensors(unknown, what)
            # Not strict: names and shapes have been compared, and some modules keep more than tensors.
            network.load_state_dict(state, strict=False)
        try:
            check_finite(_weights(network))
        except RefusedArchive as error:
            raise CheckpointError(f"{where}: refused: {error}") from None
    return contestant


def _refusal(reason: str, where: str, left_out: LeftOut) -> CheckpointError:
    """That of a file whose weights may lie in objects that were not read."""
    if left_out.modules:
        names = printable(", ".join(left_out.modules), limit=120)
        reason = f"holds whole pickled modules ({names}), whose code would have to be run"
    return CheckpointError(f"{where}: refused: {reason}; {SAVE_AGAIN}")


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
    expected = _weights(network)
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


def _weights(network: nn.Module) -> State:
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
