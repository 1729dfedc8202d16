"""Reads files that other projects wrote with `torch.save`, as far as they hold plain containers and tensors.

Both of torch's formats: a zip of one pickle and raw storages, and, before torch 1.6, pickles followed by raw
storages. No unpickler runs, torch's neither: the pickle is interpreted by `foreign_pickle`, and tensors are
made of the bytes here. What is no container, number, text or tensor is left out and counted by class.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from gancross.untrusted.foreign_pickle import (
    FOREIGN_OPERATIONS,
    PLAIN_MODULES,
    ForeignPickle,
    TensorId,
    Unread,
)
from gancross.untrusted.pickle_audit import Global
from gancross.untrusted.values import RefusedArchive, refusing

LARGEST_PICKLE = 64 << 20
MOST_OPERATIONS = 4_000_000
MOST_VALUES = 4_000_000  # of the tree; shared lists can unfold to more than fits in memory
DEEPEST = 100
MOST_DIMENSIONS = 64  # torch's own limit
MAGIC = 0x1950A86A20F9469CFC6C  # begins files of torch before 1.6
_HEAD = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."

Storages = Callable[[str], bytes]


@dataclass(kw_only=True)
class ForeignContent:
    """What was read of a file.

    Attributes:
        value: dictionaries, lists, tuples, plain values and dense tensors on the CPU.
        unread: how many pickled modules, and objects of classes of other projects, were left out, by class.
        modules: classes of the modules.
    """

    value: object = None
    unread: Counter[str] = field(default_factory=Counter)
    modules: set[str] = field(default_factory=set)


def load_foreign(content: bytes) -> ForeignContent:
    """What a file of another project holds. Nothing in it is executed.

    Raises:
        RefusedArchive: it is damaged, too large, or in neither of torch's formats.
    """
    if content.startswith(b"PK"):
        with refusing("damaged or truncated zip"), zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _of_zip(archive)
    if content.startswith(_HEAD):
        with refusing("damaged or truncated file"):
            return _of_old_file(io.BytesIO(content))
    raise RefusedArchive("not a file of torch.save" if content else "the file is empty")


def _of_zip(archive: zipfile.ZipFile) -> ForeignContent:
    members = {member.orig_filename: member for member in archive.infolist()}
    pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise RefusedArchive("a zip that torch.save did not write")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in members:
        raise RefusedArchive("a TorchScript program, whose code would have to be run")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise RefusedArchive("the zip has compressed members; torch.save stores them as they are")
    if members[pickles[0]].file_size > LARGEST_PICKLE:
        raise RefusedArchive(f"its pickle is larger than {LARGEST_PICKLE >> 20} MiB")
    if members.get(f"{root}byteorder") and archive.read(f"{root}byteorder") != b"little":
        raise RefusedArchive("saved on a big-endian machine")
    pickled = ForeignPickle()
    pickled.run(archive.read(pickles[0]), FOREIGN_OPERATIONS, most=MOST_OPERATIONS)
    return _content(pickled, lambda key: archive.read(f"{root}data/{key}"))


def _of_old_file(stream: io.BytesIO) -> ForeignContent:
    """Pickles of a magic number, a version, the machine, the object and the storages' keys; then storages."""
    _value(stream)
    version, machine = _value(stream), _value(stream)
    if version != 1001 or not isinstance(machine, Mapping) or machine.get("little_endian") is not True:
        raise RefusedArchive("saved by a version of torch, or on a machine, that is not known")
    pickled = ForeignPickle()
    pickled.run(stream, FOREIGN_OPERATIONS, most=MOST_OPERATIONS)
    keys = _value(stream)
    storages: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        numel = int.from_bytes(stream.read(8), "little")
        storages[key] = stream.read(numel * pickled.storages[key].dtype.itemsize)
    return _content(pickled, lambda key: storages[key])


def _value(stream: io.BytesIO) -> object:
    pickled = ForeignPickle()
    pickled.run(stream, FOREIGN_OPERATIONS, most=MOST_OPERATIONS)
    return pickled.stack.pop()


def _content(pickled: ForeignPickle, storages: Storages) -> ForeignContent:
    """The pickle's value with tensors made of the storages."""
    content, count, buffers = ForeignContent(), 0, dict[str, torch.Tensor]()

    def copy(value: object, depth: int) -> object:
        nonlocal count
        count += 1
        if count > MOST_VALUES:
            raise RefusedArchive(f"its containers unfold to more than {MOST_VALUES:,} values")
        kind = type(value)
        if kind in (str, int, bool, float, bytes, type(None)):
            return value
        if isinstance(value, TensorId):
            return _tensor(value, buffers, storages)
        if isinstance(value, dict | list | tuple) and depth < DEEPEST:
            if isinstance(value, dict):
                return {key: copy(item, depth + 1) for key, item in value.items()}
            items = [copy(item, depth + 1) for item in value]
            return items if isinstance(value, list) else tuple(items)
        name = value.name if isinstance(value, Unread | Global) else f"builtins.{kind.__name__}"
        is_module = isinstance(value, Unread) and value.is_module
        if is_module:
            content.modules.add(name)
        if is_module or name.partition(".")[0] not in PLAIN_MODULES:
            content.unread[name] += 1
        return None

    content.value = copy(pickled.stack[-1], 0)
    return content


def _tensor(wanted: TensorId, buffers: dict[str, torch.Tensor], storages: Storages) -> torch.Tensor:
    """A view of its storage, which is read once; tensors that shared memory do so again."""
    storage = wanted.storage
    if storage.key not in buffers:
        content = bytearray(storages(storage.key))
        buffers[storage.key] = (
            torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)
        )
    items = buffers[storage.key].view(wanted.dtype)
    start = storage.offset * storage.dtype.itemsize // wanted.dtype.itemsize + int(wanted.offset)
    size, stride = (tuple(map(int, shape[: MOST_DIMENSIONS + 1])) for shape in (wanted.size, wanted.stride))
    if len(size) > MOST_DIMENSIONS:
        raise RefusedArchive(f"a tensor of more than {MOST_DIMENSIONS} dimensions")
    last = start + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if min((start, *size, *stride)) < 0 or (0 not in size and last >= len(items)):
        raise RefusedArchive("damaged: a tensor reaches beyond its storage")
    return items.as_strided(size, stride, start)
