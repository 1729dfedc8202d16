"""What the pickle of a `.pt` archive would build, interpreted symbolically before torch unpickles it.

Why this exists: torch's weights-only unpickler executes nothing, but a file of a few kilobytes can make it
take gigabytes or hours: `bytearray(2**31)`, a large dictionary copied a thousand times, an attribute
dictionary on each of a thousand objects, keys chosen to collide. Here every operation works on stand-ins, and
those that `torch.save` does not need for plain containers and tensors are refused. The type of a value is
checked before it is multiplied, hashed or searched, since a value may be nested 100,000 deep or unfold to
terabytes. Whether a tensor is the whole of its storage is left to torch and to
`gancross.untrusted.values.plain_copy`.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gancross.untrusted.strict_json import LARGEST_INTEGER
from gancross.untrusted.values import RefusedArchive, refusing, short_repr

LARGEST_PICKLE = 8 << 20
MOST_OPERATIONS = 400_000
MOST_DIMENSIONS = 8
LONGEST_LOCATION = 64
_ORDERED = "collections OrderedDict"
_REBUILD = "torch._utils _rebuild_tensor_v2"
_STORAGES = {  # bytes of an item
    "torch FloatStorage": 4, "torch DoubleStorage": 8, "torch HalfStorage": 2, "torch BFloat16Storage": 2,
    "torch LongStorage": 8, "torch IntStorage": 4, "torch ShortStorage": 2, "torch CharStorage": 1,
    "torch ByteStorage": 1, "torch BoolStorage": 1,
}  # fmt: skip


@dataclass(frozen=True)
class _Global:
    """The name of a function or class; nothing is imported."""

    name: str


class _Storage:
    """Stands for a storage."""


class _PickleInterpreter:
    """Stack and memo of an unpickler, on stand-ins; operands come from `pickletools`.

    Attributes:
        sizes: bytes of each storage that the tensors need, by the storage's key.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._stack: list[Any] = []
        self._below_marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def protocol(self, version: int) -> None:
        if version != 2:
            raise RefusedArchive(f"a pickle of protocol {version}, expected 2 as torch.save writes it")

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def mark(self) -> None:
        self._below_marks.append(self._stack)
        self._stack = []

    def above_mark(self) -> list[Any]:
        values, self._stack = self._stack, self._below_marks.pop()
        return values

    def last(self, count: int) -> list[Any]:
        return [self._stack.pop() for _ in range(count)][::-1]

    def put(self, index: int) -> None:
        self.memo[index] = self._stack[-1]

    def push_global(self, name: str) -> None:
        if name not in (_ORDERED, _REBUILD, *_STORAGES):
            raise RefusedArchive(
                f"it would call {short_repr(name.replace(' ', '.'))}, which no checkpoint needs"
            )
        self.push(_Global(name))

    def extend(self, items: list[Any]) -> None:
        self._stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and not (type(key) is int and abs(key) <= LARGEST_INTEGER):
                raise RefusedArchive(
                    f"a key of type {type(key).__name__}, expected str or an integer of up to 60 bits"
                )
            self._stack[-1][key] = value

    def load_storage(self) -> None:
        """A persistent id is ("storage", kind, key, location, count)."""
        match self._stack.pop():
            case ("storage", _Global(kind), str(key), str(location), int(count)) if (
                kind in _STORAGES
                and type(count) is int
                and 0 <= count <= LARGEST_INTEGER
                and len(location) <= LONGEST_LOCATION
            ):
                size = count * _STORAGES[kind]
            case _:
                raise RefusedArchive("damaged pickle: a storage without kind, key or size")
        if self.sizes.setdefault(key, size) != size:
            raise RefusedArchive("damaged pickle: a storage of two sizes")
        self.push(_Storage())

    def call(self) -> None:
        match self.last(2):
            case [_Global(name), ()] if name == _ORDERED:
                self.push(OrderedDict())
            case [
                _Global(name),
                (_Storage(), int(), tuple(size), tuple(stride), False, OrderedDict() as hooks),
            ] if name == _REBUILD and not hooks:
                if not (_is_shape(size) and _is_shape(stride)):
                    raise RefusedArchive(f"a tensor without a shape of at most {MOST_DIMENSIONS} dimensions")
                self.push(None)  # stands for the tensor
            case _:
                raise RefusedArchive("it would call something with arguments that no checkpoint needs")

    def set_state(self) -> None:
        """`state_dict()` keeps the versions of its layers in an attribute, `_metadata`."""
        state = self._stack.pop()
        plain = type(state) is dict and len(state) == 1 and "_metadata" in state
        if type(self._stack[-1]) is not OrderedDict or not plain:
            raise RefusedArchive("it would change an object of another kind")


def _is_shape(values: tuple[object, ...]) -> bool:
    return len(values) <= MOST_DIMENSIONS and all(type(value) is int and value >= 0 for value in values)


_OPERATIONS: dict[str, Callable[[_PickleInterpreter, Any], None]] = {
    "PROTO": _PickleInterpreter.protocol,
    "MARK": lambda machine, _: machine.mark(),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.last(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.last(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.last(3))),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.above_mark())),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.above_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.above_mark()),
    "BINPERSID": lambda machine, _: machine.load_storage(),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
    "GLOBAL": _PickleInterpreter.push_global,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _PickleInterpreter.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _PickleInterpreter.push
    ),
}


def storage_sizes(pickled: bytes) -> dict[str, int]:
    """The storages that the pickle's tensors need: key → bytes.

    Raises:
        RefusedArchive: it is damaged, too long, or asks for anything that no checkpoint needs.
    """
    interpreter = _PickleInterpreter()
    with refusing("damaged pickle"):
        for number, (operation, operand, _) in enumerate(pickletools.genops(pickled)):
            if number > MOST_OPERATIONS:
                raise RefusedArchive(f"its pickle has more than {MOST_OPERATIONS:,} operations")
            if operation.name == "STOP":
                break
            if operation.name not in _OPERATIONS:
                raise RefusedArchive(f"objects of unknown classes ({operation.name})")
            _OPERATIONS[operation.name](interpreter, operand)
    return interpreter.sizes
