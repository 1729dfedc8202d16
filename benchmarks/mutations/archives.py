# ruff: noqa: E501  # tables of oddities read better in long lines
"""Mutations of a `.pt` archive that rebuild the zip, checksums included."""

from __future__ import annotations

import io
import pickle
import pickletools
import random
import struct
import zipfile
from collections.abc import Callable

import torch

from mutations.bytewise import BYTEWISE, Mutate, flipped, inserted, truncated
from mutations.odd_values import any_value, changed_inside

MARKER = "executed"  # file in the current folder that a payload would write


def _members(good: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _zipped(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Written member by member, since `zipfile` warns of names that occur twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.NameToInfo.clear()
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def _with_pickle(good: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return _zipped(
        [
            (name, change(content) if name.endswith("data.pkl") else content)
            for name, content in _members(good)
        ]
    )


def pickle_bytes(rng: random.Random, good: bytes) -> bytes:
    change = rng.choice(list(BYTEWISE.values()))
    return _with_pickle(good, lambda pickled: change(rng, pickled))


ODD_OPERATIONS = (
    b"]", b"}", b")", b"(", b"t", b"\x85", b"\x86", b"\x87", b"R", b"b", b"s", b"u", b"a", b"e", b"Q", b"0", b"1",
    b"2", b"N", b"\x88", b"\x81", b".", b"q\x00", b"h\x00", b"h\x05", b"j\xff\xff\xff\xff", b"r\xff\xff\xff\x7f",
    b"J\xff\xff\xff\x7f", b"J\x00\x00\x00\x80", b"K\xff", b"\x8a\xff" + b"\x7f" * 255, b"\x8a\x00",
    b"G\x7f\xf0\x00\x00\x00\x00\x00\x00", b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"X\xff\xff\xff\x7f",
    b"X\x03\x00\x00\x00\x1b[2", b"X\x03\x00\x00\x00\xed\xa0\x80", b"X\x00\x00\x00\x00", b"\x8f",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"c__builtin__\nset\n", b"ctorch\nsparse_coo\n", b"I10\n",
    b"L99999999999999999999L\n", b"\x80\x04",
)  # fmt: skip


def pickle_operations(rng: random.Random, good: bytes) -> bytes:
    """Operations replaced, removed, doubled or added, between whole operations."""

    def change(pickled: bytes) -> bytes:
        parts = _operations(pickled)
        for _ in range(rng.choice((1, 1, 2, 5))):
            position = rng.randrange(len(parts))
            odd = rng.choice((*ODD_OPERATIONS, rng.choice(parts)))
            parts[position : position + rng.choice((0, 1, 1, 2))] = rng.choice(
                ([odd], [odd], [], [odd] * 2, [odd, b"0"], [odd] * 3000)
            )
            parts = parts or [b"."]
        return b"".join(parts)

    return _with_pickle(good, change)


def _operations(pickled: bytes) -> list[bytes]:
    positions = [position for _, _, position in pickletools.genops(pickled) if position is not None]
    return [
        pickled[start:stop] for start, stop in zip(positions, [*positions[1:], len(pickled)], strict=True)
    ]


def _payloads() -> tuple[bytes, ...]:
    """Operations that leave an object on the stack and, run by a careless loader, a file on the disk."""
    argument = b"X" + struct.pack("<I", len(MARKER)) + MARKER.encode()
    shell = b"touch " + MARKER.encode()
    command = b"X" + struct.pack("<I", len(shell)) + shell
    code = f"open('{MARKER}', 'w')".encode()
    program = b"X" + struct.pack("<I", len(code)) + code
    return (
        b"cposix\nsystem\n" + command + b"\x85R",
        b"c__builtin__\neval\n" + program + b"\x85R",
        b"cbuiltins\nexec\n" + program + b"\x85R",
        b"cio\nopen\n" + argument + b"X\x01\x00\x00\x00w\x86R",
        b"(S'touch " + MARKER.encode() + b"'\nios\nsystem\n",
        b"(cos\nsystem\n" + command + b"o",
        b"X\x02\x00\x00\x00os\x93" + command + b"\x85R",
        b"cpathlib\nPath\n" + argument + b"\x85\x81",
        b"ctorch\nsave\nN" + argument + b"\x86R",
        b"cos\nmkdir\n" + argument + b"\x85R",
        b"csubprocess\ncheck_output\n]" + command + b"a\x85R",
    )


def payload(rng: random.Random, good: bytes) -> bytes:
    """Code to be executed, between whole operations of a good pickle or as the whole of it."""
    evil = rng.choice(_payloads())

    def change(pickled: bytes) -> bytes:
        parts = _operations(pickled)
        position = rng.randrange(1, len(parts))
        if rng.random() < 0.2:
            return b"\x80\x02" + evil + b"."
        return b"".join([*parts[:position], evil, b"0", *parts[position:]])

    return _with_pickle(good, change)


def directory(rng: random.Random, good: bytes) -> bytes:
    """Fields of local headers, the directory and its end records; sizes and places become odd numbers."""
    if rng.random() < 0.5:
        good = _zipped(_members(good))
    signatures = [
        position
        for signature in (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x03\x04")
        for position in _occurrences(good, signature)
    ]
    changed = bytearray(good)
    for _ in range(rng.choice((1, 1, 2, 4))):
        position, width = rng.choice(signatures) + 4 + rng.randrange(44), rng.choice((1, 2, 4, 8))
        odd = rng.choice(
            (0, 1, 8, 255, 65535, 2**31 - 1, 2**32 - 1, 2**63 - 1, len(good), rng.getrandbits(64))
        )
        changed[position : position + width] = (odd % 2 ** (8 * width)).to_bytes(width, "little")
    if rng.random() < 0.2:
        changed += rng.choice((bytes(22), good[-22:], good, b"comment"))
    return bytes(changed)


def _occurrences(content: bytes, signature: bytes) -> list[int]:
    positions, position = [], content.find(signature)
    while position >= 0:
        positions.append(position)
        position = content.find(signature, position + 1)
    return positions


ODD_NAMES = (
    "../../executed", "/tmp/executed", "archive/data.pkl", "archive/DATA.PKL", "data.pkl", "archive/code/x.py",
    "archive/constants.pkl", "archive/data/0", "archive/data/00", "archive/data/99999999999", "archive/\x1b[2J",
    "archive/version", "other/data/0", "archive/data/é", "archive\\data\\0", "", "archive/", "a" * 4000,
)  # fmt: skip


def member(rng: random.Random, good: bytes) -> bytes:
    """Members renamed, doubled, dropped, reordered, changed or compressed; checksums are right."""
    members = _members(good)
    for _ in range(rng.choice((1, 1, 2, 4))):
        position = rng.randrange(len(members))
        name, content = members[position]
        action = rng.randrange(6)
        if action == 0:
            members[position] = (rng.choice(ODD_NAMES), content)
        elif action == 1:
            members.insert(rng.randrange(len(members)), (rng.choice((name, *ODD_NAMES)), content))
        elif action == 2 and len(members) > 1:
            del members[position]
        elif action == 3:
            rng.shuffle(members)
        elif action == 4:
            changed = rng.choice((flipped, truncated, inserted))(rng, content or b"0")
            members[position] = (name, changed)
        else:
            members[position] = (name, rng.choice((b"", b"big", b"little", b"99999999999", bytes(10**6))))
    return _zipped(members, rng.choice((zipfile.ZIP_STORED,) * 4 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))


def values(rng: random.Random, good: bytes) -> bytes:
    """Odd values in the loaded dictionary, saved again as torch does."""
    changed = torch.load(io.BytesIO(good), weights_only=True)
    for _ in range(rng.choice((1, 1, 2, 4))):
        changed = changed_inside(rng, changed, any_value)
    buffer = io.BytesIO()
    try:
        torch.save(changed, buffer)
    except (RecursionError, NotImplementedError, pickle.PicklingError, RuntimeError):
        return values(rng, good)
    return buffer.getvalue()


OF_ARCHIVES: dict[str, Mutate] = {
    "pickle bytes": pickle_bytes, "pickle operations": pickle_operations, "payload": payload,
    "zip directory": directory, "zip members": member, "values": values,
}  # fmt: skip
