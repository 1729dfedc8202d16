"""What the pickle of somebody else's file holds, as plain containers and descriptions of tensors.

`pickle_audit` refuses whatever gancross does not write. Other projects write more beside their weights:
configurations, states of schedulers, objects of their own classes. Here each of those becomes an `Unread`,
which holds a name and nothing else. No class or function is looked up, let alone called, so there is nothing
that a list of allowed names would have to keep out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from gancross.untrusted.pickle_audit import (
    OPERATIONS,
    ORDERED,
    STORAGES,
    Global,
    Operations,
    PickleInterpreter,
)
from gancross.untrusted.strict_json import LARGEST_INTEGER
from gancross.untrusted.values import RefusedArchive

MOST_COPIED = 1_000_000
PLAIN_MODULES = ("torch", "collections", "builtins", "__builtin__", "_codecs")
_DTYPES = {f"torch {name}": dtype for name, dtype in vars(torch).items() if isinstance(dtype, torch.dtype)}
_STORAGES = STORAGES | {
    "torch ComplexFloatStorage": torch.complex64, "torch ComplexDoubleStorage": torch.complex128,
    "torch.storage UntypedStorage": torch.uint8,
}  # fmt: skip


@dataclass
class Unread:
    """Stands for an object of a class that is not looked up.

    Attributes:
        name: of the class, `module.Class`.
        is_module: whether it is a pickled `nn.Module`.
    """

    name: str
    is_module: bool = False


@dataclass(frozen=True)
class StorageId:
    """A storage: `numel` items of a dtype, from item `offset` of the storage `key` on."""

    key: str
    dtype: torch.dtype
    numel: int
    offset: int = 0


@dataclass(frozen=True)
class TensorId:
    """A tensor: where its items lie; nothing of it has been checked."""

    storage: StorageId
    dtype: torch.dtype
    offset: Any
    size: Any
    stride: Any


class ForeignPickle(PickleInterpreter):
    """Interprets a pickle; its value is left on the stack.

    Attributes:
        storages: those that it names, by key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[str, StorageId] = {}
        self._copied = 0

    def protocol(self, version: int) -> None:
        """Any will do."""

    def push_global(self, name: str) -> None:
        """As of any other file; storages of a GPU are those of the CPU."""
        self.push(Global(name.replace("torch.cuda ", "torch ")))

    def stack_global(self) -> None:
        """Puts the function or class on the stack whose names lie there."""
        match self.last(2):
            case [str(module), str(name)]:
                self.push_global(f"{module} {name}")
            case _:
                raise RefusedArchive("damaged pickle: a class without a name")

    def pop(self) -> None:
        """Drops a value."""
        self.stack.pop()

    def pop_mark(self) -> None:
        """Drops the values above the last mark."""
        self.above_mark()

    def frozen_set(self) -> None:
        """Drops the values above the last mark for a stand-in."""
        self.above_mark()
        self.push(Unread("builtins.frozenset"))

    def extend(self, items: list[Any]) -> None:
        """Adds items to a list; to a list of another class nothing."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        else:
            self._expect_unread()

    def set_items(self, items: list[Any]) -> None:
        """Weights have names; entries under keys of other kinds are left out."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            self._expect_unread()
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is str or (type(key) is int and abs(key) <= LARGEST_INTEGER):
                target[key] = value

    def load_storage(self) -> None:
        """Beside storages, files from before torch 1.6 name the source code of pickled modules."""
        match self.stack.pop():
            case ("storage", Global(kind), str(key), _, int(numel), *view) if (
                kind in _STORAGES and numel >= 0
            ):
                offset = 0
                match view:
                    case [(_, int(offset), int(numel))]:  # before torch 0.4: a part of another storage
                        pass
                storage = StorageId(key=key, dtype=_STORAGES[kind], numel=numel, offset=offset)
                self.storages.setdefault(key, storage)
                self.push(storage)
            case ("module", Global() as module, *_):
                self.push(module)
            case ("storage", Global(kind), *_):
                self.push(Unread(kind.replace(" ", ".")))
            case _:
                raise RefusedArchive("damaged pickle: a storage without kind, key or size")

    def call(self) -> None:
        """Replaces a function and its arguments by a tensor, a container or an `Unread`."""
        function, arguments = self.last(2)
        if not isinstance(arguments, tuple):
            raise RefusedArchive("damaged pickle: a call without arguments")
        if function == Global(ORDERED) and arguments and isinstance(arguments[0], list):
            self._copied += len(arguments[0])  # one list can be the argument of many calls
            if self._copied > MOST_COPIED:
                raise RefusedArchive(f"more than {MOST_COPIED:,} entries of dictionaries are copied")
        self.push(_result(function, arguments))

    def make(self, count: int) -> None:
        """An object of the class below its arguments."""
        cls, *_ = self.last(count)
        self.push(Unread(_name(cls)))

    def set_state(self) -> None:
        """Attributes are left out; those of a pickled module give it away."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Unread) and isinstance(state, dict):
            target.is_module = "_modules" in state and "_parameters" in state

    def _expect_unread(self) -> None:
        if not isinstance(self.stack[-1], Unread):
            raise RefusedArchive("damaged pickle: entries of what is no container")


def _result(function: object, arguments: tuple[Any, ...]) -> object:
    """What a call would return, as far as tensors and containers go."""
    name = function.name if isinstance(function, Global) else ""
    result = _RESULTS[name](*arguments) if name in _RESULTS else None
    return Unread(_name(function)) if result is None else result


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> TensorId | None:
    if not isinstance(storage, StorageId):
        return None
    return TensorId(storage=storage, dtype=storage.dtype, offset=offset, size=size, stride=stride)


def _typed_tensor(
    storage: object, offset: object, size: object, stride: object, _grad: object, _hooks: object,
    dtype: object, *_: object,
) -> TensorId | None:  # fmt: skip
    tensor = _tensor(storage, offset, size, stride)
    known = _DTYPES.get(dtype.name) if isinstance(dtype, Global) else None
    return None if tensor is None or known is None else replace(tensor, dtype=known)


def _of_type(function: object, _type: object, arguments: object, *_: object) -> object:
    """A tensor with attributes of its own, which are left out."""
    return _result(function, arguments) if isinstance(arguments, tuple) else None


def _wrapped(tensor: object = None, *_: object) -> TensorId | None:
    return tensor if isinstance(tensor, TensorId) else None


def _first(kind: type) -> Callable[..., object]:
    return lambda value=None, *_: value if isinstance(value, kind) else None


def _reconstructed(cls: object, *_: object) -> Unread:
    """An object as protocols 0 and 1 pickle it."""
    return Unread(_name(cls))


def _ordered(pairs: object = (), *_: object) -> OrderedDict[str, object]:
    """An OrderedDict; with its entries, of those with names, where Python 2 pickled it."""
    found = OrderedDict[str, object]()
    for pair in pairs if isinstance(pairs, list) else ():
        match pair:
            case [str(key), value] | (str(key), value):
                found[key] = value
    return found


def _name(function: object) -> str:
    return function.name.replace(" ", ".") if isinstance(function, Global) else "a method of an object"


_RESULTS: dict[str, Callable[..., object]] = {
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_tensor_v3": _typed_tensor,
    "torch._tensor _rebuild_from_type_v2": _of_type,
    "torch._utils _rebuild_parameter": _wrapped,
    "torch._utils _rebuild_parameter_with_state": _wrapped,
    "torch.nn.parameter Parameter": _wrapped,
    "torch.nn.parameter Buffer": _wrapped,
    ORDERED: _ordered,
    "collections Counter": _first(dict),
    "collections defaultdict": lambda *_: {},
    "torch Size": _first(tuple),
    "copyreg _reconstructor": _reconstructed,
    "copy_reg _reconstructor": _reconstructed,
}

FOREIGN_OPERATIONS: Operations = {
    **OPERATIONS,
    "FRAME": lambda machine, _: None,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": lambda machine, _: machine.pop_mark(),
    "STACK_GLOBAL": lambda machine, _: machine.stack_global(),
    "NEWOBJ": lambda machine, _: machine.make(2),
    "NEWOBJ_EX": lambda machine, _: machine.make(3),
    "EMPTY_SET": lambda machine, _: machine.push(Unread("builtins.set")),
    "ADDITEMS": lambda machine, _: machine.pop_mark(),
    "FROZENSET": lambda machine, _: machine.frozen_set(),
    **dict.fromkeys(
        (
            "BINSTRING", "SHORT_BINSTRING", "SHORT_BINUNICODE", "BINUNICODE8", "LONG4",
            "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
        ),
        lambda machine, value: machine.push(value),
    ),
}  # fmt: skip
