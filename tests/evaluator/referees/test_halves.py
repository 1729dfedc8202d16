"""Halves by content: what lies where, and that neither storage nor copies of a sample change it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_referees import grains, points

from gancross.evaluator.referees.arena import equal_number
from gancross.evaluator.referees.halves import cut, halves, sample_set
from gancross.evaluator.referees.protocol import VALIDATION


def numbered(
    counts: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The items of samples of which each occurs so often."""
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("seed", range(20))
def test_halves_hold_every_row_once_and_identical_samples_together(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 5, 80)
    items = numbered(counts)
    first, second = halves(items, seed=seed, purpose="reals")
    assert sorted([*first, *second]) == list(range(len(items)))
    assert not set(items[first]) & set(items[second])
    assert abs(len(first) - len(second)) <= 5  # a sample occurs at most four times


@pytest.mark.parametrize("counts", [[1000], [900, *[1] * 100], [400, 600], [*[1] * 3, 97]])
def test_an_atom_is_cut_in_two(counts: list[int]) -> None:
    """A collapsed generator would leave one of its referees nothing to train on."""
    first, second = halves(numbered(counts), seed=0, purpose="samples")
    n = sum(counts)
    assert (len(first), len(second)) == (n // 2, n - n // 2)
    assert sorted([*first, *second]) == list(range(n))


def test_halves_are_random_and_of_their_seed_and_purpose() -> None:
    items = numbered([1] * 400)
    cuts = {
        tuple(np.sort(halves(items, seed=seed, purpose=purpose)[0]))
        for seed in range(5) for purpose in ("reals", "samples")
    }  # fmt: skip
    assert len(cuts) == 10
    for first in cuts:  # hypergeometric: a quarter of 400 rows in both, standard deviation 5
        assert abs(np.isin(np.arange(200), first).sum() - 100) < 25
    same = halves(items, seed=3, purpose="reals"), halves(items, seed=3, purpose="reals")
    assert all(map(np.array_equal, *same))


@pytest.mark.parametrize("samples", [grains(120), points(120)])
def test_the_order_in_which_samples_were_stored_does_not_matter(samples: torch.Tensor) -> None:
    samples = torch.cat([samples, samples[:30]])
    stored = sample_set(samples)
    shuffled = sample_set(samples[torch.randperm(150, generator=torch.Generator().manual_seed(1))])
    assert torch.equal(stored.array, shuffled.array) and stored.sha256 == shuffled.sha256
    assert np.array_equal(stored.items, shuffled.items) and len(stored) == 150
    flat = stored.array.flatten(1)
    assert [bool(torch.equal(a, b)) for a, b in pairwise(flat)] == list(np.diff(stored.items) == 0)
    assert len(set(stored.items)) == 120 and not torch.equal(stored.array, samples)
    changed = samples.clone()
    changed[0] += 1
    assert sample_set(changed).sha256 != stored.sha256


def test_a_referee_is_tested_on_all_that_it_did_not_train_on() -> None:
    rows = halves(numbered([1] * 101), seed=0, purpose="reals")
    for half in (0, 1):
        part = cut(rows, half=half, size=40)
        seen = [*part.training, *part.validation]
        assert len(seen) == 40 and len(part.validation) == 40 // VALIDATION
        assert sorted([*seen, *part.test]) == list(range(101)) and list(part.test) == sorted(part.test)
        assert set(seen) <= set(rows[half])


def test_the_equal_number_is_the_smallest_half_of_all() -> None:
    reals, many, few = (sample_set(points(n, seed=n)) for n in (100, 140, 61))
    repeated = sample_set(points(40).repeat(3, 1))  # 120 samples in threes: halves of 60, or 57 and 63
    assert equal_number(reals, [many], seed=0, seeds=2) == 50
    assert equal_number(reals, [many, few], seed=0, seeds=2) == 30
    assert equal_number(few, [many, reals], seed=0, seeds=2) == 30
    assert equal_number(many, [repeated], seed=0, seeds=1) == 60
    # A repeated sample that lies across the middle moves the cut, at other places for other seeds.
    uneven = sample_set(torch.cat([points(90), points(10, seed=1).repeat_interleave(4, 0)]))
    smallest = [
        min(map(len, halves(uneven.items, seed=seed, purpose="samples"))) for seed in range(12)
    ]  # fmt: skip
    assert len(set(smallest)) > 1
    assert equal_number(many, [uneven], seed=0, seeds=12) == min(smallest)
    assert equal_number(many, [uneven], seed=3, seeds=1) == smallest[3]
