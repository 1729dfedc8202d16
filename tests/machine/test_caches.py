"""gancross cache: what it counts, what it removes, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from paths import ROOT

from gancross.evaluator.fidelity.frechet import Statistics
from gancross.evaluator.fidelity.real_features import (
    CacheKey,
    cached_features,
    keep_features,
    keep_statistics,
)
from gancross.machine import caches
from gancross.machine.files import size

HASH = "0123456789abcdef" * 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the evaluator itself has filled with two files."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    keep_features(KEY, np.ones((4, 2), dtype=np.float32))
    keep_statistics(KEY, Statistics(n=4, mean=np.ones(2), covariance=np.eye(2)), np.eye(2))
    return tmp_path / "cache"


KEY = CacheKey(
    data_sha256="a", extractor="identity", weights_sha256=None, resize=None, dtype="float32", versions="1",
    device="cpu",
)  # fmt: skip


def test_what_the_evaluator_keeps_is_shown_and_removed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file_sizes = [path.stat().st_size for path in sorted(folder.rglob("*.npz"))]
    bytes_kept = sum(file_sizes)
    assert caches.cache_sizes() == {"fidelity": file_sizes, "referees": [], "lmdb-keys": []}
    assert call("cache") == 0
    assert f"in all: 2 files, {size(bytes_kept)}" in capsys.readouterr().out
    assert call("cache", "--clear") == 0
    expected = capsys.readouterr().out
    assert str(folder) in expected.replace("\n", "") and f"freed: 2 files, {size(bytes_kept)}" in expected
    assert list(folder.iterdir()) == [] and cached_features(KEY) is None


def test_keys_of_lsun_and_unfinished_files_are_gancross_own(folder: Path) -> None:
    (folder / "lmdb-keys").mkdir()
    (folder / "lmdb-keys" / f"{HASH}.npy").write_bytes(b"12345")
    (folder / "lmdb-keys" / f".{HASH}.npy.77-0123abcd.tmp").write_bytes(b"123")
    assert caches.cache_sizes()["lmdb-keys"] == caches.clear()["lmdb-keys"] == [3, 5]
    assert not (folder / "lmdb-keys").exists()


def test_what_others_put_there_stays(folder: Path) -> None:
    others = [
        "notes.txt",
        "fidelity/notes.txt",
        f"fidelity/{HASH}.npz",
        "elsewhere/x",
        f"fidelity/x{HASH}-features.npz",
    ]
    for name in others:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    (folder / "fidelity" / f"{HASH}-features.npz").mkdir()
    assert len(caches.clear()["fidelity"]) == 2
    assert all((folder / name).read_text() == "mine" for name in others)
    assert (folder / "fidelity" / f"{HASH}-features.npz").is_dir()


def test_links_are_neither_followed_nor_removed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / f"{HASH}.npy"
    precious.write_text("precious")
    (folder / "lmdb-keys").symlink_to(outside, target_is_directory=True)
    (folder / "fidelity" / f"{HASH}-features.npz").symlink_to(precious)
    assert caches.cache_sizes()["lmdb-keys"] == []
    assert len(caches.clear()["fidelity"]) == 2
    assert precious.read_text() == "precious"
    assert (folder / "lmdb-keys").is_symlink() and (folder / "fidelity" / f"{HASH}-features.npz").is_symlink()


def test_no_cache_is_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "none"))
    assert caches.cache_sizes() == caches.clear() == {kind: [] for kind in caches.KINDS}
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may remove anything")
def test_a_folder_that_cannot_be_written_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fidelity").chmod(0o500)
    try:
        assert call("cache", "--clear") == 5
    finally:
        (folder / "fidelity").chmod(0o700)
    assert "cannot be removed" in capsys.readouterr().err


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can become a user without a home, and setpriv is of Linux",
)
def test_a_user_without_a_home_has_no_cache_and_no_crash() -> None:
    rights = "+dac_override,+dac_read_search"  # the folders of Python may not be for everyone
    nobody = ["setpriv", "--reuid", "54321", "--clear-groups", "--inh-caps", rights, "--ambient-caps", rights]
    done = subprocess.run(
        [*nobody, sys.executable, "-m", "gancross", "cache"], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "none: this user has no home folder" in done.stdout and "in all: 0 files" in done.stdout


def test_without_a_cache_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(caches.NO_CACHE))
    keep_features(KEY, np.ones((4, 2), dtype=np.float32))
    assert cached_features(KEY) is None and not any(caches.cache_sizes().values())
    assert not any(caches.clear().values())
