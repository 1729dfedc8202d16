"""Reading `.pt` archives from strangers: what is checked before and after torch unpickles one.

A `.pt` file is a zip of one pickle and raw storages. It is refused unless every member is stored
uncompressed, unique and intact, the pickle names nothing but tensors and plain containers, and every
tensor is dense and within its own storage. torch then loads it with `weights_only=True`; there is no
fallback.
"""

from __future__ import annotations

import io
import pickletools
import zipfile

import torch

from gancross.errors import first_line

LARGEST_PICKLE = 64 << 20
_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
ALLOWED_GLOBALS = frozenset(
    {"collections OrderedDict", "torch._utils _rebuild_tensor_v2"}
    | {f"torch {kind}Storage" for kind in _STORAGES}
)
ALLOWED_DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip


class RefusedArchive(Exception):
    """Why an archive was refused; callers add the path."""


def load_archive(content: bytes) -> object:
    """The object in a `.pt` archive: containers, primitives and dense CPU tensors only.

    Raises:
        RefusedArchive: anything else is in it, or it is damaged. Nothing was executed.
    """
    pickled = _preflight(content)
    _scan_pickle(pickled)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True, mmap=False)
    except Exception as error:
        raise RefusedArchive(f"torch cannot load it: {first_line(error):.200}") from None
    try:
        _check_tensors(loaded)
    except RecursionError:
        raise RefusedArchive("its containers are nested too deeply") from None
    return loaded


def _preflight(content: bytes) -> bytes:
    """Checks the zip and returns its pickle."""
    if not content:
        raise RefusedArchive("the file is empty")
    if not content.startswith(b"PK\x03\x04"):
        raise RefusedArchive("not a .pt archive (no zip header)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
                raise RefusedArchive("a TorchScript program, not a checkpoint")
            if len(set(names)) != len(names):
                raise RefusedArchive("the zip has two members of the same name")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise RefusedArchive("the zip has compressed members; torch.save stores them plainly")
            if any(member.file_size != member.compress_size for member in members):
                raise RefusedArchive("the zip has a member of two sizes")
            if sum(member.file_size for member in members) > len(content):
                raise RefusedArchive("the zip's members overlap")
            pickles = [name for name in names if name.endswith(".pkl")]
            if len(pickles) != 1 or pickles[0].count("/") != 1:
                raise RefusedArchive("the zip does not hold exactly one NAME/data.pkl")
            if archive.getinfo(pickles[0]).file_size > LARGEST_PICKLE:
                raise RefusedArchive(f"its pickle is larger than {LARGEST_PICKLE >> 20} MiB")
            damaged = archive.testzip()
            if damaged is not None:
                raise RefusedArchive(f"damaged: checksum of {damaged} differs")
            return archive.read(pickles[0])
    except RefusedArchive:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged input
        raise RefusedArchive(f"damaged or truncated zip: {error}") from None


def _scan_pickle(pickled: bytes) -> None:
    """Refuses every global outside the allowlist, before any unpickler sees the bytes.

    torch's own weights-only unpickler allows more (sparse and quantized rebuilds, `bytearray`, …);
    a checkpoint of gancross needs none of it.
    """
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "GLOBAL" and argument not in ALLOWED_GLOBALS:
                name = str(argument).replace(" ", ".")
                raise RefusedArchive(f"it would call {name:.80}, which no checkpoint needs")
            if opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"):
                raise RefusedArchive("it holds objects of unknown classes")
    except RefusedArchive:
        raise
    except Exception as error:
        raise RefusedArchive(f"damaged pickle: {error}") from None


def _check_tensors(value: object) -> None:
    """Every tensor in nested containers is dense, of a plain dtype and inside its storage."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.dtype not in ALLOWED_DTYPES:
            raise RefusedArchive(f"a tensor of kind {value.layout}, {value.dtype}")
        if not value.is_contiguous():
            raise RefusedArchive(f"a tensor with strides {value.stride()} for shape {tuple(value.shape)}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str | int):
                raise RefusedArchive(f"a key of type {type(key).__name__}")
            _check_tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_tensors(item)
    elif not isinstance(value, bool | int | float | str | type(None)):
        raise RefusedArchive(f"an object of type {type(value).__name__}")
