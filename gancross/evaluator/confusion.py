"""Counts of decisions and the tables made of them.

Rows = predicted (real, fake), columns = true (real, fake), as the paper prints them; every column of
rates sums to 1. *Real is positive*: a false positive is a generated sample called real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Share:
    """`count` of `n` samples."""

    count: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.n or self.n == 0:
            raise ValueError(f"{self.count} of {self.n} is no share")

    @property
    def rate(self) -> float:
        """`count` / `n`."""
        return self.count / self.n


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One judge on test reals and on one generator's samples: FN and FP."""

    fn: Share
    fp: Share

    def counts(self) -> list[list[int]]:
        """[[TP, FP], [FN, TN]]."""
        return [[self.fn.n - self.fn.count, self.fp.count], [self.fn.count, self.fp.n - self.fp.count]]

    def rates(self) -> list[list[float]]:
        """`counts` over the number of samples in each column."""
        columns = (self.fn.n, self.fp.n)
        return [[count / n for count, n in zip(row, columns, strict=True)] for row in self.counts()]


def false_negatives(scores_real: NDArray[np.float64], threshold: float) -> Share:
    """Test reals called fake: score ≤ τ (a tie is fake). Lower is better for the judge."""
    return Share(count=int((scores_real <= threshold).sum()), n=len(scores_real))


def false_positives(scores_fake: NDArray[np.float64], threshold: float) -> Share:
    """Generated samples called real: score > τ. Lower is better for the judge."""
    return Share(count=int((scores_fake > threshold).sum()), n=len(scores_fake))


def paper_rate(rate: float) -> str:
    """A rate as the paper prints it: four decimals without trailing zeros, at least one decimal."""
    text = f"{rate:.4f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
