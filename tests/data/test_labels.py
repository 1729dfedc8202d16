"""Labels belong to the samples they come with, in every data set, in memory and on demand."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import as_rows, training_batches
from official_formats import CIFAR10_CLASSES, write_celeba, write_cifar10, write_idx
from PIL import Image
from sklearn.datasets import load_digits

from gancross.data import catalogue, folder, mixture
from gancross.data.sets import DataSet
from gancross.errors import DataError
from gancross.random_streams import Stream

Key = Callable[[torch.Tensor], list[int]]  # the classes of samples, from what the test knows of them


def labelled(
    data: DataSet, n: int, *, batch_size: int, start: int = 0, share: slice = slice(None)
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches start…start+n−1 of samples and of labels."""
    assert data.train is not None and data.labels is not None and data.labels.train is not None
    streams = (
        part.batches(seed=5, batch_size=batch_size, start=start, share=share)
        for part in (data.train, data.labels.train)
    )
    return list(itertools.islice(zip(*streams, strict=True), n))


def check(data: DataSet, classes: Key, *, batch_size: int = 4, batches: int = 3) -> None:
    for samples, labels in labelled(data, batches, batch_size=batch_size):
        assert labels.dtype == torch.int64 and labels.tolist() == classes(samples)
    [(samples, labels)] = labelled(data, 1, batch_size=batch_size, start=1, share=slice(1, 3))
    assert labels.tolist() == classes(samples) and len(labels) == 2
    assert data.labels is not None
    assert data.labels.held_out(50).tolist() == classes(data.held_out(50))
    assert data.num_classes == len(data.class_names) == len(data.labels.frequencies)
    assert catalogue.known_classes(data.name) == data.num_classes


def by_content(images: torch.Tensor, labels: list[int]) -> Key:
    known = dict(zip(as_rows(images), labels, strict=True))
    return lambda samples: [known[row] for row in as_rows(samples)]


def test_digits_have_the_library_s_classes() -> None:
    library = load_digits()
    images = torch.from_numpy(np.rint(library.images * 255 / 16).astype(np.uint8)[:, None])
    data = catalogue.load("digits")
    check(data, by_content(images, library.target.tolist()), batch_size=64)
    assert data.class_names == tuple("0123456789")
    assert data.labels is not None and data.labels.frequencies.sum() == pytest.approx(1, abs=1e-15)
    train = training_batches(data, 1, batch_size=1201)[0]
    counts = np.bincount(by_content(images, library.target.tolist())(train))
    np.testing.assert_allclose(data.labels.frequencies, counts / 1201, rtol=0, atol=1e-15)


def test_cifar10_and_mnist_have_those_of_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar10(tmp_path, monkeypatch)
    parts = [path.read_bytes() for path in (tmp_path / "cifar-10-batches-py").glob("*_batch*")]
    contents = [pickle.loads(part) for part in parts]
    pixels = torch.from_numpy(np.concatenate([part["data"] for part in contents]).reshape(-1, 3, 32, 32))
    classes = [label for part in contents for label in part["labels"]]
    data = catalogue.load("cifar10", root=tmp_path)
    check(data, by_content(pixels, classes))
    assert data.class_names == tuple(CIFAR10_CLASSES) and len(set(classes)) > 3


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("size", [28, 32])
def test_idx_files_have_labels_in_their_order(tmp_path: Path, name: str, size: int) -> None:
    files = write_idx(tmp_path, name)
    data = catalogue.load(name, root=tmp_path, image_size=size)
    margin = (size - 28) // 2
    images = np.concatenate([files["train-images-idx3-ubyte"], files["t10k-images-idx3-ubyte"]])
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))[:, None]
    labels = [*files["train-labels-idx1-ubyte"], *files["t10k-labels-idx1-ubyte"]]
    check(data, by_content(torch.from_numpy(padded), list(map(int, labels))))
    assert data.num_classes == catalogue.known_classes(name) == 10


def test_a_label_that_is_no_class_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path, "mnist", train_labels=np.full(12, 10, np.uint8))
    with pytest.raises(DataError, match=r"mnist: label 10: expected one of the classes 0…9"):
        catalogue.load("mnist", root=tmp_path)


def test_the_mixture_s_labels_are_its_modes() -> None:
    def nearest(samples: torch.Tensor) -> list[int]:
        distances = torch.cdist(samples.double(), torch.from_numpy(mixture.means()))
        classes: list[int] = distances.argmin(1).tolist()
        return classes

    data = catalogue.load("mixture", test_seed=3)
    check(data, nearest, batch_size=64)
    assert data.labels is not None and data.labels.frequencies.tolist() == [1 / 7] * 7
    assert torch.equal(mixture.modes(Stream(1), 20, 9), mixture.modes(Stream(1), 0, 40)[20:29])


def write_classes(root: Path, names: dict[str, list[int]]) -> Key:
    """Grey 6×6 images of these levels in folders; the classes of images by the folder's last name, sorted."""
    classes = sorted({name.split("/")[-1] for name in names})
    levels = {level: classes.index(name.split("/")[-1]) for name in names for level in names[name]}
    for name, values in names.items():
        (root / name / "deeper").mkdir(parents=True)
        for index, level in enumerate(values):
            target = root / name / ("deeper" if index % 2 else ".") / f"{level}.png"
            Image.new("L", (6, 6), level).save(target)
    return lambda images: [levels[int(image[0, 0, 0])] for image in images]


@pytest.fixture(params=["in memory", "on demand"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on demand":
        monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "here"])
def test_class_folders_are_classes_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    classes = write_classes(
        tmp_path,
        {"train/dog": [1, 2, 3, 4], "train/cat": [5, 6, 7, 8, 9], "test/dog": [10], "test/cat": [11]},
    )
    monkeypatch.chdir(tmp_path)
    name = "folder:." if relative else f"folder:{tmp_path}"
    data = catalogue.load(name, workers=0)
    check(data, classes, batches=2)
    assert data.class_names == ("cat", "dog") and catalogue.known_classes(name) == 2
    assert data.labels is not None and data.labels.frequencies.tolist() == [5 / 9, 4 / 9]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "here"])
def test_class_folders_without_halves_are_classes_of_both_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    classes = write_classes(
        tmp_path, {name: list(range(20 * i, 20 * i + 10)) for i, name in enumerate("bca")}
    )
    monkeypatch.chdir(tmp_path)
    data = catalogue.load("folder:." if relative else f"folder:{tmp_path}", workers=0)
    check(data, classes)
    assert data.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    "names", [["train", "val"], ["only"], ["a", "b", "."]], ids=["parts", "one", "loose"]
)
def test_other_folders_have_no_labels(tmp_path: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (tmp_path / name).mkdir(exist_ok=True)
        for level in range(3):
            Image.new("L", (6, 6), 10 * number + level).save(tmp_path / name / f"{level}.png")
    data = catalogue.load(f"folder:{tmp_path}")
    assert data.labels is None and data.num_classes is None and data.class_names == ()
    assert catalogue.known_classes(f"folder:{tmp_path}") is None


def test_celeba_has_none(tmp_path: Path) -> None:
    write_celeba(tmp_path, parts=[0, 0, 2])
    data = catalogue.load("celeba", root=tmp_path, image_size=8, workers=0)
    assert data.labels is None and catalogue.known_classes("celeba") is None
    assert catalogue.known_classes(f"folder:{tmp_path / 'nowhere'}") is None
