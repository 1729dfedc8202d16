"""Data sets that torchvision knows, read from their official archives into memory."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torchvision import datasets

from gancross.data.request import Request
from gancross.data.sets import DataSet, finite
from gancross.errors import DataError, ResourceError, first_line

PADDED = 32  # side of padded MNIST, for the networks of 32×32 images
_MNIST_LIKE = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}


def load(request: Request) -> DataSet:
    """CIFAR-10, MNIST or Fashion-MNIST.

    Raises:
        ResourceError: the files are not under `request.root`, or the checksums of CIFAR-10 differ.
        DataError: a file cannot be read.
    """
    return cifar10(request) if request.name == "cifar10" else mnist(request)


def cifar10(request: Request) -> DataSet:
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, 3×32×32."""
    train, test = (
        torch.from_numpy(np.ascontiguousarray(half.data.transpose(0, 3, 1, 2)))
        for half in _halves(request, datasets.CIFAR10, "cifar-10-batches-py")
    )
    return finite(request.name, train=train, test=test, split="official")


def mnist(request: Request) -> DataSet:
    """MNIST (LeCun 1998) or Fashion-MNIST (Xiao 2017): 60,000 and 10,000 grey images, 1×28×28.

    With image_size 32 each has two black pixels on every side; nothing is interpolated.
    """
    kind = _MNIST_LIKE[request.name]
    halves = [half.data[:, None] for half in _halves(request, kind, f"{kind.__name__}/raw")]
    split, padded = "official", request.image_size == PADDED
    if padded:
        margin = (PADDED - halves[0].shape[-1]) // 2
        halves = [functional.pad(half, (margin, margin, margin, margin)) for half in halves]
        split = f"official; zero-padded by {margin} pixels to {PADDED}×{PADDED}"
    size = PADDED if padded else None
    return finite(request.name, train=halves[0], test=halves[1], split=split, image_size=size)


def _halves(request: Request, kind: Any, folder: str) -> list[Any]:
    """torchvision's training and test half."""
    name, root, halves = request.name, request.root.resolve(), []
    for train in (True, False):
        try:
            halves.append(kind(str(request.root), train=train, download=request.download))
        except MemoryError:
            raise
        except Exception as error:  # torchvision's readers check little, so damage shows up anywhere
            reason = first_line(error)
            if isinstance(error, OSError) or re.search("not found|downloading", reason):
                raise ResourceError(
                    f"{name}: not found or damaged under {root}: add --download, or give"
                    f" --data-root the folder that holds {folder} ({reason})"
                ) from None
            raise DataError(
                f"{name}: a file in {root / folder} is damaged ({reason}): delete it, then add --download"
            ) from None
    return halves
