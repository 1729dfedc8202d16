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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from gancross.checkpoint.checkpoint import NETWORKS, State, check_finite
from gancross.checkpoint.contestant import Contestant, Origin
from gancross.checkpoint.file import FAMILY, LARGEST_FILE, contestant_of, from_bytes
from gancross.checkpoint.own_networks import NetworkPair, takes_argument
from gancross.errors import CheckpointError, UsageError, first_line, printable
from gancross.evaluator.contestants.factories import Factory, built_from, contestant_from
from gancross.evaluator.contestants.weight_matching import SAVE_AGAIN, matching_weights, network_weights
from gancross.machine.files import read_bytes
from gancross.untrusted.foreign_file import ForeignContent, load_foreign
from gancross.untrusted.values import RefusedArchive

AsRecipe = Callable[[dict[str, Any]], object]


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
            check_finite(network_weights(network))
        except RefusedArchive as error:
            raise CheckpointError(f"{where}: refused: {error}") from None
    return contestant


def _refusal(reason: str, where: str, left_out: LeftOut) -> CheckpointError:
    """That of a file whose weights may lie in objects that were not read."""
    if left_out.modules:
        names = printable(", ".join(left_out.modules), limit=120)
        reason = f"holds whole pickled modules ({names}), whose code would have to be run"
    return CheckpointError(f"{where}: refused: {reason}; {SAVE_AGAIN}")
