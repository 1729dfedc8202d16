"""Halves of the test reals and their resamples, shared by all judges of a call.

Shape suffixes: H reals of a half, U units of it, R resamples, B resamples of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.machine.wanted import check_wanted
from gancross.random_streams import Stream

RESAMPLES = 1999  # (R + 1)·2.5 % is whole, so that the limits are order statistics
_BLOCK = 16  # resamples that are drawn at a time


@dataclass(frozen=True, kw_only=True)
class Half:
    """One half of the test reals.

    Attributes:
        index: of its reals, (H,).
        unit: of each of them, a row of `times`, (H,).
        times: how often each resample holds each unit, (U, R).
        lengths: how many reals each resample holds, (R,): units may differ in length.
    """

    index: NDArray[np.int64]
    unit: NDArray[np.int64]
    times: NDArray[np.uint8]
    lengths: NDArray[np.int64]

    def times_of(self, members: NDArray[np.int64]) -> NDArray[np.uint8]:
        """How often each resample holds these of the H reals, (len(members), R)."""
        return np.asarray(self.times[self.unit[members]])


Halves = tuple[Half, Half]


def draw_halves(units: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES) -> Halves:
    """The calibration halves of the reals and their resamples: the same for every judge of a call.

    A function of its arguments alone. Each half is resampled with replacement within itself.

    Args:
        units: (N,) unit of every real, rising from 0: what stays on one side and is drawn as one, identical
            images or a group that was scored together.

    Raises:
        ValueError: fewer than two units have no halves.
    """
    sizes = np.bincount(units)
    if len(sizes) < 2:
        raise ValueError(f"{len(sizes)} test samples cannot be halved")
    order = Stream(seed, "matched-fn", "halves").permutation(len(sizes))
    random = Stream(seed, "matched-fn", "reals").numpy_generator()
    reached = np.cumsum(sizes[order])
    cut = min(max(1, int(np.searchsorted(reached, len(units) // 2, side="right"))), len(sizes) - 1)
    starts = np.cumsum(sizes) - sizes
    first, second = (
        _resampled(chosen, starts[chosen], sizes[chosen], random, resamples)
        for chosen in np.split(order, [cut])
    )
    return first, second


def times_drawn(n: int, random: np.random.Generator, resamples: int) -> NDArray[np.uint8]:
    """How often each of n is drawn in each of R resamples with replacement, (n, R)."""
    times_NR = np.empty((n, resamples), dtype=np.uint8)
    for start in range(0, resamples, _BLOCK):
        check_wanted()  # of 30,000 they take a second altogether
        index_BN = random.integers(0, n, (min(_BLOCK, resamples - start), n))
        times_BN = np.stack([np.bincount(index_N, minlength=n).astype(np.uint8) for index_N in index_BN])
        times_NR[:, start : start + len(times_BN)] = times_BN.T
    return times_NR


def _resampled(
    units: NDArray[np.int64], starts: NDArray[np.int64], sizes: NDArray[np.int64],
    random: np.random.Generator, resamples: int,
) -> Half:  # fmt: skip
    """The members of units, which begin at `starts` and are `sizes` long, and how often units are drawn."""
    index = np.concatenate(
        [np.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    )
    times = times_drawn(len(units), random, resamples)
    alike = sizes.min() == sizes.max()
    lengths = np.full(resamples, len(index)) if alike else np.einsum("u,ur->r", sizes, times)
    return Half(index=index, unit=np.repeat(np.arange(len(units)), sizes), times=times, lengths=lengths)
