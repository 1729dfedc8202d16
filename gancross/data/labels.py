"""Labels of data sets in memory: of arrays that come with them, or of class folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gancross.data.sets import FiniteReals, Labels
from gancross.errors import DataError

FEWEST_CLASSES = 2
SPLITS = {"train", "test", "val", "valid", "validation"}  # folders of these names are parts, not classes


def labels_of_arrays(
    name: str, train: torch.Tensor | None, test: torch.Tensor, *, class_names: Sequence[str]
) -> Labels:
    """The labels of samples in memory, or of images whose list is known, in the order of the samples.

    Args:
        name: of the data set, for errors.
        train, test: int64 (N,), in 0…K−1.
        class_names: of the K classes.

    Raises:
        DataError: a label is no class.
    """
    num_classes = len(class_names)
    for part in (test,) if train is None else (train, test):
        wrong = part[(part < 0) | (part >= num_classes)]
        if len(wrong):
            raise DataError(f"{name}: label {int(wrong[0])}: expected one of the classes 0…{num_classes - 1}")
    counted = torch.bincount(test if train is None else train, minlength=num_classes).double().numpy()
    return Labels(
        class_names=tuple(class_names), train=None if train is None else FiniteReals(array=train),
        held_out=lambda n: test, frequencies=counted / counted.sum(),
    )  # fmt: skip


def labels_of_paths(
    name: str, halves: tuple[Sequence[Path], Sequence[Path]], folders: tuple[Path, Path]
) -> Labels | None:
    """The labels of image files by the folder directly beneath their half's folder, sorted by name.

    Args:
        halves: training and held-out files.
        folders: of each half.

    Returns:
        None where the images have no classes: one lies in no class folder, all lie in one, or the folders
        are named as parts of a data set are.
    """
    parts = [
        [_first_folder(path, folder) for path in paths] for paths, folder in zip(halves, folders, strict=True)
    ]
    class_names = sorted({*parts[0], *parts[1]})
    if len(class_names) < FEWEST_CLASSES or "" in class_names or SPLITS.intersection(class_names):
        return None
    number = {class_name: index for index, class_name in enumerate(class_names)}
    train, test = (torch.from_numpy(np.array([number[key] for key in part], np.int64)) for part in parts)
    return labels_of_arrays(name, train if len(train) else None, test, class_names=class_names)


def _first_folder(path: Path, folder: Path) -> str:
    """The first folder of a path beneath `folder`; empty where the file lies in `folder` itself."""
    prefix = "" if folder == Path() else os.fspath(folder)  # paths beneath "." do not begin with it
    first, separator, _ = os.fspath(path)[len(prefix) :].lstrip(os.sep).partition(os.sep)
    return first if separator else ""
