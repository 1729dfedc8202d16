"""Names of data sets: all can be loaded or say in one line what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gancross.data.catalogue import DATASETS, load
from gancross.errors import ResourceError, UsageError

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
