# ruff: noqa: E501  # a table of cases reads better in long lines
"""Builds checkpoint files that must be refused, each from a good one; small recipes, no binaries kept."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class WritesAMarker:
    """Unpickled by a careless loader, this creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def resaved(good: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The checkpoint with its dictionary changed in place, or replaced by what `change` returns."""
    loaded = torch.load(io.BytesIO(good), weights_only=True)
    changed = change(loaded)
    buffer = io.BytesIO()
    torch.save(loaded if changed is None else changed, buffer)
    return buffer.getvalue()


def rezipped(
    good: bytes, *, compression: int = zipfile.ZIP_STORED, pickled: bytes | None = None,
    extra: dict[str, bytes] | None = None,
) -> bytes:  # fmt: skip
    """The same archive written again with another pickle, more members, or compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for member in old.infolist():
            content = old.read(member)
            if pickled is not None and member.filename.endswith("data.pkl"):
                content = pickled
            new.writestr(member.filename, content)
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return buffer.getvalue()


def first_weight(loaded: dict[str, Any]) -> str:
    return next(key for key in loaded["generator_state"] if key.endswith("weight"))


def put(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(loaded: dict[str, Any]) -> None:
        loaded[key] = value

    return change


def weight(make: Callable[[torch.Tensor], object]) -> Callable[[dict[str, Any]], None]:
    """Replaces the generator's first weight by what `make` makes of it."""

    def change(loaded: dict[str, Any]) -> None:
        key = first_weight(loaded)
        loaded["generator_state"][key] = make(loaded["generator_state"][key])

    return change


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(loaded: dict[str, Any]) -> None:
        inner = loaded
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]

    return change


def flipped_byte(good: bytes) -> bytes:
    """One bit of a weight changed, the archive's structure untouched."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        member = max(archive.infolist(), key=lambda one: one.file_size)
    place = good.index(member.filename.encode()) + 200
    return good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]


def script() -> bytes:
    """A TorchScript program; torch still loads such files, though it deprecates making them."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), buffer)
    return buffer.getvalue()


def whole_module() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), buffer)
    return buffer.getvalue()


def huge_strides(loaded: dict[str, Any]) -> None:
    key = first_weight(loaded)
    loaded["generator_state"][key] = torch.zeros(1).expand(10**6, 10**6)


def legacy_pickle(marker: Path) -> bytes:
    return pickle.dumps(WritesAMarker(marker))


def cases(good: bytes, marker: Path) -> dict[str, tuple[bytes, str]]:
    """Name → (file content, part of the message)."""
    evil = pickle.dumps({"format": WritesAMarker(marker)}, protocol=2)
    return {
        "empty": (b"", "empty"),
        "text": (b"these are not weights\n" * 10, "no zip header"),
        "bare pickle": (legacy_pickle(marker), "no zip header"),
        "pickle that would run code": (rezipped(good, pickled=evil), "which no checkpoint needs"),
        "pickle of protocol 4": (rezipped(good, pickled=pickle.dumps(Path("x"), 4)), "unknown classes"),
        "bytearray of a terabyte": (
            rezipped(good, pickled=b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R."),
            "which no checkpoint needs",
        ),
        "whole module": (whole_module(), "which no checkpoint needs"),
        "TorchScript": (script(), "TorchScript"),
        "deflated": (rezipped(good, compression=zipfile.ZIP_DEFLATED), "compressed"),
        "second pickle": (rezipped(good, extra={"archive/other.pkl": b"."}), "exactly one"),
        "flipped byte": (flipped_byte(good), "checksum"),
        "empty zip": (b"PK\x05\x06" + bytes(18), "no zip header"),
        "not a dictionary": (resaved(good, lambda loaded: [1, 2]), "not a checkpoint of gancross"),
        "no format": (resaved(good, drop("format")), "not a checkpoint of gancross"),
        "future format": (resaved(good, put("format", "gancross.checkpoint/9")), "checkpoint/9"),
        "missing key": (resaved(good, drop("threshold")), "threshold"),
        "unknown key": (resaved(good, put("surprise", 1)), "surprise"),
        "unknown architecture": (
            resaved(good, put("generator", {"name": "os", "arguments": {}})), "unknown architecture"),
        "unknown argument": (
            resaved(good, put("generator", {"name": "mlp", "arguments": {"sizes": (2, 3), "evil": 1}})), "evil"),
        "monstrous argument": (
            resaved(good, put("generator", {"name": "mlp", "arguments": {"sizes": (10**12, 1)}})), "sizes"),
        "monstrous width": (
            resaved(good, put("generator", {"name": "mlp", "arguments": {"sizes": (2, 65536, 65536, 3)}})),
            "should be"),
        "architecture of text": (resaved(good, put("generator", "mlp")), "name and arguments"),
        "missing weight": (resaved(good, lambda loaded: drop("generator_state", first_weight(loaded))(loaded)),
                           "keys of"),
        "weight of another shape": (resaved(good, weight(lambda w: torch.zeros(1, 2))), "should be"),
        "weight of another kind": (resaved(good, weight(lambda w: w.double())), "float64"),
        "weight that is text": (resaved(good, weight(lambda w: "w")), "is str"),
        "NaN weight": (resaved(good, weight(lambda w: w.fill_(float("nan")))), "NaN"),
        "infinite weight": (resaved(good, weight(lambda w: w.fill_(float("inf")))), "NaN"),
        "complex weight": (resaved(good, weight(lambda w: w.to(torch.complex64))), "which no checkpoint needs"),
        "sparse weight": (resaved(good, weight(lambda w: w.to_sparse())), "which no checkpoint needs"),
        "quantized weight": (
            resaved(good, weight(lambda w: torch.zeros(2).to(torch.float8_e5m2))), "which no checkpoint needs"),
        "a trillion numbers in four bytes": (resaved(good, huge_strides), "strides"),
        "transposed weight": (resaved(good, weight(lambda w: w.T.contiguous().T)), "strides"),
        "nested too deeply": (
            rezipped(good, pickled=b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"."), "deeply"),
        "step that is text": (resaved(good, put("step", "many")), "'step' has the wrong type"),
        "negative step": (resaved(good, put("step", -1)), "out of range"),
        "recipe that holds a list": (resaved(good, put("recipe", {"data": ["x"]})), "plain values"),
        "backward data range": (resaved(good, put("data_range", (1.0, -1.0))), "data_range"),
        "unknown prior": (resaved(good, put("latent", "cauchy")), "latent prior"),
        "unknown score kind": (resaved(good, put("score_kind", "vibes")), "score kind"),
        "NaN threshold": (resaved(good, put("threshold", float("nan"))), "threshold"),
    }  # fmt: skip
