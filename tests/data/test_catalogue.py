"""Names of data sets: all can be loaded or say in one line what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gancross.data.catalogue import DATASETS, known_shape, load
from gancross.errors import DataError, ResourceError, UsageError

GENERATED = ("mixture", "digits")


@pytest.mark.parametrize("name", DATASETS)
def test_every_name_loads_or_says_what_is_missing(tmp_path: Path, name: str) -> None:
    if name in GENERATED:
        assert load(name, root=tmp_path).name == name
        return
    with pytest.raises(ResourceError) as caught:
        load(name, root=tmp_path)
    assert str(caught.value).startswith(f"{name}: ")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if not entry.resizable])
def test_sets_of_a_fixed_size_refuse_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"image_size=77: data '{name}' cannot be resized"):
        load(name, root=tmp_path, image_size=77)


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(UsageError, match="did you mean 'celeba'"):
        load("celebra")


def test_known_shapes_are_those_of_the_data() -> None:
    for name in ("mixture", "digits"):
        assert known_shape(name, image_size=None) == load(name).shape
    assert known_shape("folder:x", image_size=None) is None


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_shape_of_a_folder_is_that_of_its_first_image(tmp_path: Path, mode: str) -> None:
    place = tmp_path / "images" / "train" / "cats"
    place.mkdir(parents=True)
    (place / "a.txt").write_text("no image")
    name = f"folder:{tmp_path / 'images'}"
    assert known_shape(name, image_size=None) is None
    for number in range(4):
        Image.new(mode, (12, 10)).save(place / f"{number}.png")
    assert known_shape(name, image_size=None) == load(name).shape
    assert known_shape(name, image_size=8) == load(name, image_size=8).shape
    (place / "0.png").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"0\.png"):
        known_shape(name, image_size=None)
