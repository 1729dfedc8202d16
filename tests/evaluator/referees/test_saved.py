"""Saved referees as files: the way there and back, names of files, damage, folders that cannot hold them."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from full_disks import largest_file
from tiny_referees import arena_of, grains, points, referees_of

from gancross.errors import CheckpointError, ResourceError, UsageError
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.saved import (
    SUFFIX,
    SavedReferees,
    decoded,
    encoded,
    referee_folder,
    saved_referees,
)

HOSTILE = [
    "../../etc/passwd", "a/b", "a\\b", ".hidden", "..", "", "-rf", "模型", "naïve", "con", "x" * 300, "a\nb",
    "A", "a", "a ", "\ud800",
]  # fmt: skip
Made = tuple[Arena, SampleSet, list[Entry], SavedReferees]


def made_of(reals: torch.Tensor, samples: torch.Tensor) -> Made:
    arena = arena_of(reals, [samples], steps=3)
    sets, entries = referees_of(arena, a=samples)
    return arena, sets["a"], entries["a"], saved_referees("a", sets["a"], entries["a"], arena)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Referees of vectors and of images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCROSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {
            "vectors": made_of(points(60), points(60, seed=1)),
            "images": made_of(grains(40), grains(50, seed=1)),
        }


def sha256s(samples: torch.Tensor) -> set[bytes]:
    return {hashlib.sha256(sample.numpy().tobytes()).digest() for sample in samples}


def bytes_of(digests: Any) -> set[bytes]:
    return {digest.ljust(32, b"\0") for digest in digests.tolist()}


@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_referees_survive_their_way_to_a_file_and_back(made: dict[str, Made], kind: str) -> None:
    *_, saved = made[kind]
    again = decoded(encoded(saved))
    assert again.header == saved.header and again.file == saved.file
    for field in ("sigmas", "spread", "detail"):
        assert getattr(again.ladder, field) == getattr(saved.ladder, field)
    for one, other in ((saved.ladder.mean, again.ladder.mean), (saved.ladder.std, again.ladder.std)):
        assert (one is None and other is None) or torch.equal(one, other)  # type: ignore[arg-type]
    for first, second in zip(saved.referees, again.referees, strict=True):
        assert first.identity == second.identity and first.referee.chosen == second.referee.chosen
        assert np.array_equal(first.reals, second.reals) and np.array_equal(first.samples, second.samples)
        for step, weights in first.referee.snapshots.items():
            others = second.referee.snapshots[step]
            assert set(weights) == set(others)
            assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert encoded(again) == encoded(saved)


@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_a_file_says_exactly_what_each_referee_trained_on(made: dict[str, Made], kind: str) -> None:
    """All that it was not tested on; what chose its snapshot included."""
    arena, samples, entries, saved = made[kind]
    assert len(saved.referees) == len(entries) == 2
    for entry, each in zip(entries, saved.referees, strict=True):
        for rows, array, digests in (
            (entry.scores.reals, arena.reals.array, each.reals),
            (entry.scores.samples, samples.array, each.samples),
        ):
            tested = torch.zeros(len(array), dtype=torch.bool)
            tested[torch.from_numpy(rows)] = True
            assert bytes_of(digests) == sha256s(array[~tested])
            assert len(digests) == arena.size and not bytes_of(digests) & sha256s(array[tested])


def test_hostile_names_of_contestants_give_safe_and_different_files(
    made: dict[str, Made], tmp_path: Path
) -> None:
    *_, saved = made["vectors"]
    folder = referee_folder(tmp_path / "in")
    for name in HOSTILE:
        named = replace(saved, header=replace(saved.header, contestant=name))
        file = named.file
        assert file.isascii() and file.isprintable() and file.endswith(SUFFIX) and len(file) < 100
        assert not set(file) & set('/\\:*?"<>| ') and not file.startswith((".", "-"))
        if name:
            folder.save([named])
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    names = {entry.header.contestant for entry in referee_folder(tmp_path / "in").saved.values()}
    # What is no Unicode is written escaped, or no file could hold it.
    assert names == {name.encode("utf-8", "backslashreplace").decode() for name in HOSTILE if name}
    assert len({path.name.lower() for path in folder.path.iterdir()}) == len(names)


def test_one_file_is_never_another_contestants(made: dict[str, Made], tmp_path: Path) -> None:
    """The same referees again change nothing; others of that name have a file of their own."""
    *_, saved = made["vectors"]
    folder = referee_folder(tmp_path)
    folder.save([saved])
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("a-") and decoded(path.read_bytes()).header == saved.header
    path.write_bytes(b"as it was")
    folder.save([saved])
    assert path.read_bytes() == b"as it was"
    changes: list[dict[str, Any]] = [
        {"samples_sha256": "b" * 64}, {"reals_sha256": "c" * 64}, {"num_training": 7},
        {"protocol": replace(saved.header.protocol, steps=4)},
    ]  # fmt: skip
    for change in changes:
        folder.save([replace(saved, header=replace(saved.header, **change))])
    assert len(list(tmp_path.iterdir())) == 5 and path.read_bytes() == b"as it was"


def test_a_folder_holds_all_files_of_a_call_or_none(made: dict[str, Made], tmp_path: Path) -> None:
    """Those of earlier calls stay."""
    saved = sorted((each for *_, each in made.values()), key=lambda each: len(encoded(each)))
    folder = referee_folder(tmp_path)
    folder.save([saved[0]])
    (before,) = tmp_path.iterdir()
    other = replace(saved[0], header=replace(saved[0].header, contestant="other"))
    with (
        largest_file(max(map(len, map(encoded, (saved[0], other))))),
        pytest.raises(ResourceError, match=r"cannot be written: File too large; no referees were saved; the"),
    ):
        folder.save([other, saved[0], saved[1]])
    assert list(tmp_path.iterdir()) == [before]
    folder.save([other, saved[0], saved[1]])
    assert len(list(tmp_path.iterdir())) == 3


def rewritten(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        arrays: dict[str, Any] = dict(archive)
    change(arrays)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def headed(content: bytes, **fields: Any) -> bytes:
    def change(arrays: dict[str, Any]) -> None:
        header = json.loads(arrays["header"].tobytes()) | fields
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)

    return rewritten(content, change)


def compressed(content: bytes) -> bytes:
    out = io.BytesIO()
    with np.load(io.BytesIO(content)) as archive:
        np.savez_compressed(out, **dict(archive))
    return out.getvalue()


def protocol_of(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content)) as archive:
        protocol: dict[str, Any] = json.loads(archive["header"].tobytes())["protocol"]
    return protocol


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "text": lambda content: b"no archive",
    "cut": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:30_000] + bytes([content[30_000] ^ 1]) + content[30_001:],
    "compressed": compressed,
    "pickled": lambda content: rewritten(content, lambda a: a.update({"0/reals": np.array([{}])})),
    "without a referee": lambda content: rewritten(content, lambda a: a.pop("1/reals")),
    "without a ladder": lambda content: rewritten(content, lambda a: a.pop("std")),
    "no spread": lambda content: rewritten(content, lambda a: a.update(std=np.zeros(2, np.float32))),
    "endless spread": lambda content: rewritten(
        content, lambda a: a.update(std=np.full(2, np.inf, np.float32))
    ),
    "fewer hashes": lambda content: rewritten(content, lambda a: a.update({"0/reals": a["0/reals"][:-1]})),
    "no hashes": lambda content: rewritten(content, lambda a: a.update({"1/samples": a["1/samples"][:0]})),
    "integers": lambda content: rewritten(content, lambda a: a.update({"0/reals": np.arange(3)})),
    "of another format": lambda content: headed(content, format="gancross.referees/9"),
    "with more": lambda content: headed(content, more=1),
    "unordered": lambda content: headed(content, sigmas=[1.0] * 12),
    "few rungs": lambda content: headed(content, sigmas=[0.1, 0.2]),
    "noise beyond numbers": lambda content: headed(content, sigmas=[10.0**power for power in range(12)]),
    "spread beyond numbers": lambda content: headed(content, spread=1e200),
    "detail beyond numbers": lambda content: headed(content, detail=1e200),
    "too wide": lambda content: headed(content, protocol=protocol_of(content) | {"width": 1 << 40}),
    "of no width": lambda content: headed(content, protocol=protocol_of(content) | {"width": 0}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_one_line_with_its_name(made: dict[str, Made], tmp_path: Path, damage: str) -> None:
    *_, saved = made["vectors"]
    referee_folder(tmp_path).save([saved])
    (path,) = tmp_path.iterdir()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(CheckpointError, match="is damaged, or holds no saved referees") as refused:
        referee_folder(tmp_path)
    message = str(refused.value)
    assert str(path) in message and "move it elsewhere" in message and len(message.splitlines()) == 1


def test_nothing_of_a_file_is_an_object(made: dict[str, Made]) -> None:
    for *_, saved in made.values():
        content = encoded(saved)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            assert {array.dtype.kind for array in archive.values()} == {"f", "S", "u"}
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            assert all(member.compress_type == zipfile.ZIP_STORED for member in members.infolist())


def test_a_folder_is_checked_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tmp_path / "a" / "b"
    assert referee_folder(new).saved == {} and list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    (tmp_path / "link to no file").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "link to no file"):
        with pytest.raises(UsageError, match=r"file is a file, expected a folder"):
            referee_folder(path)

    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(ResourceError, match=r"referees cannot be saved there: Permission denied"):
        referee_folder(new)
    with pytest.raises(UsageError, match="save_referees: expected the name of a folder, got an empty one"):
        referee_folder("")


def test_other_files_and_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may hold other things; under torchrun the first process alone reads it."""
    (tmp_path / "samples.npz").write_bytes(b"no referees")
    (tmp_path / f".a{SUFFIX}.1-0123abcd.tmp").write_bytes(b"left behind by a killed process")
    assert referee_folder(tmp_path).saved == {}
    (tmp_path / f"a{SUFFIX}").write_bytes(b"damaged")
    with pytest.raises(CheckpointError):
        referee_folder(tmp_path)
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert referee_folder(tmp_path).saved == {}
