"""Functions in place of networks: a module that calls one, and holds the modules that the function uses."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

DEPTH = 5  # of names, attributes and containers between a function and a module
MOST = 1000  # entries of one container
LEAVES = (torch.Tensor, np.ndarray, str, bytes, int, float, complex, type, ModuleType)


class FunctionNetwork(nn.Module):
    """A function as a network.

    Evaluation mode, devices, batch norm and buffers concern modules. So those that the function uses are
    found and held as its own: in closures, defaults and global variables by the names in its code, as `self`
    of a method, in containers and attributes of objects on the way. A tensor that it uses stays where it is.
    The only module is called `module`, as in other wrappers, so its weights have their names.

    Attributes:
        function: the function itself.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        modules = reached_modules(function)
        if len(modules) == 1:
            self.module = modules[0]
        else:
            self.reached = nn.ModuleList(modules)
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> object:
        """What the function returns."""
        return self.function(*inputs)

    def extra_repr(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__qualname__", type(self.function).__qualname__))


def reached_modules(function: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a function uses, the nearest first; parts of modules come with these alone."""
    modules: list[nn.Module] = []
    seen: dict[int, object] = {}  # held, so that no address is used twice
    waiting: deque[tuple[object, int]] = deque([(function, 0)])
    while waiting:
        value, depth = waiting.popleft()
        if id(value) in seen or isinstance(value, LEAVES) or depth > DEPTH:
            continue
        seen[id(value)] = value
        if isinstance(value, nn.Module):
            modules.append(value)
        else:
            waiting.extend((each, depth + 1) for each in _parts(value))
    inside = {id(part) for module in modules for part in module.modules() if part is not module}
    return [module for module in modules if id(module) not in inside]


def _parts(value: object) -> Iterator[object]:
    """What a value gives a function access to, one step further."""
    if isinstance(value, FunctionType):
        if (value.__module__ or "").partition(".")[0] in ("torch", "numpy"):
            return
        for cell in value.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # nothing was assigned yet
                continue
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
        yield from _global_values(value)
        yield from vars(value).values()  # as of functions that torch.compile wraps
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, Mapping):
        yield from islice(value.values(), MOST)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from islice(value, MOST)
    else:
        yield getattr(type(value), "__call__", None)  # noqa: B004
        yield from list(getattr(value, "__dict__", {}).values())


def _global_values(function: FunctionType) -> Iterator[object]:
    """Global variables whose names stand in a function's code; of modules of Python what else is named."""
    names = _names(function.__code__)
    for name in names:
        value = function.__globals__.get(name)
        yield value
        if isinstance(value, ModuleType):
            yield from (vars(value)[each] for each in names if each in vars(value))


def _names(code: CodeType) -> list[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return [*code.co_names, *(name for each in inner for name in _names(each))]
