"""Reading `.pt` archives from strangers: what is checked before and after torch unpickles one.

A `.pt` file is a zip of one pickle and raw storages. It is refused unless it is laid out as `torch.save`
does it, every member stored uncompressed, unique and intact, and the pickle asks for nothing but plain
containers and dense tensors that fill their own storages. torch then loads it with `weights_only=True`;
there is no fallback.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile

import torch

from gancross.untrusted.pickle_audit import LARGEST_PICKLE, storage_sizes
from gancross.untrusted.values import RefusedArchive, plain_copy, reason

LARGEST_DIRECTORY = 4 << 20  # some 40,000 members
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MEMBER = re.compile(
    r"(?P<root>[!-.0-~]{1,255})/(data\.pkl|version|byteorder|\.format_version|\.storage_alignment"
    r"|\.data/serialization_id|data/(?P<key>0|[1-9][0-9]{0,8}))"
)


def load_archive(content: bytes) -> object:
    """The object in a `.pt` archive: containers, primitives and dense CPU tensors only.

    Raises:
        RefusedArchive: anything else is in it, or it is damaged. Nothing was executed.
    """
    _check_layout(content)
    pickled, members = _read_pickle(content)
    if storage_sizes(pickled) != members:
        raise RefusedArchive("the tensors' storages are not those in the zip")
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True, mmap=False)
    except Exception as error:
        raise RefusedArchive(f"torch cannot load it: {reason(error)}") from None
    return plain_copy(loaded)


def _check_layout(content: bytes) -> None:
    """Members, directory and end record follow each other and fill the file.

    Otherwise two readers of zips, Python's and torch's, might take different parts of it for the archive.
    """
    if not content:
        raise RefusedArchive("the file is empty")
    if not content.startswith(b"PK\x03\x04"):
        raise RefusedArchive("not a .pt archive (no zip header)")
    if len(content) < _END.size:
        raise RefusedArchive("damaged or truncated zip")
    signature, disk, first_disk, _, count, size, start, comment = _END.unpack_from(
        content, len(content) - _END.size
    )
    if signature != b"PK\x05\x06" or comment != 0 or disk != 0 or first_disk != 0:
        raise RefusedArchive("damaged or truncated zip: it does not end with the record of its members")
    end = len(content) - _END.size
    if content[max(0, end - _LOCATOR.size) : end].startswith(b"PK\x06\x07"):
        end -= _LOCATOR.size
        _, _, place, _ = _LOCATOR.unpack_from(content, end)
        if place != end - _END64.size or not content.startswith(b"PK\x06\x06", place):
            raise RefusedArchive("damaged zip: its two ends disagree")
        *_, count64, size64, start64 = _END64.unpack_from(content, place)
        told = ((count, 0xFFFF, count64), (size, 0xFFFFFFFF, size64), (start, 0xFFFFFFFF, start64))
        if any(short not in (limit, long) for short, limit, long in told):
            raise RefusedArchive("damaged zip: its two ends disagree")
        end, size, start = place, size64, start64
    if size > LARGEST_DIRECTORY:
        raise RefusedArchive("the zip has too many members")
    if start + size != end:
        raise RefusedArchive("damaged zip: something stands before, between or after its parts")


def _read_pickle(content: bytes) -> tuple[bytes, dict[str, int]]:
    """The pickle, and the storages beside it, key → bytes, after all members have been checked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            pickle_name, sizes = _check_members(members, len(content))
            damaged = archive.testzip()
            if damaged is not None:
                raise RefusedArchive(f"damaged: checksum of {damaged} differs")
            return archive.read(pickle_name), sizes
    except RefusedArchive:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged input
        raise RefusedArchive(f"damaged or truncated zip: {reason(error)}") from None


def _check_members(members: list[zipfile.ZipInfo], length: int) -> tuple[str, dict[str, int]]:
    """The pickle's name and the sizes of the storages."""
    names = [member.orig_filename for member in members]
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        raise RefusedArchive("a TorchScript program, not a checkpoint")
    if len({name.casefold() for name in names}) != len(names):
        raise RefusedArchive("the zip has two members of the same name")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise RefusedArchive("the zip has compressed members; torch.save stores them plainly")
    if any(member.file_size != member.compress_size for member in members):
        raise RefusedArchive("the zip has a member of two sizes")
    if sum(member.file_size for member in members) > length:
        raise RefusedArchive("the zip's members overlap")
    pickles = [member for member in members if member.orig_filename.endswith(".pkl")]
    if len(pickles) != 1 or pickles[0].orig_filename.count("/") != 1:
        raise RefusedArchive("the zip does not hold exactly one NAME/data.pkl")
    if pickles[0].file_size > LARGEST_PICKLE:
        raise RefusedArchive(f"its pickle is larger than {LARGEST_PICKLE >> 20} MiB")
    matches = [_MEMBER.fullmatch(name) for name in names]
    if None in matches or len({match["root"] for match in matches if match}) != 1:
        raise RefusedArchive("the zip has members that torch.save does not write")
    sizes = {
        match["key"]: member.file_size
        for match, member in zip(matches, members, strict=True)
        if match and match["key"] is not None
    }
    return pickles[0].filename, sizes
