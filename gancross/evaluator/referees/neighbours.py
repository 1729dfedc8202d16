"""Nearest neighbours of many samples among many reals, in blocks that fit into little memory.

Shape suffixes: M samples, N reals, K neighbours, D numbers of a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

NEIGHBOURS = 8
CANCELLED = 0.01  # of |x|² + |y|²: a smaller squared distance is computed anew, from differences
_BYTES, _ROWS = 2**24, 2_048  # of a block, at most

Rows = NDArray[np.int64]
Selection = tuple["torch.Tensor", Rows]  # an array, and which of its rows
Form = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """Of every sample the nearest reals of one side.

    Attributes:
        distance_MK: rising.
        real_MK: their places on that side, 0…N−1.
    """

    distance_MK: NDArray[np.float64]
    real_MK: Rows


def neighbours(samples: Selection, reals: Selection, form: Form) -> Neighbours:
    """Of every sample the nearest reals, by |x|² + |y|² − 2x·y in blocks.

    That difference of large numbers is worth nothing for near copies: a squared distance below `CANCELLED` of
    |x|² + |y|² is computed anew as Σ (x − y)², in float64.
    """
    import torch

    def rows(selection: Selection, index: Rows | slice) -> torch.Tensor:
        return form(selection[0][selection[1][index]])

    size = max(1, min(_ROWS, _BYTES // rows(samples, slice(1)).nbytes))
    blocks = []
    for first in range(0, len(samples[1]), size):
        x_MD = rows(samples, slice(first, first + size))
        best_MK = norm_MK = x_MD.new_empty(len(x_MD), 0)  # |y|² − 2x·y, and |y|²
        real_MK = torch.empty(len(x_MD), 0, dtype=torch.int64)
        for start in range(0, len(reals[1]), size):
            y_ND = rows(reals, slice(start, start + size))
            y_N = y_ND.square().sum(1)
            block_MN = torch.addmm(y_N, x_MD, y_ND.T, alpha=-2)
            new_MK, place_MK = block_MN.topk(min(NEIGHBOURS, len(y_N)), largest=False)
            best_MK = torch.cat([best_MK, new_MK], 1)
            best_MK, kept_MK = best_MK.topk(min(NEIGHBOURS, best_MK.shape[1]), largest=False)
            norm_MK = torch.cat([norm_MK, y_N[place_MK]], 1).gather(1, kept_MK)
            real_MK = torch.cat([real_MK, place_MK + start], 1).gather(1, kept_MK)
        x_M1 = x_MD.square().sum(1, keepdim=True)
        square_MK = (best_MK + x_M1).double()
        cancelled = (square_MK < CANCELLED * (x_M1 + norm_MK)).nonzero()
        for m, k in (pairs.T for pairs in torch.split(cancelled, -(-size // 4))):
            difference = x_MD[m].double() - rows(reals, real_MK[m, k].numpy()).double()
            square_MK[m, k] = difference.square().sum(1)
        square_MK, order_MK = square_MK.sort(dim=1, stable=True)
        blocks.append((square_MK.sqrt(), real_MK.gather(1, order_MK)))
    distance_MK, real_MK = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    return Neighbours(distance_MK=distance_MK.numpy(), real_MK=real_MK.numpy())
