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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch

from gancross.untrusted.strict_json import LARGEST_INTEGER
from gancross.untrusted.values import RefusedArchive, refusing, short_repr

LARGEST_PICKLE = 8 << 20
MOST_OPERATIONS = 400_000
MOST_DIMENSIONS = 8
LONGEST_LOCATION = 64
ORDERED = "collections OrderedDict"
REBUILD = "torch._utils _rebuild_tensor_v2"
STORAGES = {
    "torch FloatStorage": torch.float32, "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16, "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64, "torch IntStorage": torch.int32, "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8, "torch ByteStorage": torch.uint8, "torch BoolStorage": torch.bool,
}  # fmt: skip


@dataclass(frozen=True)
class Global:
    """The name of a function or class; nothing is imported."""

    name: str


class _Storage:
    """Stands for a storage."""


class PickleInterpreter:
    """Stack and memo of an unpickler, on stand-ins; operands come from `pickletools`.

    Attributes:
        sizes: bytes of each storage that the tensors need, by the storage's key.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.stack: list[Any] = []
        self._below_marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, pickled: bytes | BinaryIO, operations: Operations, *, most: int) -> None:
        """Interprets one pickle, up to its end.

        Args:
            operations: those that are allowed, by the names of `pickletools`.
            most: how many may be executed.

        Raises:
            RefusedArchive: too many operations, or another one; further kinds of errors if it is damaged.
        """
        for number, (operation, operand, _) in enumerate(pickletools.genops(pickled)):
            if number > most:
                raise RefusedArchive(f"its pickle has more than {most:,} operations")
            if operation.name == "STOP":
                return
            if operation.name not in operations:
                raise RefusedArchive(f"objects of unknown classes ({operation.name})")
            operations[operation.name](self, operand)

    def protocol(self, version: int) -> None:
        """Checks the version that a pickle begins with."""
        if version != 2:
            raise RefusedArchive(f"a pickle of protocol {version}, expected 2 as torch.save writes it")

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begins a new stack above the present one."""
        self._below_marks.append(self.stack)
        self.stack = []

    def above_mark(self) -> list[Any]:
        """Ends the stack above the last mark; its values."""
        values, self.stack = self.stack, self._below_marks.pop()
        return values

    def last(self, count: int) -> list[Any]:
        """Takes values from the stack, in the order in which they were put there."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def put(self, index: int) -> None:
        """Remembers the last value."""
        self.memo[index] = self.stack[-1]

    def push_global(self, name: str) -> None:
        """Puts a function or class on the stack, `module name`."""
        if name not in (ORDERED, REBUILD, *STORAGES):
            raise RefusedArchive(
                f"it would call {short_repr(name.replace(' ', '.'))}, which no checkpoint needs"
            )
        self.push(Global(name))

    def extend(self, items: list[Any]) -> None:
        """Adds items to the list on the stack."""
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Adds keys and values, in turns, to the dictionary on the stack."""
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and not (type(key) is int and abs(key) <= LARGEST_INTEGER):
                raise RefusedArchive(
                    f"a key of type {type(key).__name__}, expected str or an integer of up to 60 bits"
                )
            self.stack[-1][key] = value

    def load_storage(self) -> None:
        """A persistent id is ("storage", kind, key, location, count)."""
        match self.stack.pop():
            case ("storage", Global(kind), str(key), str(location), int(count)) if (
                kind in STORAGES
                and type(count) is int
                and 0 <= count <= LARGEST_INTEGER
                and len(location) <= LONGEST_LOCATION
            ):
                size = count * STORAGES[kind].itemsize
            case _:
                raise RefusedArchive("damaged pickle: a storage without kind, key or size")
        if self.sizes.setdefault(key, size) != size:
            raise RefusedArchive("damaged pickle: a storage of two sizes")
        self.push(_Storage())

    def call(self) -> None:
        """Replaces a function and its arguments by what it would return."""
        match self.last(2):
            case [Global(name), ()] if name == ORDERED:
                self.push(OrderedDict())
            case [
                Global(name),
                (_Storage(), int(), tuple(size), tuple(stride), False, OrderedDict() as hooks),
            ] if name == REBUILD and not hooks:
                if not (_is_shape(size) and _is_shape(stride)):
                    raise RefusedArchive(f"a tensor without a shape of at most {MOST_DIMENSIONS} dimensions")
                self.push(None)  # stands for the tensor
            case _:
                raise RefusedArchive("it would call something with arguments that no checkpoint needs")

    def set_state(self) -> None:
        """`state_dict()` keeps the versions of its layers in an attribute, `_metadata`."""
        state = self.stack.pop()
        plain = type(state) is dict and len(state) == 1 and "_metadata" in state
        if type(self.stack[-1]) is not OrderedDict or not plain:
            raise RefusedArchive("it would change an object of another kind")


def _is_shape(values: tuple[object, ...]) -> bool:
    return len(values) <= MOST_DIMENSIONS and all(type(value) is int and value >= 0 for value in values)


Operations = Mapping[str, Callable[[Any, Any], None]]  # (interpreter, operand)

OPERATIONS: Operations = {
    "PROTO": lambda machine, version: machine.protocol(version),
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
    "GLOBAL": lambda machine, name: machine.push_global(name),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), PickleInterpreter.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), PickleInterpreter.push
    ),
}


def storage_sizes(pickled: bytes) -> dict[str, int]:
    """The storages that the pickle's tensors need: key → bytes.

    Raises:
        RefusedArchive: it is damaged, too long, or asks for anything that no checkpoint needs.
    """
    interpreter = PickleInterpreter()
    with refusing("damaged pickle"):
        interpreter.run(pickled, OPERATIONS, most=MOST_OPERATIONS)
    return interpreter.sizes
