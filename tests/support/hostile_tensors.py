# ruff: noqa: E501  # a table of cases reads better in long lines
"""Builds `.safetensors` checkpoints that must be refused, each from a good one; no binaries kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from mutations.tensor_files import headed, taken_apart

Header = dict[str, Any]


def rewritten(
    good: bytes, change: Callable[[Header], object], data: Callable[[bytes], bytes] | None = None
) -> bytes:
    """The header changed in place; other data get their right hash."""
    header, old = taken_apart(good)
    if data is not None:
        old = data(old)
        header["__metadata__"]["data_sha256"] = hashlib.sha256(old).hexdigest()
    change(header)
    return headed(json.dumps(header).encode(), old)


def nothing(header: Header) -> None:
    """No change."""


def texted(good: bytes, change: Callable[[str], str]) -> bytes:
    """Another text, with its right hash."""

    def rehash(header: Header) -> None:
        metadata = header["__metadata__"]
        metadata["text"] = change(metadata["text"])
        metadata["text_sha256"] = hashlib.sha256(metadata["text"].encode()).hexdigest()

    return rewritten(good, rehash)


def values(good: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Other values in the text."""

    def changed(text: str) -> str:
        loaded = json.loads(text)
        change(loaded)
        return json.dumps(loaded)

    return texted(good, changed)


def first(header: Header, place: int = 0) -> Any:
    """A tensor's entry, in the order of the data."""
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    return sorted(entries, key=lambda entry: entry["data_offsets"])[place]


def moved(place: int, start: int, stop: int) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        offsets = first(header, place)["data_offsets"]
        first(header, place)["data_offsets"] = [offsets[0] + start, offsets[1] + stop]

    return change


def entry(key: str, value: object) -> Callable[[Header], None]:
    return entries(**{key: value})


def entries(**values: object) -> Callable[[Header], None]:
    """Other values in the entry of the first tensor, which holds eight float32."""

    def change(header: Header) -> None:
        first(header).update(values)

    return change


def metadata(key: str, value: object) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        header["__metadata__"][key] = value

    return change


def doubled(good: bytes) -> bytes:
    """The first tensor listed twice."""
    header, data = taken_apart(good)
    name = next(name for name in header if name != "__metadata__")
    text = json.dumps(header)
    return headed(f'{text[:-1]}, "{name}": {json.dumps(header[name])}}}'.encode(), data)


def renamed(new: str) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        header[new] = header.pop(next(name for name in header if name != "__metadata__"))

    return change


def lone_nan(data: bytes) -> bytes:
    return b"\x00\x00\xc0\x7f" + data[4:]


def cases(good: bytes) -> dict[str, tuple[bytes, str]]:
    """Name → (file content, part of the message)."""
    header, data = taken_apart(good)
    text = json.dumps(header).encode()
    return {
        "empty": (b"", "header is missing"),
        "text": (b"these are not weights\n" * 10, "header is missing"),
        "archive": (b"PK\x03\x04" + good, "header is missing"),
        "seven bytes": (b"\x08" + bytes(6), "header is missing"),
        "header of 101 MB": (headed(text + b" " * (101 << 20), data), "larger than 2 MiB"),
        "header that is cut off": (good[:100], "cut off"),
        "flipped byte": (good[:-1] + bytes([good[-1] ^ 1]), "SHA-256"),
        "flipped byte of the text": (good.replace(b'\\"step\\": 6', b'\\"step\\": 7', 1), "SHA-256"),
        "byte too few": (good[:-1], "SHA-256"),
        "byte too many": (good + b"x", "SHA-256"),
        "no object": (headed(b"[]", b""), "not a JSON object"),
        "no JSON": (headed(b"{", data), "not JSON"),
        "header in UTF-16": (headed(text.decode().encode("utf-16"), data), "not JSON"),
        "header nested 100,000 deep": (headed(b'{"a":' * 100_000, data), "not JSON"),
        "header of millions of lists": (headed(b'{"a":[' + b"[]," * (1 << 19) + b"[]]}", data), "no metadata"),
        "no tensors": (headed(b"{}", b""), "no metadata"),
        "tensor twice": (doubled(good), "key twice"),
        "tensors that overlap": (rewritten(good, moved(1, -4, -4)), "safetensors cannot load it"),
        "tensors with a hole": (rewritten(good, moved(-1, 4, 4), lambda old: old + bytes(4)), "safetensors cannot load it"),
        "place beyond the end": (rewritten(good, moved(-1, 10**9, 10**9)), "safetensors cannot load it"),
        "place before the beginning": (rewritten(good, moved(0, -8, -8)), "safetensors cannot load it"),
        "place that is no integer": (rewritten(good, entry("data_offsets", [0, 4.0])), "safetensors cannot load it"),
        "true place": (rewritten(good, entry("data_offsets", [False, 4])), "safetensors cannot load it"),
        "shape of a trillion": (rewritten(good, entry("shape", [10**6, 10**6])), "safetensors cannot load it"),
        "shape that overflows 64 bits": (rewritten(good, entry("shape", [2**40, 2**40])), "safetensors cannot load it"),
        "shape of a hundred dimensions": (rewritten(good, entry("shape", [1] * 100)), "safetensors cannot load it"),
        "shape of text": (rewritten(good, entry("shape", "wide")), "safetensors cannot load it"),
        "eight-bit floats": (rewritten(good, entries(dtype="F8_E4M3", shape=[32])), "float8_e4m3fn"),
        "four-bit floats": (rewritten(good, entry("dtype", "F4")), "safetensors cannot load it"),
        "complex numbers": (rewritten(good, entries(dtype="C64", shape=[4])), "complex64"),
        "dtype of a list": (rewritten(good, entry("dtype", [])), "safetensors cannot load it"),
        "integers for weights": (rewritten(good, entry("dtype", "I32")), "expected"),
        "NaN weight": (rewritten(good, nothing, lone_nan), "NaN"),
        "no metadata": (rewritten(good, lambda header: header.pop("__metadata__")), "no metadata"),
        "metadata of numbers": (rewritten(good, metadata("step", 1)), "no metadata"),
        "foreign metadata": (
            rewritten(good, lambda header: header.update(__metadata__={"format": "pt"})), "other metadata"),
        "no hash": (rewritten(good, lambda header: header["__metadata__"].pop("data_sha256")), "other metadata"),
        "wrong hash": (rewritten(good, metadata("data_sha256", "0" * 64)), "SHA-256"),
        "hash of half a surrogate": (rewritten(good, metadata("data_sha256", "\ud800")), "SHA-256"),
        "future format": (rewritten(good, metadata("format", "gancross.checkpoint/9")), "checkpoint/9"),
        "format that clears the screen": (rewritten(good, metadata("format", "\x1b[2J")), r"\x1b[2J"),
        "tensor of no network": (rewritten(good, renamed("optimizer.0")), "neither network"),
        "tensor that clears the screen": (rewritten(good, renamed("\x1b[2J")), r"\x1b[2J"),
        "tensor with a long name": (rewritten(good, renamed("x" * 10**6)), "refused"),
        "tensor of another key": (rewritten(good, renamed("generator.surprise")), "the keys of the weights"),
        "values that are a list": (texted(good, lambda _: "[1, 2]"), "other keys"),
        "values with a key twice": (texted(good, lambda text: text[:-1] + ', "step": 1}'), "key twice"),
        "values with NaN": (values(good, lambda loaded: loaded.update(threshold=float("nan"))), "expected standard JSON, got NaN"),
        "values beyond floats": (
            texted(good, lambda text: text.replace('"gamma": 0.0', '"gamma": 1e999')), "not finite"),
        "values nested 100,000 deep": (texted(good, lambda _: "[" * 100_000), "not JSON"),
        "values nested a hundred deep": (
            texted(good, lambda text: text[:-1] + ', "x": ' + "[" * 100 + "]" * 100 + "}"), "deeply"),
        "integer of 100,000 digits": (
            texted(good, lambda text: text.replace('"step": 6', '"step": ' + "9" * 100_000)), "more than 63 bits"),
        "million values": (texted(good, lambda text: text[:-1] + ', "x": [' + "0," * 3 * 10**5 + "0]}"), "unfold"),
        "values with optimizer states": (values(good, lambda loaded: loaded.update(training={"a": 1})), "other keys"),
        "values with weights": (values(good, lambda loaded: loaded.update(generator_state={})), "other keys"),
        "missing value": (values(good, lambda loaded: loaded.pop("threshold")), "threshold"),
        "unknown value": (values(good, lambda loaded: loaded.update(surprise=1)), "surprise"),
        "other architecture": (
            values(good, lambda loaded: loaded["generator"].update(name="os")), "unknown architecture"),
        "text with half a surrogate": (values(good, lambda loaded: loaded.update(method="\ud800")), r"\ud800"),
    }  # fmt: skip
