"""scikit-learn's 1,797 handwritten digits: 8×8 grey images, embedded in the library."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.labels import labels_of_arrays
from gancross.data.request import DataRequest
from gancross.data.sets import DataSet, finite

EVERY = 3  # every third image of each class is held out


def load(request: DataRequest) -> DataSet:
    """The digits as a data set."""
    train, test = images()
    return finite(
        request.name, train=train, test=test, split="every third image of each class held out",
        labels=labels_of_arrays(request.name, *labels(), class_names=[str(digit) for digit in range(10)]),
    )  # fmt: skip


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out images, uint8 of shape (N, 1, 8, 8); 1,201 and 596 of them.

    The split is stratified by class and fixed: every third image of each class, in the order of the
    library, is held out. That order groups the images by writer, so both parts have images of most writers.
    """
    pixels, classes = _library()
    return _halves(np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8), classes)


def labels() -> tuple[torch.Tensor, torch.Tensor]:
    """The classes 0…9 of `images`, int64 of shape (N,), in the same order."""
    _, classes = _library()
    return _halves(classes, classes)


def _library() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    return pixels, classes.astype(np.int64)


def _halves(values: NDArray[Any], classes: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    held_out = np.zeros(len(classes), dtype=bool)
    for label in np.unique(classes):
        held_out[np.flatnonzero(classes == label)[EVERY - 1 :: EVERY]] = True
    return torch.from_numpy(values[~held_out]), torch.from_numpy(values[held_out])
