"""Samples of which a few at a time are held: an array in another order, and blocks made on demand.

A copy of 50,000 images of 64×64 pixels takes as much memory as the images themselves, 586 MiB.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

BLOCK = 500  # samples that are looked at at a time
BLOCKS_KEPT = 2  # for chunks that are no whole blocks, and for two threads in neighbouring ones


class Samples(Protocol):
    """Samples (N, …) in canonical form on the CPU: a tensor, or one of the classes below."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, …)."""

    @property
    def dtype(self) -> torch.dtype:
        """Of images uint8, of vectors float32."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | torch.Tensor, /) -> torch.Tensor:
        """These rows, int64 (M,) or adjacent ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reordered:
    """The rows `index` (N,) of an array, in their order, without a copy of all."""

    array: torch.Tensor
    index: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """As of `Samples`."""
        return (len(self.index), *self.array.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """As of `Samples`."""
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice | torch.Tensor, /) -> torch.Tensor:
        index = torch.from_numpy(self.index)
        return self.array[index[rows]]


class Blocks:
    """n samples, of which `made(number)` gives those from BLOCK·number on, BLOCK or all that are left."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, made: Callable[[int], torch.Tensor]):
        self._shape, self._dtype = shape, dtype
        # Threads may make a block twice, which is the same.
        self._made = functools.lru_cache(BLOCKS_KEPT)(made)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of `Samples`."""
        return self._shape

    @property
    def dtype(self) -> torch.dtype:
        """As of `Samples`."""
        return self._dtype

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, rows: slice | torch.Tensor, /) -> torch.Tensor:
        index = torch.arange(len(self))[rows]
        numbers = index // BLOCK
        found = torch.empty((len(index), *self._shape[1:]), dtype=self._dtype)
        for number in sorted(set(numbers.tolist())):
            here = numbers == number
            found[here] = self._made(number)[index[here] - number * BLOCK]
        return found


def blocks(samples: Samples) -> Iterator[torch.Tensor]:
    """All of them in their order, at most `BLOCK` at a time."""
    return (samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))
