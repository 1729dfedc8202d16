"""scikit-learn's 1,797 handwritten digits: 8×8 grey images, embedded in the library."""

from __future__ import annotations

import numpy as np
import torch

EVERY = 3  # every third image of each class is held out


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out images, uint8 of shape (N, 1, 8, 8); 1,201 and 596 of them.

    The split is stratified by class and fixed: of each class's images, in the order of the library,
    every third is held out. Writers stand together in that order, so they are spread over both sides.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    grey = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    held_out = rank % EVERY == EVERY - 1
    return torch.from_numpy(grey[~held_out]), torch.from_numpy(grey[held_out])
