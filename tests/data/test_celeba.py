"""CelebA from a tiny copy of the official layout: partition, crops, and what is said when files lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import as_rows, epoch, training_batches
from official_formats import write_celeba
from torchvision import datasets

from gancross.data import catalogue
from gancross.data.images import read_image
from gancross.errors import DataError, ResourceError, UsageError

PARTITION = [0] * 9 + [1] * 3 + [2] * 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """16 faces of 178×218; faces 10–12 are the validation part, 13–16 the test part."""
    write_celeba(tmp_path, parts=PARTITION)
    return tmp_path


def face(root: Path, number: int, *, image_size: int, crop: int) -> torch.Tensor:
    path = root / "celeba" / "img_align_celeba" / f"{number:06d}.jpg"
    array = read_image(path, image_size=image_size, crop=crop).pixels
    return torch.tensor(array.transpose(2, 0, 1) if array.ndim == 3 else np.stack([array] * 3))


@pytest.mark.parametrize(("name", "crop"), [("celeba", 178), ("celeba-crop108", 108)])
def test_parts_and_crops_are_the_official_ones(root: Path, name: str, crop: int) -> None:
    data = catalogue.load(name, root=root, workers=0)
    assert (data.name, data.shape, data.image_size) == (name, (3, 64, 64), 64)
    assert f"{crop}×{crop}" in data.split
    expected = torch.stack([face(root, number, image_size=64, crop=crop) for number in range(13, 17)])
    assert torch.equal(data.held_out(1), expected)
    train = [face(root, number, image_size=64, crop=crop) for number in range(1, 10)]
    assert sorted(as_rows(epoch(data, 9, batch_size=3))) == sorted(as_rows(train))


def test_image_size_is_free(root: Path) -> None:
    data = catalogue.load("celeba", root=root, image_size=16, workers=0)
    assert data.held_out(1).shape == (4, 3, 16, 16)
    assert training_batches(data, 1, batch_size=2)[0].shape == (2, 3, 16, 16)
    with pytest.raises(UsageError, match="image_size must be at least 1, got 0"):
        catalogue.load("celeba", root=root, image_size=0)


@pytest.mark.parametrize("missing", ["img_align_celeba", "list_eval_partition.txt"])
def test_a_missing_file_is_named_with_its_folder_and_its_source(root: Path, missing: str) -> None:
    (root / "celeba" / missing).rename(root / "elsewhere")
    message = (
        rf"^celeba: {missing} is missing in {root}/celeba: get .* from the page .*--download fetches it$"
    )
    with pytest.raises(ResourceError, match=message):
        catalogue.load("celeba", root=root)


def test_a_half_unpacked_archive_is_noticed_at_once(root: Path) -> None:
    for number in (3, 14):
        (root / "celeba" / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    with pytest.raises(ResourceError, match=r"2 of 13 images are missing in .*, the first is 000003\.jpg"):
        catalogue.load("celeba", root=root)


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg 3", "../../secret.jpg 0", "a b 0"])
def test_a_line_that_is_not_official_is_refused(root: Path, line: str) -> None:
    path = root / "celeba" / "list_eval_partition.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"list_eval_partition\.txt: line 17: expected 'NAME\.jpg'"):
        catalogue.load("celeba", root=root)


def test_a_list_without_test_images_is_refused(root: Path) -> None:
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    with pytest.raises(DataError, match="no test images"):
        catalogue.load("celeba", root=root)


def test_a_damaged_face_is_named(root: Path) -> None:
    path = root / "celeba" / "img_align_celeba" / "000015.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"000015\.jpg: (not an image|cannot be read)"):
        catalogue.load("celeba", root=root, workers=0).held_out(1)


def test_a_failed_download_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(root: str, *, split: str, download: bool) -> None:
        raise RuntimeError("Too many users have viewed this file\nTry again later")

    monkeypatch.setattr(datasets, "CelebA", refused)
    with pytest.raises(ResourceError, match=r"^celeba: torchvision could not fetch it \(Too many") as caught:
        catalogue.load("celeba", root=tmp_path, download=True)
    assert "\n" not in str(caught.value)
