"""Mutations of a `.safetensors` file that rebuild its header, hashes included."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from gancross.checkpoint.file import FORMAT
from mutations.bytewise import BYTEWISE, Mutate
from mutations.odd_values import changed_inside, plain_value


def taken_apart(good: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(good[:8], "little")
    return json.loads(good[8 : 8 + length]), good[8 + length :]


def _put_together(header: Any, data: bytes) -> bytes:
    return headed(json.dumps(header).encode(), data)


def headed(text: bytes, data: bytes) -> bytes:
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def _rehashed(header: dict[str, Any], text: str, data: bytes) -> None:
    header["__metadata__"] = {
        "format": FORMAT, "text": text,
        "text_sha256": hashlib.sha256(text.encode(errors="replace")).hexdigest(),
        "data_sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip


def header_values(rng: random.Random, good: bytes) -> bytes:
    header, data = taken_apart(good)
    for _ in range(rng.choice((1, 1, 2, 4))):
        header = changed_inside(rng, header, plain_value)
    return _put_together(header, data)


def header_bytes(rng: random.Random, good: bytes) -> bytes:
    header, data = taken_apart(good)
    text = rng.choice(list(BYTEWISE.values()))(rng, json.dumps(header).encode())
    return headed(text, data)


def text_values(rng: random.Random, good: bytes) -> bytes:
    header, data = taken_apart(good)
    changed = json.loads(header["__metadata__"]["text"])
    for _ in range(rng.choice((1, 1, 2, 4))):
        changed = changed_inside(rng, changed, plain_value)
    _rehashed(header, json.dumps(changed), data)
    return _put_together(header, data)


def text_bytes(rng: random.Random, good: bytes) -> bytes:
    header, data = taken_apart(good)
    text = header["__metadata__"]["text"].encode()
    changed = rng.choice(list(BYTEWISE.values()))(rng, text).decode(errors="surrogateescape")
    odd = rng.choice(("NaN", "1e999", "9" * 100_000, "[" * 100_000, '{"a":1,"a":2}', "null", "[]", '"x"'))
    _rehashed(header, rng.choice((changed, changed, changed, odd)), data)
    return _put_together(header, data)


def data_bytes(rng: random.Random, good: bytes) -> bytes:
    """Other numbers, possibly NaN; the hash is correct."""
    header, data = taken_apart(good)
    changed = rng.choice(list(BYTEWISE.values()))(rng, data)
    _rehashed(header, header["__metadata__"]["text"], changed)
    return _put_together(header, changed)


OF_TENSOR_FILES: dict[str, Mutate] = {
    "header values": header_values, "header bytes": header_bytes, "text values": text_values,
    "text bytes": text_bytes, "data": data_bytes,
}  # fmt: skip
