"""The checks of every file from a stranger after its reader: plain containers, strings, numbers, tensors.

Why this exists: readers bound neither what shared lists unfold to nor how deep they nest, and accept views,
other strides, long strings and control characters.
"""

from __future__ import annotations

import itertools
import re
import reprlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gancross.errors import first_line, printable
from gancross.untrusted.strict_json import LARGEST_VALUE

# Of the tree; a few hundred bytes of shared lists can unfold to more than fits in memory.
MOST_VALUES = 200_000
DEEPEST = 16
LONGEST_STRING = 4096
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class RefusedArchive(Exception):
    """A file from a stranger, of whatever format, is refused; the message says why, callers add the path."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Inside, an error of another library refuses the file: `what`, and its message as one short line."""
    try:
        yield
    except RefusedArchive:
        raise
    except Exception as error:  # libraries raise many kinds on damaged input
        raise RefusedArchive(f"{what}: {printable(first_line(error))[:200]}") from None


def plain_copy(loaded: object, *, lists_as_tuples: bool = False) -> object:
    """A copy made of dictionaries, lists, tuples, primitives and dense tensors.

    Subclasses are replaced, so that attributes that a file set on an object are dropped; lists become tuples
    if `lists_as_tuples`.

    Raises:
        RefusedArchive: another kind of object is in it, a string holds control characters, or it is too
            large or too deep as a tree.
    """
    counter = itertools.count(1)
    checked: set[str] = set()  # one long string can be in 200,000 places

    def scalar(value: object) -> object:
        if isinstance(value, str) and value not in checked:
            _check_string(value)
            checked.add(value)
        elif isinstance(value, int) and abs(value) > LARGEST_VALUE:
            raise RefusedArchive("an integer of more than 63 bits")
        return value

    def copy(value: object, depth: int) -> object:
        if next(counter) > MOST_VALUES:
            raise RefusedArchive(f"its containers unfold to more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise RefusedArchive("its containers are nested too deeply")
        kind = type(value)
        if isinstance(value, torch.Tensor):
            _check_tensor(value)
            return value.detach()
        if isinstance(value, dict) and kind in (dict, OrderedDict):
            items = dict.items(value)  # an OrderedDict can carry an attribute of that name
            return {scalar(key): copy(item, depth + 1) for key, item in items}
        if isinstance(value, list | tuple) and kind in (list, tuple):
            copies = [copy(item, depth + 1) for item in value]
            return tuple(copies) if lists_as_tuples or kind is tuple else copies
        if kind not in (str, int, bool, float, type(None)):
            raise RefusedArchive(f"an object of type {kind.__name__}")
        return scalar(value)

    return copy(loaded, 0)


def _check_string(text: str) -> None:
    if len(text) > LONGEST_STRING:
        raise RefusedArchive(f"a string of {len(text):,} characters")
    if _CONTROLS.search(text):
        raise RefusedArchive(f"a string with control characters: {short_repr(text)}")


def _check_tensor(tensor: torch.Tensor) -> None:
    if tensor.dtype not in DTYPES:
        raise RefusedArchive(f"a tensor of dtype {tensor.dtype}, which no checkpoint needs")
    if not tensor.is_contiguous():
        raise RefusedArchive(f"a tensor with strides {tensor.stride()} for shape {tuple(tensor.shape)}")
    if tensor.untyped_storage().nbytes() != tensor.nbytes:
        raise RefusedArchive("a tensor that is not the whole of its storage")


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlevel = 2


def short_repr(value: object) -> str:
    """A representation of at most 200 characters for messages, on one line, without control characters."""
    return printable(_SHORT.repr(value), limit=200)
