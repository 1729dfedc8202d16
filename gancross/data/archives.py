"""Data sets that torchvision knows, read from their official archives into memory."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torchvision import datasets

from gancross.data.labels import labels_of_arrays
from gancross.data.request import DataRequest
from gancross.data.sets import DataSet, finite
from gancross.errors import DataError, ResourceError, first_line

PADDED = 32  # side of padded MNIST, for the networks of 32×32 images
KINDS = {
    "cifar10": (datasets.CIFAR10, "cifar-10-batches-py"),
    "mnist": (datasets.MNIST, "MNIST/raw"),
    "fashion-mnist": (datasets.FashionMNIST, "FashionMNIST/raw"),
}


def load(request: DataRequest) -> DataSet:
    """CIFAR-10, MNIST or Fashion-MNIST.

    CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, 3×32×32. MNIST (LeCun 1998) and
    Fashion-MNIST (Xiao 2017): 60,000 and 10,000 grey images, 1×28×28; with image_size 32 each has two black
    pixels on every side; nothing is interpolated.

    Raises:
        ResourceError: the files are not under `request.root`, or the checksums of CIFAR-10 differ.
        DataError: a file cannot be read, or a label is no class of the set.
    """
    both = _halves(request, *KINDS[request.name])
    halves = [half.data for half in both]
    targets = (torch.as_tensor(half.targets, dtype=torch.int64) for half in both)
    labels = labels_of_arrays(request.name, *targets, class_names=both[0].classes)
    if request.name == "cifar10":
        halves = [torch.from_numpy(np.ascontiguousarray(half.transpose(0, 3, 1, 2))) for half in halves]
        return finite(request.name, train=halves[0], test=halves[1], split="official", labels=labels)
    train, test = (half[:, None] for half in halves)
    if request.image_size != PADDED:
        return finite(request.name, train=train, test=test, split="official", labels=labels)
    margin = (PADDED - train.shape[-1]) // 2
    train, test = (functional.pad(half, (margin, margin, margin, margin)) for half in (train, test))
    split = f"official; zero-padded by {margin} pixels to {PADDED}×{PADDED}"
    return finite(
        request.name, train=train, test=test, split=split, image_size=PADDED, labels=labels
    )  # fmt: skip


def _halves(request: DataRequest, kind: Any, folder: str) -> list[Any]:
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
                    f"{name}: not found or damaged under {root}: {request.remedy}, or give --data-root the"
                    f" folder that holds {folder} ({reason})"
                ) from None
            raise DataError(
                f"{name}: a file in {root / folder} is damaged ({reason}): delete it; {request.remedy}"
            ) from None
    return halves
