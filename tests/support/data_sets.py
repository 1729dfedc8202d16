"""A folder of images, training batches of data sets, and images in a form that can be compared."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gancross.data.sets import DataSet, FiniteReals


def grey_folder(folder: Path, *, n: int = 40) -> str:
    """The name of a new folder of grey images as a data set."""
    folder.mkdir()
    for number in range(n):
        Image.new("L", (8, 8), number).save(folder / f"{number}.png")
    return f"folder:{folder}"


def training_batches(
    data: DataSet, n: int, *, batch_size: int, seed: int = 0, start: int = 0
) -> list[torch.Tensor]:
    """Batches start…start+n−1."""
    assert data.train is not None
    return list(itertools.islice(data.train.batches(seed=seed, batch_size=batch_size, start=start), n))


def training_array(data: DataSet) -> torch.Tensor:
    """All training samples of a set in memory, in their order."""
    assert isinstance(data.train, FiniteReals)
    return data.train.array


def epoch(data: DataSet, n: int, *, batch_size: int = 1) -> torch.Tensor:
    """The first n samples of training."""
    return torch.cat(training_batches(data, n // batch_size, batch_size=batch_size))


def as_rows(images: Iterable[torch.Tensor | NDArray[Any]]) -> list[bytes]:
    """The bytes of each image."""
    return [np.asarray(image).tobytes() for image in images]
