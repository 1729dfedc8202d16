"""What code of a network keeps or changes outside the network, where copies of it would meet.

A cache in a global variable or at a class, a list that a hook closes over, a generator of random numbers: two
threads that change such a thing at a time give each other's figures. It is found by what the first call
changes, and by names of functions that change something and put it back.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from gancross.checkpoint.functions import is_library, names_in, reached_values

# Of torch, numpy and Python: settings of the whole process, which code may put back before it returns.
OF_THE_PROCESS = frozenset({
    "fork_rng", "manual_seed", "seed", "set_rng_state", "set_state", "setstate", "set_default_device",
    "set_default_dtype", "set_default_tensor_type", "set_num_threads",
})  # fmt: skip
TRIED = 20_240_229  # seed of Python's and numpy's generators in the first call: no network's own


class FirstCall:
    """Of a network, from before its first call until after it.

    Neither of the two moments may fall into a call by another thread that changes what is watched.
    """

    def __init__(self, network: nn.Module) -> None:
        values = list(reached_values(_roots(network)))
        self._generators = random.getstate(), np.random.get_state()
        random.seed(TRIED)
        np.random.seed(TRIED)  # the one that networks may use
        self._seeded = random.getstate(), str(np.random.get_state())
        self._before = [(read, read()) for value in values for read in _contents(value)]
        self._named = any(
            isinstance(value, threading.local)
            or (isinstance(value, FunctionType) and not OF_THE_PROCESS.isdisjoint(names_in(value.__code__)))
            for value in values
        )

    def end(self) -> bool:
        """Puts Python's and numpy's generators back; whether the call left everything as it was."""
        drew = self._seeded != (random.getstate(), str(np.random.get_state()))
        random.setstate(self._generators[0])
        np.random.set_state(self._generators[1])
        return not (self._named or drew) and all(_same(read(), before) for read, before in self._before)


def _roots(network: nn.Module) -> Iterator[object]:
    """The classes of the modules that are not torch's, their code, hooks and attributes."""
    kinds: set[type] = set()
    for module in network.modules():
        kinds.update(kind for kind in type(module).__mro__ if not is_library(kind.__module__))
        yield from (
            value for name, value in vars(module).items()
            if name not in ("_modules", "_parameters", "_buffers")
        )  # fmt: skip
    for kind in kinds - {object}:
        yield kind
        for value in vars(kind).values():
            if isinstance(value, property | cached_property):
                yield getattr(value, "fget", None) or getattr(value, "func", None)
            else:
                yield getattr(value, "__func__", value)


def _contents(value: object) -> Iterator[Callable[[], Any]]:
    """How to read what may change in a value: objects by identity, numbers of generators by value."""
    if isinstance(value, torch.Generator):
        yield lambda: [value.get_state().tolist()]
    elif isinstance(value, random.Random):
        yield lambda: [str(value.getstate())]
    elif isinstance(value, np.random.Generator):
        yield lambda: [str(value.bit_generator.state)]
    elif isinstance(value, np.random.RandomState):
        yield lambda: [str(value.get_state())]
    elif isinstance(value, torch.Tensor):
        if not value.is_inference():  # which count no versions
            yield lambda: [value._version]
    elif isinstance(value, FunctionType):
        yield from _variables(value)
    elif isinstance(value, dict):
        yield partial(_items, value)
    elif isinstance(value, list | set | deque):
        yield lambda: list(value)
    elif hasattr(value, "__dict__") and not (
        isinstance(value, nn.Module | ModuleType) or is_library(getattr(value, "__module__", None))
    ):
        yield lambda: _items(vars(value))


def _items(values: Mapping[Any, Any]) -> list[Any]:
    return [part for item in list(values.items()) for part in item]


def _variables(function: FunctionType) -> Iterator[Callable[[], Any]]:
    """The variables outside a function that it assigns to, or that are assigned to elsewhere."""
    if is_library(function.__module__):
        return
    names, variables = names_in(function.__code__), function.__globals__
    yield lambda: [variables.get(name) for name in names]
    for cell in function.__closure__ or ():
        yield partial(_content, cell)


def _content(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing was assigned yet
        return []


def _same(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(
        one is other
        or (type(one) is type(other) and isinstance(one, int | float | str | list) and one == other)
        for one, other in zip(now, before, strict=True)
    )
