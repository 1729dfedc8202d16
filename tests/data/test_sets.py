"""Data sets in memory: every image once an epoch, and a batch is a function of its number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancross.data.sets import FiniteReals, finite, index_batches, num_clipped, to_canonical, to_network
from gancross.errors import UsageError

T = TypeVar("T")


def first(n: int, batches: Iterator[T]) -> list[T]:
    return list(itertools.islice(batches, n))


@given(n=st.integers(1, 60), batch_size=st.integers(1, 60), seed=st.integers(0, 99), epoch=st.integers(0, 3))
def test_an_epoch_shows_no_image_twice_and_drops_less_than_a_batch(
    n: int, batch_size: int, seed: int, epoch: int
) -> None:
    if batch_size > n:
        with pytest.raises(UsageError, match=f"batch_size={n} or less"):
            next(index_batches(n, seed=seed, batch_size=batch_size, start=0))
        return
    per_epoch = n // batch_size
    batches = first(per_epoch, index_batches(n, seed=seed, batch_size=batch_size, start=epoch * per_epoch))
    indices = np.concatenate(batches).tolist()
    assert len(set(indices)) == per_epoch * batch_size > n - batch_size
    assert set(indices) <= set(range(n))


@given(start=st.integers(0, 40), batch_size=st.integers(1, 7))
def test_starting_later_is_dropping_the_first(start: int, batch_size: int) -> None:
    whole = first(start + 5, index_batches(20, seed=3, batch_size=batch_size, start=0))
    later = first(5, index_batches(20, seed=3, batch_size=batch_size, start=start))
    np.testing.assert_array_equal(np.array(whole[start:]), np.array(later))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    def order(seed: int, start: int) -> tuple[int, ...]:
        return tuple(next(index_batches(50, seed=seed, batch_size=50, start=start)).tolist())

    assert len({order(seed, epoch) for seed in range(3) for epoch in range(3)}) == 9


def test_arrays_in_memory_follow_that_order() -> None:
    images = torch.randint(0, 256, (30, 3, 4, 4), dtype=torch.uint8)
    batches = first(9, FiniteReals(array=images).batches(seed=1, batch_size=7, start=2))
    expected = first(9, index_batches(30, seed=1, batch_size=7, start=2))
    assert all(torch.equal(batch, images[index]) for batch, index in zip(batches, expected, strict=True))


@pytest.mark.parametrize(
    "array", [torch.zeros(0, 3, 4, 4, dtype=torch.uint8), torch.zeros(5, 3, 4, 4), torch.zeros(5, 3).double()]
)
def test_arrays_that_are_not_canonical_are_refused(array: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="expected uint8 images"):
        finite("x", train=None, test=array, split="given")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("data_range", [(-1.0, 1.0), (0.0, 255.0)], ids=["-1 to 1", "0 to 255"])
def test_values_are_clipped_beyond_half_a_level(dtype: torch.dtype, data_range: tuple[float, float]) -> None:
    low, high = data_range
    half = (high - low) / 510
    edges = torch.tensor([low - half, low, high, high + half], dtype=dtype)
    beyond = torch.nextafter(edges.float(), torch.tensor([-1e9, -1e9, 1e9, 1e9])).to(dtype)
    random = torch.empty(500).uniform_(
        low - 9 * half, high + 9 * half, generator=torch.Generator().manual_seed(0)
    )
    images = torch.cat([edges, beyond, random.to(dtype)]).repeat(6).reshape(2, 3, 4, 127)
    expected = ((images < low - half) | (images > high + half)).sum()
    assert 0 < expected < images.numel()
    extremes = images.amin(), images.amax()
    for clipped in (num_clipped(images, data_range), num_clipped(images, data_range, extremes=extremes)):
        assert clipped.dtype == torch.int64 and torch.equal(clipped, expected)
    within = images.clamp(edges[0], edges[-1])
    extremes = within.amin(), within.amax()
    for clipped in (num_clipped(within, data_range), num_clipped(within, data_range, extremes=extremes)):
        assert clipped.dtype == torch.int64 and clipped == 0


def test_a_value_is_clipped_by_its_own_precision() -> None:
    bound = 1 + 1 / 255
    images = torch.tensor([bound + 1e-12, bound, -bound - 1e-9, 0.5], dtype=torch.float64).reshape(1, 1, 2, 2)
    for part, expected in ((images, 2), (images[..., :1, :], 1)):
        assert num_clipped(part, (-1.0, 1.0), extremes=(part.amin(), part.amax())) == expected


def test_what_is_no_number_is_not_clipped() -> None:
    images = torch.tensor([float("nan"), float("-inf"), float("inf"), 0.5]).reshape(1, 1, 2, 2)
    extremes = images.amin(), images.amax()
    assert num_clipped(images, (-1.0, 1.0)) == num_clipped(images, (-1.0, 1.0), extremes=extremes) == 2


@pytest.mark.parametrize(
    "data_range", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)], ids=["-1 to 1", "0 to 1", "0 to 255"]
)
def test_every_level_survives_the_way_through_a_network_and_what_lies_beyond_is_clipped(
    data_range: tuple[float, float],
) -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(to_canonical(to_network(levels, data_range), data_range), levels)
    far = torch.tensor([-1e30, -1e5, 1e5, 1e30]).reshape(1, 1, 2, 2)
    assert to_canonical(far, data_range).flatten().tolist() == [0, 0, 255, 255]
