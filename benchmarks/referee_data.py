"""Data sets for the measurements of referees, each split into held-out reals and training samples."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from toys import TOYS

from gancross.data import catalogue, digits
from gancross.data.sets import FiniteReals
from gancross.random_streams import Stream


class Split(NamedTuple):
    """Reals that nobody trained on, and samples in which faults may be planted."""

    held_out: torch.Tensor
    training: torch.Tensor


def toy_split(name: str, *, purpose: str, seed: int = 0, held_out: int, training: int) -> Split:
    """A toy has separate streams for both parts; other seeds and purposes have independent samples."""
    streams = (Stream(seed, purpose, name, part) for part in ("held-out", "training"))
    return Split(*(TOYS[name](stream, n) for stream, n in zip(streams, (held_out, training), strict=True)))


def digits_split(*, purpose: str, seed: int = 0, held_out: int) -> Split:
    """All 1,797 digits in random order, so many of them held out; splits of other seeds share images."""
    images = torch.cat(digits.images())
    images = images[torch.from_numpy(Stream(seed, purpose, "digits").permutation(len(images)))]
    return Split(images[:held_out], images[held_out:])


def folder_split(folder: Path, *, purpose: str, block: int = 0, held_out: int, training: int) -> Split:
    """Test images of a folder as reals, training images as samples, both in random order.

    Args:
        block: which images of that order; different blocks have none in common. The last may be short.
    """
    train, test = _folder_images(folder)
    return Split(*(
        array[torch.from_numpy(
            Stream(0, purpose, "cifar10", part).permutation(len(array))[block * n : (block + 1) * n]
        )]
        for part, array, n in (("held-out", test, held_out), ("training", train, training))
    ))  # fmt: skip


@cache
def _folder_images(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """All training and all test images."""
    data = catalogue.load(f"folder:{folder}", root=catalogue.DEFAULT_ROOT, image_size=None, test_seed=0)
    assert isinstance(data.train, FiniteReals)
    return data.train.array, data.held_out(1)
