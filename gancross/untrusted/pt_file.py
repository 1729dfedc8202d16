"""Reads `.pt` archives from strangers, with checks before and after torch unpickles them.

A `.pt` file is a zip of one pickle and raw storages. It is refused unless it is laid out as `torch.save`
does it, every member stored uncompressed, unique and intact, and the pickle builds nothing but plain
containers and tensors. torch then loads it with `weights_only=True`; there is no fallback.

Why this exists: torch's loader itself accepts compressed members, which inflate to any size, members twice,
wrong checksums and bytes behind the archive.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile

import torch

from gancross.untrusted.pickle_audit import LARGEST_PICKLE, storage_sizes
from gancross.untrusted.values import RefusedArchive, plain_copy, refusing

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
        RefusedArchive: it is damaged or holds anything else. Nothing is executed.
    """
    _check_layout(content)
    pickled, members = _read_pickle(content)
    if storage_sizes(pickled) != members:
        raise RefusedArchive("the tensors' storages are not those in the zip")
    with refusing("torch cannot load it"):
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True, mmap=False)
    return plain_copy(loaded)


def _check_layout(content: bytes) -> None:
    """Checks that members, directory and end record follow each other and fill the file.

    Otherwise Python's reader of zips, which finds the pickle to check, and torch's might take different parts
    of the file for the archive.
    """
    if not content:
        raise RefusedArchive("the file is empty")
    if len(content) < _END.size or not content.startswith(b"PK\x03\x04"):
        raise RefusedArchive("not a .pt archive (no zip header)")
    end = len(content) - _END.size
    signature, _, _, _, _, size, start, comment = _END.unpack_from(content, end)
    if signature != b"PK\x05\x06" or comment != 0:
        raise RefusedArchive("damaged or truncated zip: it does not end with the record of its members")
    if content[max(0, end - _LOCATOR.size) : end].startswith(b"PK\x06\x07"):
        end -= _LOCATOR.size
        _, _, place, _ = _LOCATOR.unpack_from(content, end)
        if place != end - _END64.size or not content.startswith(b"PK\x06\x06", place):
            raise RefusedArchive("damaged zip: its two ends disagree")
        *_, size, start = _END64.unpack_from(content, place)
        end = place
    if size > LARGEST_DIRECTORY:
        raise RefusedArchive("the zip has too many members")
    if start + size != end:
        raise RefusedArchive("damaged zip: there are bytes before, between or after its parts")


def _read_pickle(content: bytes) -> tuple[bytes, dict[str, int]]:
    """The pickle, and the sizes of the storages by key, after all members have been checked."""
    with refusing("damaged or truncated zip"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {member.orig_filename: member.file_size for member in archive.infolist()}
        matches = [match for match in map(_MEMBER.fullmatch, sizes) if match]
        roots = {match["root"] for match in matches}
        if len(matches) < len(sizes) or len(roots) != 1:
            raise RefusedArchive(
                "it has members that torch.save does not write, as TorchScript programs have"
            )
        if len(sizes) != len(archive.infolist()):
            raise RefusedArchive("the zip has two members of the same name")
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise RefusedArchive("the zip has compressed members, expected stored ones as torch.save writes")
        if sum(sizes.values()) > len(content):
            raise RefusedArchive("the zip's members overlap")
        pickle_name = f"{roots.pop()}/data.pkl"
        if sizes.get(pickle_name, math.inf) > LARGEST_PICKLE:
            raise RefusedArchive(f"the zip needs a data.pkl of at most {LARGEST_PICKLE >> 20} MiB")
        damaged = archive.testzip()
        if damaged is not None:
            raise RefusedArchive(f"damaged: checksum of {damaged} differs")
        return archive.read(pickle_name), {match["key"]: sizes[match[0]] for match in matches if match["key"]}
