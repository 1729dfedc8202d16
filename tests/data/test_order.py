"""An order of samples by their content."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancross.data.order import content_order, content_sha256
from gancross.random_streams import Stream


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(0, 99))
def test_the_order_depends_on_the_samples_alone_and_keeps_identical_ones_together(
    values: list[int], seed: int
) -> None:
    samples = torch.tensor(values, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    stored_otherwise = samples[torch.from_numpy(np.random.default_rng(seed).permutation(len(values)))]
    orders = [content_order(kept, stream=Stream(seed, "order")) for kept in (samples, stored_otherwise)]
    first, second = (
        kept[torch.from_numpy(order.index)].flatten().tolist()
        for kept, order in zip((samples, stored_otherwise), orders, strict=True)
    )
    assert first == second and sorted(first) == sorted(values)
    assert orders[0].sha256 == orders[1].sha256
    changes = [a != b for a, b in pairwise(first)]
    assert orders[0].items.tolist() == [0, *np.cumsum(changes).tolist()]
    assert sum(changes) == len(set(values)) - 1


def test_the_order_is_seeded_and_not_that_of_the_values() -> None:
    samples = torch.arange(200, dtype=torch.float32).reshape(-1, 1)
    orders = [content_order(samples, stream=Stream(seed, "order")).index for seed in (0, 0, 1)]
    assert np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[0], orders[2])
    assert abs(np.corrcoef(orders[0], np.arange(200))[0, 1]) < 0.3


def test_hashes_tell_samples_and_on_demand_their_order() -> None:
    samples = torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    turned = samples.flip(0)
    assert content_sha256(samples) == content_sha256(turned)
    assert content_sha256(samples, ordered=True) != content_sha256(turned, ordered=True)
    other = {
        content_sha256(samples),
        content_sha256(samples.reshape(3, 2, 2, 1)),
        content_sha256(samples[:2]),
    }
    assert len(other | {content_sha256(samples + 1)}) == 4
