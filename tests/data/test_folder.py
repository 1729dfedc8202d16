"""Folders of images: splits, sizes, channels; and the same result on demand as in memory."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_sets import as_rows, epoch, training_batches
from numpy.typing import NDArray
from PIL import Image
from png_headers import png_header

from gancross.cli.referee_arguments import RefereeArguments
from gancross.data import catalogue, folder
from gancross.data.folder import common_shape, read_images
from gancross.data.sets import DataSet
from gancross.errors import DataError, UsageError
from gancross.evaluator.contestants.image_folders import folder_contestant

RNG = np.random.default_rng(0)


def write(path: Path, *, size: tuple[int, int] = (6, 6), grey: bool = False) -> NDArray[np.uint8]:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if grey else (*size, 3)
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


@pytest.fixture(params=["in memory", "on demand"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on both paths; the limit decides which."""
    if request.param == "on demand":
        monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)


def load(root: Path, **arguments: Any) -> DataSet:
    return catalogue.load(f"folder:{root}", workers=0, **arguments)


@pytest.mark.usefixtures("path")
def test_train_and_test_folders_are_the_halves_with_or_without_classes(tmp_path: Path) -> None:
    train = [write(tmp_path / "train" / "cats" / f"{i}.png") for i in range(3)]
    train.append(write(tmp_path / "train" / "flat.PNG"))
    test = [write(tmp_path / "test" / kind / "0.png") for kind in ("cats", "dogs")]
    data = load(tmp_path)
    assert (data.split, data.shape, data.image_size) == ("train/ and test/", (3, 6, 6), None)
    assert as_rows(data.held_out(1)) == as_rows(test)
    assert sorted(as_rows(epoch(data, 4))) == sorted(as_rows(train))


@pytest.mark.usefixtures("path")
def test_otherwise_a_fixed_tenth_is_held_out_and_never_trained_on(tmp_path: Path) -> None:
    images = [write(tmp_path / "ab"[i % 2] / f"{i:02d}.png") for i in range(30)]
    (tmp_path / "notes.txt").write_text("no image")
    data = load(tmp_path)
    held_out, train = as_rows(data.held_out(1)), as_rows(epoch(data, 27))
    assert len(held_out) == 3
    assert sorted(held_out + train) == sorted(as_rows(images))
    assert as_rows(load(tmp_path).held_out(1)) == held_out


@pytest.mark.usefixtures("path")
def test_a_folder_that_is_only_judged_is_held_out_whole(tmp_path: Path) -> None:
    images = [write(tmp_path / "ab"[i % 2] / f"{i:02d}.png") for i in range(10)]
    data = load(tmp_path, judged=True)
    assert (data.train, data.split, data.notes) == (None, "all held out", ())
    assert sorted(as_rows(data.held_out(1))) == sorted(as_rows(images))
    test = write(tmp_path / "test" / "a.png")
    data = load(tmp_path, judged=True)
    assert (data.train, data.split) == (None, "test/") and as_rows(data.held_out(1)) == as_rows([test])
    assert data.notes == (f"10 files were left out of {tmp_path}: 10 beside train/ and test/",)
    train = write(tmp_path / "train" / "a.png")
    data = load(tmp_path, judged=True)
    assert data.split == "train/ and test/" and as_rows(epoch(data, 1)) == as_rows([train])
    (tmp_path / "test" / "a.png").rename(tmp_path / "train" / "b.png")
    (tmp_path / "test").rmdir()
    with pytest.raises(UsageError, match="has train/ and no test/, so which images are held out"):
        load(tmp_path, judged=True)


@pytest.mark.usefixtures("path")
def test_linked_classes_are_read_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    image = write(tmp_path / "store" / "cats" / "a.png")
    for half in ("train", "test"):
        write(tmp_path / "images" / half / ".ipynb_checkpoints" / "b.png")
        (tmp_path / "images" / half / "cats").symlink_to(tmp_path / "store" / half, target_is_directory=True)
        shutil.copytree(tmp_path / "store" / "cats", tmp_path / "store" / half)
    data = load(tmp_path / "images")
    assert as_rows(data.held_out(1)) == as_rows([image]) == as_rows(epoch(data, 1))
    assert data.notes == (f"2 files were left out of {tmp_path / 'images'}: 2 hidden",)


def test_in_memory_and_on_demand_give_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(20):
        write(tmp_path / f"{i}.png", size=(5 + i % 3, 7), grey=i % 2 == 0)
    memory = load(tmp_path, image_size=4)
    monkeypatch.setattr(folder, "MAX_BYTES_IN_MEMORY", 100)
    demand = load(tmp_path, image_size=4)
    assert torch.equal(memory.held_out(1), demand.held_out(1))
    assert (memory.shape, memory.split) == (demand.shape, demand.split)
    first, second = (training_batches(data, 10, seed=5, batch_size=4, start=3) for data in (memory, demand))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("n", "shape", "fits"), [
    pytest.param(3, (3, 6, 6), True, id="as-many-as-fit"),
    pytest.param(4, (3, 6, 6), False, id="one-more"),
    pytest.param(9, (1, 6, 6), True, id="grey"),
    pytest.param(3, (3, 8, 8), False, id="larger-images"),
])  # fmt: skip
def test_size_decides_what_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch, n: int, shape: tuple[int, int, int], fits: bool
) -> None:
    monkeypatch.setattr(folder, "MAX_BYTES_IN_MEMORY", 3 * 3 * 6 * 6)
    assert folder.fits_in_memory(n, shape) == fits


READERS: dict[str, Callable[[Path], object]] = {
    "data": lambda root: folder.load(root, image_size=None),
    "classes": lambda root: folder.load(root / "classes", image_size=None),
    "samples": lambda root: folder_contestant(root, name="a", num_samples=100),
    "referees' reals": lambda root: RefereeArguments(reals=root, seeds=None, calibrate=False).options(
        "quick", shape=(3, 6, 6)
    ),
}


@pytest.mark.parametrize("huge", ["first", "last"])
@pytest.mark.parametrize("reader", READERS)
def test_one_huge_image_among_small_ones_is_named_before_memory_is_taken(
    tmp_path: Path, reader: str, huge: str
) -> None:
    """Its pixels are not there, so that to decode it fails with another message."""
    for i in range(9):
        write(tmp_path / "classes" / "cat" / f"m{i}.png")
    name = {"first": "a", "last": "z"}[huge]
    (tmp_path / "classes" / "cat" / f"{name}.png").write_bytes(png_header(8_000, 8_000))
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"9 are 6×6 \(\S+m0\.png\), 1 is 8000×8000 \(\S+/[az]\.png\)"):
            READERS[reader](tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("path")
def test_several_sizes_need_image_size(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.png", size=(6, 6))
    write(tmp_path / "train" / "b.png", size=(6, 8))
    write(tmp_path / "test" / "a.png", size=(9, 6))
    write(tmp_path / "train" / "c.png", size=(6, 6))
    with pytest.raises(
        UsageError, match=r"2 are 6×6 \(\S+a\.png\), 1 is 8×6 \(\S+b\.png\), 1 is 6×9"
    ) as error:
        load(tmp_path)
    assert str(error.value).endswith("; give --image-size N to crop and resize them all")
    data = load(tmp_path, image_size=4)
    assert (data.shape, data.image_size) == ((3, 4, 4), 4)
    assert data.held_out(1).shape == (1, 3, 4, 4)


@pytest.mark.usefixtures("path")
def test_grey_folders_have_one_channel_and_mixed_ones_three(tmp_path: Path) -> None:
    grey = [write(tmp_path / half / "a.png", grey=True) for half in ("train", "test")]
    assert load(tmp_path).shape == (1, 6, 6)
    assert as_rows(load(tmp_path).held_out(1)) == as_rows(grey[1:])
    colour = write(tmp_path / "train" / "b.png")
    data = load(tmp_path)
    assert as_rows(data.held_out(1)) == as_rows([np.concatenate([grey[1]] * 3)])
    assert sorted(as_rows(epoch(data, 2))) == sorted(as_rows([np.concatenate([grey[0]] * 3), colour]))


@pytest.mark.usefixtures("path")
def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.png")
    write(tmp_path / "test" / "a.png")
    (tmp_path / "test" / "b.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"test/b\.jpg: not an image"):
        load(tmp_path)


def test_a_file_that_changes_after_the_folder_was_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)
    write(tmp_path / "train" / "a.png")
    write(tmp_path / "test" / "a.png")
    data = load(tmp_path)
    write(tmp_path / "test" / "a.png", size=(6, 7))
    with pytest.raises(DataError, match=r"test/a\.png: shape \(3, 6, 7\), expected \(3, 6, 6\)"):
        data.held_out(1)


def test_names_that_are_no_unicode_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)
    try:
        for half in ("train", "test"):
            write(tmp_path / half / "a.png").copy()
            (tmp_path / half / "a.png").rename(tmp_path / half / "\udcff ü.png")
    except (OSError, UnicodeError):
        pytest.skip("this file system wants Unicode names")
    assert load(tmp_path).held_out(1).shape == (1, 3, 6, 6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.txt"], "the folder has no images"),
        (["a.png"], "one image cannot be split"),
        (["train/a.png", "test/a.txt"], "test: the folder has no images"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        write(tmp_path / "image.png")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / "image.png").rename(tmp_path / name)
    with pytest.raises(UsageError, match=message):
        load(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: does not exist"):
        load(tmp_path / "nowhere")


def test_an_image_in_colour_after_grey_ones_gives_all_of_them_three_channels(tmp_path: Path) -> None:
    """Grey ones that are read first have them, too."""
    made = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    colour = np.random.default_rng(1).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for path, pixels in zip(paths, [*made[:4], colour, *made[4:]], strict=True):
        Image.fromarray(pixels).save(path)
    images, formats = read_images(paths, common_shape(paths, image_size=None), image_size=None)
    expected = [*(np.stack([grey] * 3) for grey in made[:4]), colour.transpose(2, 0, 1)]
    expected += [np.stack([grey] * 3) for grey in made[4:]]
    assert np.array_equal(images.numpy(), np.stack(expected))
    assert [file.mode for file in formats] == ["L"] * 4 + ["RGB"] + ["L"] * 2


def test_an_image_that_has_become_another_since_its_header_was_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write(path)
    shape = common_shape([path], image_size=None)
    write(path, size=(6, 7))
    with pytest.raises(DataError, match=r"a\.png: shape \(3, 6, 7\), expected \(3, 6, 6\)"):
        read_images([path], shape, image_size=None)
