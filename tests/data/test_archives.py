"""CIFAR-10, MNIST and Fashion-MNIST from tiny files in their official formats."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import training_array
from official_formats import IDX, idx, write_cifar10, write_idx
from torchvision import datasets

from gancross.data import catalogue
from gancross.errors import DataError, ResourceError, UsageError

SETS = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}


@pytest.fixture
def cifar10_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The python version of the archive: five training batches of 4, a test batch of 3, the meta file."""
    write_cifar10(tmp_path, monkeypatch)
    return tmp_path


def pixels_of(path: Path) -> torch.Tensor:
    return torch.from_numpy(pickle.loads(path.read_bytes())["data"].reshape(-1, 3, 32, 32))


def test_cifar10_is_read_row_by_row_channel_by_channel(cifar10_root: Path) -> None:
    folder = cifar10_root / "cifar-10-batches-py"
    data = catalogue.load("cifar10", root=cifar10_root)
    assert torch.equal(data.held_out(1), pixels_of(folder / "test_batch"))
    batches = torch.cat([pixels_of(folder / f"data_batch_{i}") for i in range(1, 6)])
    assert torch.equal(training_array(data), batches)


def test_a_changed_cifar10_batch_fails_its_checksum_before_it_is_unpickled(cifar10_root: Path) -> None:
    (cifar10_root / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ResourceError, match=r"cifar10: not found or damaged under .*--download fetches"):
        catalogue.load("cifar10", root=cifar10_root)


@pytest.mark.parametrize("name", SETS)
def test_idx_files_come_as_they_are(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path, name)
    data = catalogue.load(name, root=tmp_path)
    assert (data.shape, data.image_size, data.split) == ((1, 28, 28), None, "official")
    np.testing.assert_array_equal(training_array(data)[:, 0], IDX["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.held_out(1)[:, 0], IDX["t10k-images-idx3-ubyte"])


@pytest.mark.parametrize("name", SETS)
def test_32_is_28_with_two_black_pixels_on_each_side(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path, name)
    data = catalogue.load(name, root=tmp_path, image_size=32)
    assert (data.shape, data.image_size) == ((1, 32, 32), 32)
    assert "zero-padded by 2 pixels" in data.split
    for images, key in ((training_array(data), "train"), (data.held_out(1), "t10k")):
        np.testing.assert_array_equal(images[:, 0, 2:-2, 2:-2], IDX[f"{key}-images-idx3-ubyte"])
        margins = images.clone()
        margins[:, :, 2:-2, 2:-2] = 0
        assert not margins.any()


def test_download_unpacks_official_gz_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checksums are those of the test's own files; nothing is fetched, for they are all there."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    resources = []
    for name, array in IDX.items():
        packed = gzip.compress(idx(array))
        (raw / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    with pytest.raises(ResourceError, match="'gancross train' with --download"):
        catalogue.load("mnist", root=tmp_path)
    data = catalogue.load("mnist", root=tmp_path, download=True)
    np.testing.assert_array_equal(data.held_out(1)[:, 0], IDX["t10k-images-idx3-ubyte"])


@pytest.mark.parametrize("size", [27, 64])
@pytest.mark.parametrize("name", SETS)
def test_other_sizes_are_refused_before_anything_is_read(tmp_path: Path, name: str, size: int) -> None:
    with pytest.raises(UsageError, match="cannot be resized; it comes at 28×28 or 32×32"):
        catalogue.load(name, root=tmp_path, image_size=size)


@pytest.mark.parametrize("name", ["cifar10", *SETS])
def test_missing_files_name_the_folder_and_the_next_step(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResourceError, match=f"^{name}: .*{tmp_path}.*--download.*--data-root") as caught:
        catalogue.load(name, root=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "labels"])
def test_damaged_idx_files_are_refused(tmp_path: Path, damage: str) -> None:
    write_idx(tmp_path, "mnist")
    raw = tmp_path / "MNIST" / "raw"
    target = raw / "t10k-images-idx3-ubyte"
    content = {"cut": target.read_bytes()[:-100], "empty": b"", "noise": bytes(range(256)), "labels": None}[
        damage
    ]
    target.write_bytes((raw / "t10k-labels-idx1-ubyte").read_bytes() if content is None else content)
    with pytest.raises(DataError, match=r"^mnist: a file in .*raw is damaged") as caught:
        catalogue.load("mnist", root=tmp_path)
    assert "\n" not in str(caught.value)
