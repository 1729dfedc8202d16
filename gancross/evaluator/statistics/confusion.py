"""Counts of decisions and the tables made of them.

Rows = predicted (real, fake), columns = true (real, fake), as the paper prints them; every column of
rates sums to 1. *Real is positive*: a false positive is a generated sample called real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.groups import proportion


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One judge on test reals and on one generator's samples: FN and FP."""

    fn: Proportion
    fp: Proportion

    def counts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((TP, FP), (FN, TN))."""
        return (self.fn.n - self.fn.count, self.fp.count), (self.fn.count, self.fp.n - self.fp.count)

    def rates(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """`counts` over the number of samples in each column."""
        (tp, fp), (fn, tn) = self.counts()
        reals, fakes = self.fn.n, self.fp.n
        return (tp / reals, fp / fakes), (fn / reals, tn / fakes)


@dataclass(frozen=True, kw_only=True)
class PairedDecisions:
    """The same samples under two judges: how many both, only one, or neither decided a given way."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        """All samples."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> Proportion:
        """What the first judge decided that way."""
        return Proportion(count=self.both + self.only_first, n=self.n)

    @property
    def second(self) -> Proportion:
        """What the second judge decided that way."""
        return Proportion(count=self.both + self.only_second, n=self.n)


def false_negatives(scores_real: NDArray[np.float64], threshold: float, *, group_size: int = 1) -> Proportion:
    """Test reals called fake: score ≤ τ (a tie is fake). Lower is better for the judge."""
    return proportion(scores_real <= threshold, group_size)


def false_positives(scores_fake: NDArray[np.float64], threshold: float, *, group_size: int = 1) -> Proportion:
    """Generated samples called real: score > τ. Lower is better for the judge."""
    return proportion(scores_fake > threshold, group_size)


def paired_decisions(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> PairedDecisions:
    """How many samples both judges, one, or neither decided a given way; in the same order of samples."""
    return PairedDecisions(
        both=int((a & b).sum()), only_first=int((a & ~b).sum()), only_second=int((~a & b).sum()),
        neither=int((~a & ~b).sum()),
    )  # fmt: skip


def paper_rate(rate: float) -> str:
    """A rate as the paper prints it: four decimals without trailing zeros, at least one decimal."""
    text = f"{rate:.4f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
