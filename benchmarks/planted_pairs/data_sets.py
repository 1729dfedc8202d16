"""Held-out reals, and the training samples in which faults are planted, of each replicate of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import referee_data
import torch
from referee_data import Split
from toys import TOYS

Part = Literal["choosing", "reporting"]
PARTS: tuple[Part, ...] = ("choosing", "reporting")
CIFAR10 = "CIFAR-10 (JPEG)"
PURPOSE = "planted pairs"
POOL = 8  # toys: samples in which faults are planted, in multiples of those of a set
MORE = 20  # samples of a set beyond the reals: then the reals alone decide on how many a referee trains


@dataclass(frozen=True, kw_only=True)
class Replicate:
    """One split of a data set with referee seeds of its own.

    Replicates of toys and of CIFAR-10 have no sample in common; those of the digits share their images.

    Attributes:
        part: whether its pairs serve to choose steps and thresholds or to report.
        number: within the part.
    """

    part: Part
    number: int = 0

    @property
    def index(self) -> int:
        """Over all parts."""
        return len(PARTS) * self.number + PARTS.index(self.part)


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What one replicate has.

    Attributes:
        held_out: reals of the referees.
        pool: training samples, in which faults are planted.
        null: training reals for the null control.
        num_samples: of every planted set.
        endless: whether discriminators of contestants have samples of their own to train on.
    """

    held_out: torch.Tensor
    pool: torch.Tensor
    null: torch.Tensor
    num_samples: int
    endless: bool


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set.

    Attributes:
        replicates: of each part.
        material: of a replicate, by its index.
    """

    replicates: int
    material: Callable[[int], Material]


def sources(cifar10: Path | None) -> Mapping[str, Source]:
    """The data sets by name, the cheap first."""
    found = {name: Source(replicates=2, material=partial(toy_material, name)) for name in TOYS}
    found["digits"] = Source(replicates=1, material=digits_material)
    if cifar10 is not None:
        found[CIFAR10] = Source(replicates=1, material=partial(folder_material, cifar10))
    return found


def toy_material(name: str, index: int, *, reals: int = 5000) -> Material:
    """A toy."""
    samples = reals + MORE
    split = referee_data.toy_split(
        name, purpose=PURPOSE, seed=index, held_out=reals, training=POOL * samples + reals
    )
    return _material(split, samples=samples, endless=True)


def digits_material(index: int, *, reals: int = 560) -> Material:
    """The digits; the null control has images of the pool, of which there are few."""
    split = referee_data.digits_split(purpose=PURPOSE, seed=index, held_out=reals)
    return Material(
        held_out=split.held_out, pool=split.training, null=split.training, num_samples=reals + MORE,
        endless=False,
    )  # fmt: skip


def folder_material(folder: Path, index: int, *, reals: int = 5000, training: int = 25_000) -> Material:
    """Images of a folder."""
    split = referee_data.folder_split(folder, purpose=PURPOSE, block=index, held_out=reals, training=training)
    return _material(split, samples=reals + MORE, endless=False)


def _material(split: Split, *, samples: int, endless: bool) -> Material:
    """The last training samples are for the null control."""
    n = len(split.held_out)
    return Material(
        held_out=split.held_out, pool=split.training[:-n], null=split.training[-n:], num_samples=samples,
        endless=endless,
    )  # fmt: skip
