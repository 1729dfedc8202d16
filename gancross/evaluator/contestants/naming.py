"""Short names of contestants from the paths of their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from gancross.errors import UsageError

GENERIC = ("last",)


def split_argument(argument: str) -> tuple[str | None, str]:
    """`NAME=PATH` or `PATH` of the command line.

    A path that exists as written is never taken apart.

    Raises:
        UsageError: an empty name or path.
    """
    name, separator, path = argument.partition("=")
    if not separator or os.path.lexists(argument):
        return None, argument
    if not name or not path:
        raise UsageError(f"contestant '{argument}': write NAME=PATH or PATH")
    return name, path


def contestant_names(arguments: Sequence[tuple[str | None, str]]) -> list[str]:
    """A name for each (name or None, path): the given one, or the shortest part that tells paths apart.

    `runs/a/last.pt` and `runs/b/last.pt` become `a` and `b`. A second one alike becomes `a#2`. The names
    do not depend on the order of the paths, but for those numbers.
    """
    unnamed = {path: _parts(path) for name, path in arguments if name is None}
    short = dict(zip(unnamed, _distinguishing(list(unnamed.values())), strict=True))
    names: list[str] = []
    for given, path in arguments:
        base = given if given is not None else short[path]
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}#{number}"
        names.append(name)
    return names


def _parts(path: str) -> list[str]:
    """Folders and stem, without a file name that says nothing."""
    folders = [part for part in Path(path).parts[:-1] if part not in (os.sep, os.pardir)]
    parts = [*folders, Path(path).stem]
    return parts[:-1] if parts[-1] in GENERIC and len(parts) > 1 else parts


def _distinguishing(paths: list[list[str]]) -> list[str]:
    """The last part where that differs everywhere, else as many parts as it takes."""
    differing = [_without_common(path, paths) for path in paths]
    for names in ([parts[-1] for parts in differing], [parts[0] for parts in differing]):
        if len(set(names)) == len(names):
            return names
    return ["/".join(parts) for parts in differing]


def _without_common(path: list[str], paths: list[list[str]]) -> list[str]:
    """The parts between what all paths begin with and what all end with; at least one part."""
    begin = _common_length(paths)
    end = _common_length([other[::-1] for other in paths])
    middle = path[begin : len(path) - end] if begin + end < len(path) else []
    return middle or path[-1:]


def _common_length(paths: list[list[str]]) -> int:
    """How many parts all paths have in common at the beginning."""
    columns = zip(*paths, strict=False)
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, columns))
