"""Samples made a few at a time are those made at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancross.data.views import BLOCK, Blocks, Reordered, blocks

ROWS = {
    "first": slice(0, 3), "across blocks": slice(BLOCK - 2, BLOCK + 3), "all": slice(None),
    "some, one twice": torch.tensor([7, 2 * BLOCK + 4, 7, 0]),
}  # fmt: skip


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rows_are_those_of_the_whole(rows: slice | torch.Tensor) -> None:
    whole = torch.arange(2 * BLOCK + 10)[:, None] * torch.tensor([1, 3])
    index = np.random.default_rng(0).permutation(len(whole))
    reordered = Reordered(array=whole, index=index)
    made = Blocks(tuple(whole.shape), whole.dtype, lambda k: whole[k * BLOCK : (k + 1) * BLOCK])
    assert torch.equal(reordered[rows], whole[torch.from_numpy(index)][rows])
    assert torch.equal(made[rows], whole[rows])
    for view in (reordered, made):
        assert (view.shape, len(view), view.dtype) == (tuple(whole.shape), len(whole), whole.dtype)


def test_blocks_are_made_once_and_together_are_all() -> None:
    asked: list[int] = []

    def block(number: int) -> torch.Tensor:
        asked.append(number)
        return torch.full((min(BLOCK, 1203 - number * BLOCK), 1), number)

    samples = Blocks((1203, 1), torch.int64, block)
    parts = [samples[start : start + 128] for start in range(0, 1203, 128)]  # chunks that are no blocks
    assert asked == [0, 1, 2]
    assert torch.equal(torch.cat(parts), torch.cat(list(blocks(samples))))
