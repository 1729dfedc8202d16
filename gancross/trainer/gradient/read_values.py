"""The numbers and strings that a network's `forward` may read, found in the code that it can reach.

Tracing takes them for fixed, so a structure belongs to their values: attributes of the modules and of their
classes, global variables and those of enclosing functions, also of the methods and functions that `forward`
calls. torch's own code reads none that change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from types import CellType, CodeType, FunctionType
from typing import Any

from torch import nn

SIMPLE = (int, float, bool, str, type(None))
Visited = set[tuple[FunctionType, type]]


def values_of_network(network: nn.Module) -> tuple[Hashable, ...]:
    """The values that the `forward` of each module may read, module by module."""
    visited: Visited = set()
    return tuple(
        (
            *_values(module.forward, type(module), visited),
            *[frozen(value) for value in vars(module).values() if is_simple(value)],
        )
        for module in network.modules()
    )  # fmt: skip


def values_of_function(function: Callable[..., Any]) -> tuple[Hashable, ...]:
    """The values that a function may read beside its arguments."""
    return tuple(_values(function, object, set()))


def is_simple(value: Any) -> bool:
    """Whether a value is a number or a string, or a list, tuple or dictionary of them."""
    kind = type(value)
    if kind in (list, tuple, dict):
        return all(type(part) in SIMPLE for part in (value.values() if kind is dict else value))
    return kind in SIMPLE


def frozen(value: Any) -> Hashable:
    """A simple value with its type, hashable."""
    return repr(value) if type(value) in (list, tuple, dict) else (type(value), value)


def _values(function: Any, owner: type, visited: Visited) -> Iterator[Hashable]:
    """The values that a function, and those that it names, may read; of a module of class `owner`."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType) or (function, owner) in visited or _is_torch(function):
        return
    visited.add((function, owner))
    found = [_content(cell) for cell in function.__closure__ or ()]
    spaces = [function.__globals__, *(vars(kind) for kind in owner.__mro__ if not _is_torch(kind))]
    found += [space[name] for name in _names(function.__code__) for space in spaces if name in space]
    for value in found:
        if is_simple(value):
            yield frozen(value)
        else:
            yield from _values(value.fget if isinstance(value, property) else value, owner, visited)


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """All names of globals, attributes and methods in the code, that of functions inside it included."""
    inside = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return tuple(dict.fromkeys([*code.co_names, *(name for names in inside for name in names)]))


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _is_torch(code: FunctionType | type) -> bool:
    return (code.__module__ or "").partition(".")[0] in ("torch", "builtins")
