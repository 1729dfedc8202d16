"""Functions in place of networks: a module that calls one, and holds the modules that the function uses."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from gancross.errors import UsageError

DEPTH = 5  # of names, attributes and containers between a function and a module
MOST = 1000  # entries of one container
PLAIN = (str, bytes, int, float, complex, ModuleType)
LEAVES = (torch.Tensor, np.ndarray, type)


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


def as_network(network: object, *, what: str, prefix: str) -> nn.Module:
    """A module as it is, a function as a `FunctionNetwork`.

    Raises:
        UsageError: neither, a class, or weights without values; the message begins with `prefix`.
    """
    if isinstance(network, type):
        name = network.__name__
        raise UsageError(f"{prefix}: expected a network as {what}, got the class {name}: call it")
    if not isinstance(network, nn.Module):
        if not callable(network):
            kind = type(network).__name__
            raise UsageError(f"{prefix}: expected a torch.nn.Module or a function as {what}, got {kind}")
        network = FunctionNetwork(network)
    if any(tensor.is_meta for tensor in chain(network.parameters(), network.buffers())):
        raise UsageError(f"{prefix}: its {what} has weights without values, on the device 'meta'")
    return network


def reached_modules(function: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a function uses, the nearest first; parts of modules come with these alone."""
    modules = [value for value in reached_values([function]) if isinstance(value, nn.Module)]
    inside = {id(part) for module in modules for part in module.modules() if part is not module}
    return [module for module in modules if id(module) not in inside]


def reached_values(roots: Iterable[object]) -> Iterator[object]:
    """What code has access to, the nearest first, each value once; modules are not looked into.

    They are found in closures, defaults and global variables by the names in the code, as `self` of a
    method, in containers and in attributes of objects.
    """
    seen: dict[int, object] = {}  # held, so that no address is used twice
    waiting = deque((root, 0) for root in roots)
    while waiting:
        value, depth = waiting.popleft()
        if id(value) in seen or isinstance(value, PLAIN) or depth > DEPTH:
            continue
        seen[id(value)] = value
        yield value
        if not isinstance(value, (nn.Module, *LEAVES)):
            waiting.extend((each, depth + 1) for each in _parts(value))


def _parts(value: object) -> Iterator[object]:
    """What a value gives a function access to, one step further."""
    if isinstance(value, FunctionType):
        if is_library(value.__module__):
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
    names = names_in(function.__code__)
    for name in names:
        value = function.__globals__.get(name)
        yield value
        if isinstance(value, ModuleType):
            yield from (vars(value)[each] for each in names if each in vars(value))


def names_in(code: CodeType) -> list[str]:
    """The names of global variables and attributes in code, that of inner functions too."""
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return [*code.co_names, *(name for each in inner for name in names_in(each))]


def is_library(module: str | None) -> bool:
    """Whether code of a module of this name is torch's or numpy's."""
    return (module or "").partition(".")[0] in ("torch", "numpy")
