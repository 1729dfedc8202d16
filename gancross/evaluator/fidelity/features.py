"""What is kept of one source's features while its samples stream by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DivergenceError, ResourceError
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.frechet import Moments, Statistics


class Collected:
    """Running sums and, where a metric needs every feature, a file of float32 rows.

    Args:
        who: the source in error messages.
        n: samples that will be added.
        file: where to append features; None keeps none.
        moments: whether mean and covariance are wanted.
        score: the running classifier score; None if it is not wanted.
    """

    def __init__(
        self,
        *,
        who: str,
        n: int,
        dimension: int,
        file: Path | None,
        moments: bool,
        score: ClassifierScore | None,
    ) -> None:
        self._who = who
        self._n = n
        self._count = 0
        self._shape = (n, dimension)
        self._file = file
        self._moments = Moments(dimension) if moments else None
        self._score = score

    def add(self, features: torch.Tensor, logits: torch.Tensor | None) -> None:
        """Takes in the next samples' features (N, D) and logits (N, classes), on the CPU.

        Raises:
            DivergenceError: one of them is NaN or infinite.
            ResourceError: the disk is full.
        """
        rows = features.numpy()
        if not np.isfinite(rows).all() or not (logits is None or np.isfinite(logits.numpy()).all()):
            raise DivergenceError(f"{self._who}: features of its samples are NaN or infinite")
        self._count += len(features)
        if self._moments is not None:
            self._moments.add(rows)
        if self._score is not None:
            assert logits is not None
            self._score.add(logits)
        if self._file is not None:
            # Appended, not written through a memory map: a full disk is then an error and not a SIGBUS.
            try:
                with self._file.open("ab") as file:
                    file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
            except OSError as error:
                raise ResourceError(f"{self._file}: cannot be written: {error.strerror or error}") from error

    def check_complete(self) -> None:
        """Every figure assumes that all announced samples came, and no more."""
        if self._count != self._n:
            raise ValueError(f"{self._who}: {self._n} samples were announced, {self._count} were added")

    def statistics(self) -> Statistics:
        """Mean and covariance of all features."""
        assert self._moments is not None
        return self._moments.statistics()

    def features(self) -> NDArray[np.float32]:
        """All features, memory-mapped (N, D); copied on write, so the file never changes."""
        assert self._file is not None
        return np.memmap(self._file, dtype=np.float32, mode="c", shape=self._shape)

    def score(self) -> tuple[float, float]:
        """Mean and deviation of the classifier score."""
        assert self._score is not None
        return self._score.mean_and_deviation()
