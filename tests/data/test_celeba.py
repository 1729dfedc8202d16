"""CelebA from a tiny copy of the official layout: partition, crops, and what is said when files lack."""

import itertools

import numpy as np
import pytest
import torch
from official_formats import write_celeba
from torchvision import datasets

from gancross.data import catalogue
from gancross.data.images import read_image
from gancross.errors import DataError, ResourceError, UsageError

PARTITION = [0] * 9 + [1] * 3 + [2] * 4


@pytest.fixture
def root(tmp_path):
    """16 faces of 178×218; faces 10–12 are the validation part, 13–16 the test part."""
    write_celeba(tmp_path, parts=PARTITION)
    return tmp_path


def face(root, number, *, image_size, crop):
    path = root / "celeba" / "img_align_celeba" / f"{number:06d}.jpg"
    array = read_image(path, image_size=image_size, crop=crop)
    return torch.tensor(array.transpose(2, 0, 1) if array.ndim == 3 else np.stack([array] * 3))


@pytest.mark.parametrize(("name", "crop"), [("celeba", 178), ("celeba-crop108", 108)])
def test_parts_and_crops_are_the_official_ones(root, name, crop):
    data = catalogue.load(name, root=root, workers=0)
    assert (data.name, data.shape, data.image_size) == (name, (3, 64, 64), 64)
    assert f"{crop}×{crop}" in data.split
    wanted = torch.stack([face(root, number, image_size=64, crop=crop) for number in range(13, 17)])
    assert torch.equal(data.held_out(1), wanted)
    epoch = torch.cat(list(itertools.islice(data.train.batches(seed=0, batch_size=3, start=0), 3)))
    shown = sorted(image.numpy().tobytes() for image in epoch)
    train = [face(root, number, image_size=64, crop=crop) for number in range(1, 10)]
    assert shown == sorted(image.numpy().tobytes() for image in train)


def test_image_size_is_free(root):
    data = catalogue.load("celeba", root=root, image_size=16, workers=0)
    assert data.held_out(1).shape == (4, 3, 16, 16)
    assert next(data.train.batches(seed=0, batch_size=2, start=0)).shape == (2, 3, 16, 16)
    with pytest.raises(UsageError, match="image_size must be at least 1, got 0"):
        catalogue.load("celeba", root=root, image_size=0)


@pytest.mark.parametrize("missing", ["img_align_celeba", "list_eval_partition.txt"])
def test_a_missing_file_is_named_with_its_folder_and_its_source(root, missing):
    (root / "celeba" / missing).rename(root / "elsewhere")
    wanted = rf"^celeba: {missing} is missing in {root}/celeba: get .* from the page .*--download$"
    with pytest.raises(ResourceError, match=wanted):
        catalogue.load("celeba", root=root)


def test_a_half_unpacked_archive_is_noticed_at_once(root):
    for number in (3, 14):
        (root / "celeba" / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    with pytest.raises(ResourceError, match=r"2 of 13 images are missing in .*, the first is 000003\.jpg"):
        catalogue.load("celeba", root=root)


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg 3", "../../secret.jpg 0", "a b 0"])
def test_a_line_that_is_not_official_is_refused(root, line):
    path = root / "celeba" / "list_eval_partition.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"list_eval_partition\.txt: line 17: expected 'NAME\.jpg'"):
        catalogue.load("celeba", root=root)


def test_a_list_without_test_images_is_refused(root):
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    with pytest.raises(DataError, match="no test images"):
        catalogue.load("celeba", root=root)


def test_a_damaged_face_is_named(root):
    path = root / "celeba" / "img_align_celeba" / "000015.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"000015\.jpg: (not an image|cannot be read)"):
        catalogue.load("celeba", root=root, workers=0).held_out(1)


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    def refused(root, *, split, download):
        raise RuntimeError("Too many users have viewed this file\nTry again later")

    monkeypatch.setattr(datasets, "CelebA", refused)
    with pytest.raises(ResourceError, match=r"^celeba: torchvision could not fetch it \(Too many") as caught:
        catalogue.load("celeba", root=tmp_path, download=True)
    assert "\n" not in str(caught.value)
