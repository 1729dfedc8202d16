"""The pickle of a `.pt` archive, run through on paper before an unpickler sees it.

torch's weights-only unpickler calls nothing dangerous, but it may be asked for more memory or time than
there is: a dictionary copied a million times, a storage of a terabyte, keys chosen to collide. Here every
operation is done on stand-ins and refused unless `torch.save` needs it for a checkpoint of gancross.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gancross.untrusted.strict_json import LARGEST_INTEGER
from gancross.untrusted.values import RefusedArchive, shown

LARGEST_PICKLE = 8 << 20
MOST_OPERATIONS = 400_000
MOST_DIMENSIONS = 8
_ITEM_SIZES = {
    "Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1,
    "Bool": 1,
}  # fmt: skip
_ORDERED = "collections OrderedDict"
_REBUILD = "torch._utils _rebuild_tensor_v2"
_STORAGES = {f"torch {kind}Storage": size for kind, size in _ITEM_SIZES.items()}


@dataclass(frozen=True)
class _Name:
    """A global: nothing is imported."""

    name: str


class _Ordered(dict[Any, Any]):
    """Stands for an OrderedDict."""


@dataclass(frozen=True)
class _Storage:
    count: int


@dataclass(frozen=True)
class _Tensor:
    """Stands for a tensor that was found to be the whole of its storage."""


_MARK = object()


@dataclass
class _Paper:
    """The unpickler's state. Operands come from `pickletools`."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise RefusedArchive("damaged pickle: its stack is empty")
        return self.stack.pop()

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def above_mark(self) -> list[Any]:
        taken = []
        while self.stack and self.stack[-1] is not _MARK:
            taken.append(self.stack.pop())
        if not self.stack:
            raise RefusedArchive("damaged pickle: no mark")
        self.stack.pop()
        return taken[::-1]

    def proto(self, version: int) -> None:
        if version != 2:
            raise RefusedArchive(f"a pickle of protocol {version}, expected 2 as torch.save has it")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def tuple_of(self, count: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(count)][::-1]))

    def put(self, index: int) -> None:
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise RefusedArchive("damaged pickle: nothing is remembered there")
        self.stack.append(self.memo[index])

    def name(self, name: str) -> None:
        if name not in (_ORDERED, _REBUILD, *_STORAGES):
            called = shown(name.replace(" ", "."))
            raise RefusedArchive(f"it would call {called}, which no checkpoint needs")
        self.stack.append(_Name(name))

    def append(self, items: list[Any]) -> None:
        if type(self.top()) is not list:
            raise RefusedArchive("damaged pickle: items for no list")
        self.top().extend(items)

    def set_items(self, items: list[Any]) -> None:
        if type(self.top()) not in (dict, _Ordered) or len(items) % 2:
            raise RefusedArchive("damaged pickle: items for no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            small = type(key) is int and abs(key) <= LARGEST_INTEGER
            if type(key) is not str and not small:
                raise RefusedArchive(f"a key of type {type(key).__name__}, or too large a one")
            self.top()[key] = value

    def persistent(self) -> None:
        """A storage: ('storage', kind, key, location, count)."""
        identity = self.pop()
        kinds = [type(part) for part in identity] if type(identity) is tuple else []
        if kinds != [str, _Name, str, str, int] or identity[0] != "storage":
            raise RefusedArchive("damaged pickle: a storage without kind, key or size")
        _, kind, key, location, count = identity
        if kind.name not in _STORAGES or not 0 <= count <= LARGEST_INTEGER or len(location) > 64:
            raise RefusedArchive("damaged pickle: a storage of no kind or size")
        size = count * _STORAGES[kind.name]
        if self.sizes.setdefault(key, size) != size:
            raise RefusedArchive("damaged pickle: a storage of two sizes")
        self.stack.append(_Storage(count))

    def call(self) -> None:
        arguments, called = self.pop(), self.pop()
        if called == _Name(_ORDERED) and arguments == ():
            self.stack.append(_Ordered())
        elif called == _Name(_REBUILD) and type(arguments) is tuple and len(arguments) == 6:
            _check_tensor(*arguments)
            self.stack.append(_Tensor())
        else:
            raise RefusedArchive("it would call something with arguments that no checkpoint needs")

    def build(self) -> None:
        """`state_dict()` keeps the versions of its layers in an attribute, `_metadata`."""
        state = self.pop()
        if type(self.top()) is not _Ordered or type(state) is not dict or set(state) != {"_metadata"}:
            raise RefusedArchive("it would change an object of another kind")


def _check_tensor(storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any) -> None:
    if type(storage) is not _Storage or grad is not False or type(hooks) is not _Ordered or hooks:
        raise RefusedArchive("a tensor that needs more than its storage")
    both = (size, stride)
    if any(type(one) is not tuple or any(type(n) is not int or n < 0 for n in one) for one in both):
        raise RefusedArchive("a tensor without a shape")
    if len(size) > MOST_DIMENSIONS or len(size) != len(stride):
        raise RefusedArchive(f"a tensor of {len(size)} dimensions with {len(stride)} strides")
    dense = [math.prod(size[place + 1 :]) for place in range(len(size))]
    if any(have != want and n > 1 for have, want, n in zip(stride, dense, size, strict=True)):
        raise RefusedArchive(f"a tensor with strides {shown(stride)} for shape {shown(size)}")
    if offset != 0 or math.prod(size) != storage.count:
        raise RefusedArchive(f"a tensor of shape {shown(size)} that is not the whole of its storage")


_Operation = Callable[[_Paper, Any], None]
_OPERATIONS: dict[str, _Operation] = {
    "PROTO": _Paper.proto,
    "MARK": lambda paper, _: paper.push(_MARK),
    "NONE": lambda paper, _: paper.push(None),
    "NEWTRUE": lambda paper, _: paper.push(True),
    "NEWFALSE": lambda paper, _: paper.push(False),
    "EMPTY_DICT": lambda paper, _: paper.push({}),
    "EMPTY_LIST": lambda paper, _: paper.push([]),
    "EMPTY_TUPLE": lambda paper, _: paper.push(()),
    "TUPLE1": lambda paper, _: paper.tuple_of(1),
    "TUPLE2": lambda paper, _: paper.tuple_of(2),
    "TUPLE3": lambda paper, _: paper.tuple_of(3),
    "TUPLE": lambda paper, _: paper.push(tuple(paper.above_mark())),
    "APPEND": lambda paper, _: paper.append([paper.pop()]),
    "APPENDS": lambda paper, _: paper.append(paper.above_mark()),
    "SETITEM": lambda paper, _: paper.set_items([paper.pop(), paper.pop()][::-1]),
    "SETITEMS": lambda paper, _: paper.set_items(paper.above_mark()),
    "BINPERSID": lambda paper, _: paper.persistent(),
    "REDUCE": lambda paper, _: paper.call(),
    "BUILD": lambda paper, _: paper.build(),
    "GLOBAL": _Paper.name,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Paper.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Paper.get),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _Paper.push),
}


def storage_sizes(pickled: bytes) -> dict[str, int]:
    """The storages that the pickle needs: key → bytes. Every tensor is the whole of one of them.

    Raises:
        RefusedArchive: it is damaged, too long, or asks for anything that no checkpoint needs.
    """
    if len(pickled) > LARGEST_PICKLE:
        raise RefusedArchive(f"its pickle is larger than {LARGEST_PICKLE >> 20} MiB")
    paper = _Paper()
    try:
        for number, (operation, operand, _) in enumerate(pickletools.genops(pickled)):
            if number > MOST_OPERATIONS:
                raise RefusedArchive(f"its pickle has more than {MOST_OPERATIONS:,} operations")
            if (number == 0) != (operation.name == "PROTO"):
                raise RefusedArchive("damaged pickle: it does not begin as torch.save begins")
            if operation.name == "STOP":
                break
            if operation.name not in _OPERATIONS:
                raise RefusedArchive(f"objects of unknown classes ({operation.name})")
            _OPERATIONS[operation.name](paper, operand)
    except RefusedArchive:
        raise
    except Exception as error:  # pickletools raises many kinds on damaged input
        raise RefusedArchive(f"damaged pickle: {error}") from None
    paper.pop()
    if paper.stack:
        raise RefusedArchive("damaged pickle: it leaves more than one object")
    return paper.sizes
