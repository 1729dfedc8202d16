"""Mutations of bytes, whatever they mean."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutate = Callable[[random.Random, bytes], bytes]


def flipped(drawn: random.Random, good: bytes) -> bytes:
    changed = bytearray(good)
    for _ in range(drawn.choice((1, 1, 2, 8, 64))):
        changed[_place(drawn, len(good))] ^= 1 << drawn.randrange(8)
    return bytes(changed)


def truncated(drawn: random.Random, good: bytes) -> bytes:
    return good[: _place(drawn, len(good))]


def inserted(drawn: random.Random, good: bytes) -> bytes:
    place, length = _place(drawn, len(good) + 1), drawn.choice((1, 2, 4, 22, 64, 1000))
    more = drawn.choice((drawn.randbytes(length), bytes(length), b"\xff" * length, good[:length]))
    return good[:place] + more + good[place:]


def spliced(drawn: random.Random, good: bytes) -> bytes:
    """A part of the file over, or between, other parts of it."""
    start, stop = sorted((_place(drawn, len(good)), _place(drawn, len(good))))
    place = _place(drawn, len(good))
    part = good[start:stop]
    return good[:place] + part + good[place + drawn.choice((0, len(part))) :]


def _place(drawn: random.Random, length: int) -> int:
    """Anywhere, but often near an end, where the formats keep their tables."""
    near = min(length, drawn.choice((64, 512, 4096, length)))
    place = drawn.randrange(max(1, near))
    return max(0, length - 1 - place) if drawn.random() < 0.5 else place


BYTEWISE: dict[str, Mutate] = {
    "flipped": flipped, "truncated": truncated, "inserted": inserted, "spliced": spliced,
}  # fmt: skip
