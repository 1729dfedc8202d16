"""Short names of contestants from the paths of their files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import chain, count, takewhile
from pathlib import Path

from gancross.data.catalogue import FOLDER
from gancross.errors import UsageError
from gancross.machine.files import composed

CODE = re.compile(r"(?P<module>[^,]+\.py|[^\W\d][\w.]*):(?P<function>[^\W\d]\w*)")


def split_argument(argument: str) -> tuple[str | None, str]:
    """`NAME=PATH` or `PATH` of the command line.

    What exists as a path, or as two with a comma between them, is not split. No name ends in a folder: of
    `runs/lr=1/g.pt` the part before `=` is one only if the part behind it exists.

    Raises:
        UsageError: an empty name or path.
    """
    name, separator, path = argument.partition("=")
    if argument and (not separator or _exists(argument) or (os.sep in name and not _exists(path))):
        return None, argument
    if not name or not path:
        raise UsageError(f"contestant '{argument}': write NAME=PATH or PATH")
    return name, path


def named_code(path: str) -> tuple[str, str] | None:
    """File or module, and function, of `code.py:factory` or `package.module:factory`; None of other texts.

    What exists as a path is a path.
    """
    match = CODE.fullmatch(path)
    if match is None or path.startswith(FOLDER) or os.path.lexists(path):
        return None
    return match["module"], match["function"]


def _exists(path: str) -> bool:
    code = named_code(path)
    if code is not None:
        return os.path.lexists(code[0])
    paths = (path.removeprefix(FOLDER), *path.split(","))
    return os.path.lexists(paths[0]) or all(map(os.path.lexists, paths[1:]))


def contestant_names(arguments: Sequence[tuple[str | None, str]]) -> list[str]:
    """A name for each (name or None, path): the explicit name, or the shortest part that distinguishes paths.

    `runs/a/last.pt` and `runs/b/last.pt` become `a` and `b`. A second `a` becomes `a#2`. Except
    for these numbers the names do not depend on the order of the paths.
    """
    unnamed = {path: _parts(path) for name, path in arguments if name is None}
    short = dict(zip(unnamed, _distinguishing(list(unnamed.values())), strict=True))
    names: list[str] = []
    for explicit, path in arguments:
        base = composed(explicit if explicit is not None else short[path])
        numbered = (f"{base}#{number}" for number in count(2))
        names.append(next(name for name in chain([base], numbered) if name not in names))
    return names


def _parts(path: str) -> list[str]:
    """Folders and stem, without the generic `last`."""
    folders = [part for part in Path(path).parts[:-1] if part not in (os.sep, os.pardir)]
    parts = [*folders, Path(path).stem]
    return parts[:-1] if parts[-1] == "last" and len(parts) > 1 else parts


def _distinguishing(paths: list[list[str]]) -> list[str]:
    """The last part between the paths' common ends if these differ, else the first, else all parts."""
    begin, end = _common_length(paths), _common_length([path[::-1] for path in paths])
    differing = [path[begin : len(path) - end] or path[-1:] for path in paths]
    for names in ([parts[-1] for parts in differing], [parts[0] for parts in differing]):
        if len(set(names)) == len(names):
            return names
    return ["/".join(parts) for parts in differing]


def _common_length(paths: list[list[str]]) -> int:
    """The number of parts that all paths have in common at the beginning."""
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))
