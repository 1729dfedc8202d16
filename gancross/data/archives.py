"""Data sets that torchvision knows, read from their official archives into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchvision import datasets

from gancross.data.sets import DataSet, finite
from gancross.errors import ResourceError


def cifar10(root: Path, *, download: bool) -> DataSet:
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, 3×32×32.

    Raises:
        ResourceError: the archive is not under `root`, or its checksums differ.
    """
    halves = []
    for train in (True, False):
        try:
            half = datasets.CIFAR10(str(root), train=train, download=download)
        except (RuntimeError, OSError) as error:
            raise ResourceError(
                f"cifar10: not found or damaged under {root.resolve()}: add --download, or give"
                f" --data-root the folder that holds cifar-10-batches-py ({_first_line(error)})"
            ) from None
        halves.append(torch.from_numpy(np.ascontiguousarray(half.data.transpose(0, 3, 1, 2))))
    return finite("cifar10", train=halves[0], test=halves[1], split="official")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
