"""Data sets that torchvision knows, read from their official archives into memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torchvision import datasets

from gancross.data.sets import DataSet, finite
from gancross.errors import DataError, ResourceError, first_line

PADDED = 32  # side of padded MNIST, for the networks of 32×32 images
_MNIST_LIKE = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}


def cifar10(root: Path, *, download: bool) -> DataSet:
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, 3×32×32.

    Raises:
        ResourceError: the archive is not under `root`, or its checksums differ.
        DataError: it is there and cannot be read.
    """
    train, test = (
        torch.from_numpy(np.ascontiguousarray(half.data.transpose(0, 3, 1, 2)))
        for half in _halves("cifar10", datasets.CIFAR10, root, "cifar-10-batches-py", download=download)
    )
    return finite("cifar10", train=train, test=test, split="official")


def mnist(name: str, root: Path, *, padded: bool, download: bool) -> DataSet:
    """MNIST (LeCun 1998) or Fashion-MNIST (Xiao 2017): 60,000 and 10,000 grey images, 1×28×28.

    Args:
        name: `mnist` or `fashion-mnist`.
        padded: with two black pixels on every side, 1×32×32; nothing is interpolated.

    Raises:
        ResourceError: the files are not under `root`.
        DataError: they are there and cannot be read.
    """
    kind = _MNIST_LIKE[name]
    read = _halves(name, kind, root, f"{kind.__name__}/raw", download=download)
    halves = [half.data[:, None] for half in read]
    split = "official"
    if padded:
        margin = (PADDED - halves[0].shape[-1]) // 2
        halves = [functional.pad(half, (margin, margin, margin, margin)) for half in halves]
        split = f"official; zero-padded by {margin} pixels to {PADDED}×{PADDED}"
    size = PADDED if padded else None
    return finite(name, train=halves[0], test=halves[1], split=split, image_size=size)


def _halves(name: str, kind: Any, root: Path, folder: str, *, download: bool) -> list[Any]:
    """torchvision's training and test half."""
    halves = []
    for train in (True, False):
        try:
            halves.append(kind(str(root), train=train, download=download))
        except MemoryError:
            raise
        except Exception as error:  # torchvision's readers check little, so damage shows up anywhere
            reason = first_line(error)
            if isinstance(error, OSError) or re.search("not found|downloading", reason):
                raise ResourceError(
                    f"{name}: not found or damaged under {root.resolve()}: add --download, or give"
                    f" --data-root the folder that holds {folder} ({reason})"
                ) from None
            raise DataError(
                f"{name}: a file in {root.resolve() / folder} is damaged ({reason}): delete it,"
                " then add --download"
            ) from None
    return halves
