"""Mutations of bytes, regardless of the format."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutate = Callable[[random.Random, bytes], bytes]


def flipped(rng: random.Random, good: bytes) -> bytes:
    changed = bytearray(good)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[_position(rng, len(good))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncated(rng: random.Random, good: bytes) -> bytes:
    return good[: _position(rng, len(good))]


def inserted(rng: random.Random, good: bytes) -> bytes:
    position, length = _position(rng, len(good) + 1), rng.choice((1, 2, 4, 22, 64, 1000))
    insertion = rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length, good[:length]))
    return good[:position] + insertion + good[position:]


def spliced(rng: random.Random, good: bytes) -> bytes:
    """A part of the file over, or between, other parts of it."""
    start, stop = sorted((_position(rng, len(good)), _position(rng, len(good))))
    position = _position(rng, len(good))
    part = good[start:stop]
    return good[:position] + part + good[position + rng.choice((0, len(part))) :]


def _position(rng: random.Random, length: int) -> int:
    """A random position, often near an end, where the formats have their tables."""
    span = min(length, rng.choice((64, 512, 4096, length)))
    distance = rng.randrange(max(1, span))
    return max(0, length - 1 - distance) if rng.random() < 0.5 else distance


BYTEWISE: dict[str, Mutate] = {
    "flipped": flipped, "truncated": truncated, "inserted": inserted, "spliced": spliced,
}  # fmt: skip
