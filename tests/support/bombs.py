"""Small things that a careless reader makes large or slow."""

from __future__ import annotations

import struct
import zlib


def bomb(size: int) -> bytes:
    """A zip of some kilobytes whose pickle inflates to `size` bytes of zeros."""
    piece = 1 << 24
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(piece)) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = block * (size // piece) + b"\x03\x00"
    name = b"archive/data.pkl"
    common = struct.pack("<5H3L2H", 20, 0, 8, 0, 0, 0, len(body), size, len(name), 0)
    local = b"PK\x03\x04" + common + name + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2L", 0, 0, 0, 0, 0) + name
    return local + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)


def colliding(count: int) -> bytes:
    """A pickle of a dictionary whose keys, multiples of 2^61 − 1, all have the hash 0: quadratic time.

    Written by hand, since making the dictionary takes that time too.
    """
    keys = (((2**61 - 1) * number).to_bytes(16, "little") for number in range(1, count))
    return b"\x80\x02}(" + b"".join(b"\x8a\x10" + key + b"N" for key in keys) + b"u."


ORDERED = b"ccollections\nOrderedDict\n"
LARGE = b"}(" + b"".join(b"J" + struct.pack("<i", number) + b"N" for number in range(50_000)) + b"uq\x00"


def copied_dictionary(times: int) -> bytes:
    """A pickle that copies a dictionary of 50,000 keys."""
    return b"\x80\x02(" + LARGE + (ORDERED + b"h\x00\x85R") * times + b"t."


def copied_attributes(times: int) -> bytes:
    """A pickle of objects that each get 50,000 attributes."""
    return b"\x80\x02(" + LARGE + (ORDERED + b")Rh\x00b") * times + b"t."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


STORAGE = b"ctorch\nFloatStorage\nq\x01"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\nq\x02"
SHARED_TUPLE = b")" + b"q\x03h\x03h\x03\x87" * 17  # unfolds to 3^17 values


def storage(
    *,
    name: bytes = text("storage"),
    kind: bytes = STORAGE,
    key: bytes = text("0"),
    location: bytes = text("cpu"),
    count: bytes = b"K\x01",
) -> bytes:
    """Operations that ask for a storage."""
    return b"(" + name + kind + key + location + count + b"tQ"


def rebuilt(
    *,
    parts: bytes = storage(),
    offset: bytes = b"K\x00",
    size: bytes = b"K\x01\x85",
    stride: bytes = b"K\x01\x85",
    grad: bytes = b"\x89",
    hooks: bytes = ORDERED + b")R",
) -> bytes:
    """Operations that ask for a tensor."""
    return REBUILD + b"(" + parts + offset + size + stride + grad + hooks + b"tR"


def many_long_counts(times: int) -> bytes:
    """A pickle of storages whose count is a text, which the size of an item would multiply."""
    keys = (text(str(number)) for number in range(times))
    first = text("x" * 100_000) + b"q\x00"
    return b"\x80\x02(" + first + b"".join(storage(key=key, count=b"h\x00") for key in keys) + b"t."


def many_dimensions(times: int) -> bytes:
    """A pickle of tensors that share a shape of 100,000 ones."""
    ones = b"(" + b"K\x01" * 100_000 + b"tq\x00"
    return b"\x80\x02(" + ones + rebuilt(size=b"h\x00", stride=b"h\x00") * times + b"t."
