"""LSUN bedrooms from tiny LMDB environments in the official layout."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from data_sets import as_rows, epoch, training_batches
from numpy.typing import NDArray
from official_formats import write_environment, write_lsun
from PIL import Image

from gancross.data import catalogue, environments
from gancross.errors import DataError, ResourceError

TRAIN, VAL = 40, 3


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    write_lsun(tmp_path, train=TRAIN, val=VAL)
    return tmp_path


def reference(path: Path, side: int) -> list[NDArray[np.uint8]]:
    """All images of an environment by a plain reading: centre square, bicubic."""
    images = []
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        for _, value in transaction.cursor():
            image = Image.open(io.BytesIO(value)).convert("RGB")
            square = min(image.size)
            left, top = (image.width - square) // 2, (image.height - square) // 2
            image = image.crop((left, top, left + square, top + square))
            images.append(np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1))
    return images


def test_held_out_images_are_the_validation_set_and_a_tenth_that_training_never_sees(root: Path) -> None:
    val = as_rows(reference(root / "lsun" / "bedroom_val_lmdb", 16))
    train = as_rows(reference(root / "lsun" / "bedroom_train_lmdb", 16))
    data = catalogue.load("lsun-bedroom", root=root, image_size=16, workers=0)
    held_out = as_rows(data.held_out(1))
    trained = as_rows(epoch(data, 36, batch_size=4))
    assert "3 official validation images and 4 training images" in data.split
    assert held_out[:VAL] == val
    assert len(set(held_out)) == VAL + TRAIN // 10
    assert sorted(held_out[VAL:] + trained) == sorted(train)


def test_the_choice_is_fixed_and_the_default_side_is_64(root: Path) -> None:
    first = catalogue.load("lsun-bedroom", root=root, workers=0)
    second = catalogue.load("lsun-bedroom", root=root, workers=0, test_seed=5)
    assert first.shape == (3, 64, 64)
    assert torch.equal(first.held_out(1), second.held_out(1))


def test_workers_and_start_change_nothing(root: Path) -> None:
    one_process, workers = (
        catalogue.load("lsun-bedroom", root=root, image_size=8, workers=workers) for workers in (0, 2)
    )
    whole = training_batches(one_process, 12, seed=2, batch_size=5)
    later = training_batches(workers, 8, seed=2, batch_size=5, start=4)
    assert all(torch.equal(a, b) for a, b in zip(later, whole[4:], strict=True))


def test_keys_are_listed_once_and_again_when_the_environment_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "lsun" / "bedroom_val_lmdb"
    listed = environments.keys(path)
    assert listed.tolist() == sorted(listed.tolist())
    assert len(listed) == VAL
    [cache] = (root / "cache").rglob("*.npy")
    marked = np.load(cache, allow_pickle=False)
    marked[0] = b"from the cache"
    np.save(cache, marked)
    assert environments.keys(path)[0] == b"from the cache"
    os.utime(path / "data.mdb", ns=(1, 1))
    assert environments.keys(path).tolist() == listed.tolist()


@pytest.mark.parametrize("content", [b"", b"no array", "pickle"])
def test_a_damaged_cache_is_written_anew_and_never_unpickled(root: Path, content: bytes | str) -> None:
    path = root / "lsun" / "bedroom_val_lmdb"
    listed = environments.keys(path)
    [cache] = (root / "cache").rglob("*.npy")
    if content == "pickle":
        np.save(cache, np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    else:
        assert isinstance(content, bytes)
        cache.write_bytes(content)
    assert environments.keys(path).tolist() == listed.tolist()
    assert np.load(cache, allow_pickle=False).tolist() == listed.tolist()


def test_a_cache_that_cannot_be_written_is_done_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "file").write_text("")
    monkeypatch.setenv("GANCROSS_CACHE", str(root / "file"))
    assert len(environments.keys(root / "lsun" / "bedroom_val_lmdb")) == VAL


@pytest.mark.parametrize("missing", ["bedroom_train_lmdb", "bedroom_val_lmdb"])
def test_a_missing_environment_is_named_with_its_folder_and_its_source(root: Path, missing: str) -> None:
    (root / "lsun" / missing).rename(root / "elsewhere")
    with pytest.raises(ResourceError, match=rf"{missing}/data\.mdb is missing in {root}/lsun: get it with"):
        catalogue.load("lsun-bedroom", root=root)


def test_a_missing_package_is_named_with_its_extra(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ResourceError, match=r"needs the package lmdb: pip install 'gancross\[lmdb\]'"):
        catalogue.load("lsun-bedroom", root=root)


@pytest.mark.parametrize(
    ("keep", "message"),
    [(0, "cannot be read|cut off"), (5_000, "cannot be read|cut off"), (20_000, "cut off")],
)
def test_a_cut_off_environment_is_refused_and_does_not_kill_the_process(
    root: Path, keep: int, message: str
) -> None:
    path = root / "lsun" / "bedroom_train_lmdb" / "data.mdb"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=message):
        catalogue.load("lsun-bedroom", root=root)


def test_noise_instead_of_an_environment_is_refused(root: Path) -> None:
    path = root / "lsun" / "bedroom_val_lmdb" / "data.mdb"
    path.write_bytes(np.random.default_rng(0).bytes(100_000))
    with pytest.raises(DataError, match="bedroom_val_lmdb: cannot be read"):
        catalogue.load("lsun-bedroom", root=root)


def test_a_damaged_image_is_named_by_its_key(root: Path) -> None:
    write_environment(root / "lsun" / "bedroom_val_lmdb", [b"no image"])
    key = hashlib.sha1(b"no image").hexdigest()
    with pytest.raises(DataError, match=f"bedroom_val_lmdb, key {key}: not an image"):
        catalogue.load("lsun-bedroom", root=root, workers=0).held_out(1)


def test_enough_validation_images_leave_training_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gancross.data import lsun

    monkeypatch.setattr(lsun, "HELD_OUT", 3)
    data = catalogue.load("lsun-bedroom", root=root, workers=0)
    assert len(data.held_out(1)) == VAL
    assert data.train is not None and data.train.size == TRAIN
