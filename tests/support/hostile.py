# ruff: noqa: E501  # a table of cases reads better in long lines
"""Builds checkpoint files that must be refused, each from a good one; small recipes, no binaries kept."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bombs import (
    ORDERED,
    REBUILD,
    SHARED_TUPLE,
    bomb,
    colliding,
    copied_attributes,
    copied_dictionary,
    many_dimensions,
    many_long_counts,
    rebuilt,
    storage,
    text,
)
from mutations.odd_values import cyclic, deep, laughing


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
    extra: dict[str, bytes] | None = None, without: str | None = None,
) -> bytes:  # fmt: skip
    """The same archive written again with another pickle, more members or fewer, or compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for member in old.infolist():
            if member.filename == without:
                continue
            content = old.read(member)
            if pickled is not None and member.filename.endswith("data.pkl"):
                content = pickled
            new.writestr(member.filename, content, compression)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a name that is there already
            for name, content in (extra or {}).items():
                new.writestr(name, content)
    return buffer.getvalue()


def many_members(count: int) -> dict[str, bytes]:
    return {f"archive/data/{number}": b"" for number in range(1000, 1000 + count)}


def overlapping_members(good: bytes) -> bytes:
    """The directory gives one storage the size of the whole file."""
    archive = bytearray(rezipped(good))
    entry = archive.rindex(b"archive/data/0") - 46
    archive[entry + 20 : entry + 28] = struct.pack("<2L", len(archive), len(archive))
    return bytes(archive)


def distant_zip64_end(good: bytes) -> bytes:
    """The locator before the end record names another place."""
    place = good.rindex(b"PK\x06\x07") + 8
    return good[:place] + bytes(8) + good[place + 8 :]


def repickled(good: bytes, old: bytes, new: bytes, *, count: int = 1) -> bytes:
    """The same archive with some bytes of its pickle replaced."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        pickled = archive.read("archive/data.pkl")
    assert old in pickled
    return rezipped(good, pickled=pickled.replace(old, new, count))


def ahead(good: bytes, operations: bytes) -> bytes:
    """The same archive; its unpickler does something else first, and forgets it in an unused memo."""
    return repickled(good, b"\x80\x02}", b"\x80\x02}" + operations)


def storages(good: bytes, operations: bytes) -> bytes:
    """The same archive with a pickle of one list of these operations' values."""
    return rezipped(good, pickled=b"\x80\x02](" + operations + b"e.")


def exported_program() -> bytes:
    """A zip laid out as a `.pt2` archive of `torch.export.save` is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {
            "archive_format": b"pt2", "models/model.json": b"{}", "data/weights/model.pt": whole_module(),
            "archive_version": b"0", "version": b"3",
        }.items():  # fmt: skip
            archive.writestr(f"program/{name}", content)
    return buffer.getvalue()


def aliased(loaded: dict[str, Any]) -> None:
    """Two biases of the discriminator in one place."""
    state = loaded["discriminator_state"]
    state["2.bias"] = state["0.bias"]


def two_ends(good: bytes) -> bytes:
    """A comment that looks like the end of another archive."""
    return good[:-2] + struct.pack("<H", 22) + b"PK\x05\x06" + bytes(18)


def first_weight(loaded: dict[str, Any]) -> str:
    state: dict[str, object] = loaded["generator_state"]
    return next(key for key in state if key.endswith("weight"))


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
        member = max(archive.infolist(), key=lambda entry: entry.file_size)
    place = good.index(member.filename.encode()) + 200
    return good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]


def script() -> bytes:
    """A TorchScript program; torch still loads such files, though it deprecates making them."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def whole_module() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), buffer)
    return buffer.getvalue()


def quantized(good: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to give these up
        return torch.quantize_per_tensor(good, 0.1, 0, torch.qint8)


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
        "pickle of protocol 4": (rezipped(good, pickled=pickle.dumps(Path("x"), 4)), "protocol 4"),
        "bytearray of a terabyte": (
            rezipped(good, pickled=b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R."),
            "which no checkpoint needs",
        ),
        "whole module": (whole_module(), "which no checkpoint needs"),
        "TorchScript": (script(), "TorchScript"),
        "deflated": (rezipped(good, compression=zipfile.ZIP_DEFLATED), "compressed"),
        "second pickle": (rezipped(good, extra={"archive/other.pkl": b"."}), "does not write"),
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
            "expected"),
        "architecture of text": (resaved(good, put("generator", "mlp")), "name and arguments, got 'mlp'"),
        "architecture of long keys": (
            resaved(good, put("generator", {f"{n}{'x' * 99}": ["x" * 99] * 9 for n in range(9)})), "name and arguments, got"),
        "missing weight": (resaved(good, lambda loaded: drop("generator_state", first_weight(loaded))(loaded)),
                           "the keys of the weights"),
        "weight of another shape": (resaved(good, weight(lambda w: torch.zeros(1, 2))), "expected"),
        "weight of another kind": (resaved(good, weight(lambda w: w.double())), "float64"),
        "weight that is text": (resaved(good, weight(lambda w: "w")), "got str"),
        "NaN weight": (resaved(good, weight(lambda w: w.fill_(float("nan")))), "NaN"),
        "infinite weight": (resaved(good, weight(lambda w: w.fill_(float("inf")))), "NaN"),
        "complex weight": (resaved(good, weight(lambda w: w.to(torch.complex64))), "which no checkpoint needs"),
        "sparse weight": (resaved(good, weight(lambda w: w.to_sparse())), "which no checkpoint needs"),
        "quantized weight": (resaved(good, weight(quantized)), "which no checkpoint needs"),
        "weight of eight-bit floats": (
            resaved(good, weight(lambda w: torch.zeros(2).to(torch.float8_e5m2))), "which no checkpoint needs"),
        "a trillion numbers in four bytes": (resaved(good, huge_strides), "strides"),
        "transposed weight": (resaved(good, weight(lambda w: w.T.contiguous().T)), "strides"),
        "nested too deeply": (resaved(good, put("training", {"a": deep(400)})), "deeply"),
        "nested 100,000 deep": (
            ahead(good, b"]" * 100_000 + b"a" * 99_999 + b"0"), "unknown classes"),
        "shared lists of 10^12 values": (resaved(good, put("training", {"a": laughing(12)})), "unfold"),
        "list within itself": (resaved(good, put("training", {"a": cyclic()})), "deeply"),
        "three million lists": (rezipped(good, pickled=b"\x80\x02(" + b"]" * 3_000_000 + b"t."), "operations"),
        "pickle of 9 MiB": (rezipped(good, pickled=b"\x80\x02" + b"N" * (9 << 20) + b"."), "at most 8 MiB"),
        "a thousand copies of a dictionary": (
            ahead(good, b"ccollections\nOrderedDict\n}(K\x01K\x02u\x85R"), "arguments that no checkpoint needs"),
        "storage of eight gigabytes": (
            ahead(good, b"ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R"), "arguments that no checkpoint needs"),
        "a large dictionary copied ten thousand times": (rezipped(good, pickled=copied_dictionary(10_000)),
            "arguments that no checkpoint needs"),
        "a large dictionary of attributes ten thousand times": (
            rezipped(good, pickled=copied_attributes(10_000)), "another kind"),
        "keys that collide": (rezipped(good, pickled=colliding(100_000)), "an integer of up to 60 bits"),
        "tuples for keys": (resaved(good, put("training", {(1, 2): 3})), "a key of type tuple"),
        "memo at two billion": (
            rezipped(good, pickled=b"\x80\x02}r\xff\xff\xff\x7f."), "the tensors' storages"),
        "object with another state": (
            ahead(good, b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb"), "another kind"),
        "state that is a list": (ahead(good, ORDERED + b")R]" + text("_metadata") + b"ab"), "another kind"),
        "storages counted by a long text": (rezipped(good, pickled=many_long_counts(200)), "without kind, key or size"),
        "shapes of 100,000 dimensions": (rezipped(good, pickled=many_dimensions(1000)), "at most 8 dimensions"),
        "3^17 values as the key of a storage": (storages(good, storage(key=SHARED_TUPLE)), "without kind, key or size"),
        "390,000 tuples as the key of a storage": (
            storages(good, storage(key=b")" + b"\x85" * 390_000)), "without kind, key or size"),
        "storage of two sizes": (storages(good, storage() + storage(count=b"K\x02")), "two sizes"),
        **{f"{name} of a storage": (storages(good, operations), "without kind, key or size") for name, operations in {
            "another name": storage(name=text("program")), "text as kind": storage(kind=text("torch FloatStorage")),
            "function as kind": storage(kind=ORDERED), "number as key": storage(key=b"K\x00"),
            "list as location": storage(location=b"]"), "long location": storage(location=text("x" * 65)),
            "negative count": storage(count=b"J\xff\xff\xff\xff"), "true count": storage(count=b"\x88"),
            "count of 2,000 bits": storage(count=b"\x8a\xfa" + b"\x7f" * 250), "text as id": text("12345") + b"Q",
        }.items()},
        **{f"{name} for a tensor": (storages(good, operations), "of at most 8 dimensions") for name, operations in {
            "nine dimensions": rebuilt(size=b"(" + b"K\x01" * 9 + b"t"), "negative size": rebuilt(size=b"J\xff\xff\xff\xff\x85"),
            "true stride": rebuilt(stride=b"\x88\x85"), "sizes of tuples": rebuilt(size=SHARED_TUPLE),
        }.items()},
        **{f"{name} for a tensor": (storages(good, operations), "arguments that no checkpoint needs") for name, operations in {
            "no storage": rebuilt(parts=b"N"), "text as offset": rebuilt(offset=text("0")), "list as size": rebuilt(size=b"]"),
            "gradient": rebuilt(grad=b"\x88"), "hook": rebuilt(hooks=ORDERED + b")R" + text("a") + b"Ns"),
            "dictionary as hooks": rebuilt(hooks=b"}"), "text as arguments": REBUILD + text("sixsix") + b"R",
        }.items()},
        "long text in 190,000 places": (resaved(good, put("surprise", ["x" * 4000] * 190_000)), "surprise"),
        "storage that claims more than there is": (
            repickled(good, b"K\x10tq", b"M\xe8\x03tq"), "not those in the zip"),
        "part of a storage": (
            resaved(good, put("training", {"a": torch.zeros(3)[:2]})), "not the whole of its storage"),
        "integer of 600 digits": (resaved(good, put("step", 10**600)), "more than 63 bits"),
        "data range of huge integers": (resaved(good, put("data_range", (-(10**300), 10**300))), "63 bits"),
        "text of a megabyte": (resaved(good, put("latent", "x" * 10**6)), "string of 1,000,000"),
        "text that clears the screen": (resaved(good, put("method", "\x1b[2J\x07")), r"\x1b[2J"),
        "text with half a surrogate": (resaved(good, put("method", "\ud800")), r"\ud800"),
        "key that clears the screen": (
            resaved(good, put("\x1b[2J", 1)), r"\x1b[2J"),
        "class for a value": (
            repickled(good, b"X\x04\x00\x00\x00tanh", b"ccollections\nOrderedDict\n"), "an object of type type"),
        "set": (resaved(good, put("training", {"a": {1}})), "set"),
        "bytes": (resaved(good, put("training", {"a": b"x"})), "encode"),
        "two weights in one place": (resaved(good, aliased), "share memory"),
        "real zip bomb": (bomb(3 << 30), "compressed"),
        "bytes before the archive": (b"PK\x03\x04" + bytes(100) + good, "two ends"),
        "bytes after the archive": (good + bytes(30), "does not end"),
        "comment": (good[:-2] + b"\x05\x00hello", "does not end"),
        "two ends": (two_ends(good), "there are bytes before"),
        "zip64 end elsewhere": (distant_zip64_end(good), "two ends"),
        "seventy thousand members more": (rezipped(good, extra=many_members(70_000)), "too many members"),
        "member twice": (rezipped(good, extra={"archive/version": b"3\n"}), "same name"),
        "member that overlaps the others": (overlapping_members(good), "overlap"),
        "no pickle": (rezipped(good, without="archive/data.pkl"), "needs a data.pkl"),
        "members that differ in case": (
            rezipped(good, extra={"archive/VERSION": b"3"}), "does not write"),
        "member outside its folder": (rezipped(good, extra={"../../executed": b""}), "does not write"),
        "member with an absolute name": (rezipped(good, extra={"/tmp/executed": b""}), "does not write"),
        "storage that nothing needs": (rezipped(good, extra={"archive/data/999": b"x"}), "not those in the zip"),
        "member under another name in its own header": (
            good.replace(b"archive/data/0", b"archive/data/x", 1), "damaged"),
        "exported program": (exported_program(), "does not write"),
        ".safetensors named .pt": ((8).to_bytes(8, "little") + b"{}      ", "no zip header"),
        "step that is text": (resaved(good, put("step", "many")), "'step' has type str"),
        "true step": (resaved(good, put("step", True)), "'step' has type bool"),
        "recipe with NaN": (
            resaved(good, lambda loaded: loaded["recipe"].update(gamma=float("nan"))), "not finite"),
        "recipe of other images": (
            resaved(good, lambda loaded: loaded["recipe"].update(image_size=10**9)), "image_size"),
        "latents of another size": (resaved(good, put("latent_dim", 10**9)), "maps"),
        "samples of another size": (resaved(good, put("sample_shape", (4,))), "maps"),
        "monstrous batch": (resaved(good, put("batch_size", 10**12)), "'batch_size' from 1"),
        "negative step": (resaved(good, put("step", -1)), "'step' ≥ 0"),
        "recipe that holds a list": (resaved(good, put("recipe", {"data": ["x"]})), "only strings"),
        "backward data range": (resaved(good, put("data_range", (1.0, -1.0))), "data_range"),
        "unknown prior": (resaved(good, put("latent", "cauchy")), "latent prior"),
        "unknown score kind": (resaved(good, put("score_kind", "vibes")), "score kind"),
        "NaN threshold": (resaved(good, put("threshold", float("nan"))), "threshold"),
    }  # fmt: skip
