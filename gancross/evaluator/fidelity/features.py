"""What is kept of one source's features while its samples stream by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DivergenceError, ResourceError
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.frechet import Moments, Statistics


@dataclass(kw_only=True)
class Collected:
    """Running sums and, where a metric needs every feature, a file of float32 rows.

    Attributes:
        who: the source in error messages.
        n, dimension: samples that will be added, and of their features.
        file: where to append features.
        moments, classifier_score: running sums; like `file` None where no metric needs them.
        count: samples that were added.
    """

    who: str
    n: int
    dimension: int
    file: Path | None
    moments: Moments | None
    classifier_score: ClassifierScore | None
    count: int = 0

    def add(self, features: torch.Tensor, logits: torch.Tensor) -> None:
        """Takes in the next samples' features (N, D) and logits (N, classes), on the CPU.

        Raises:
            DivergenceError: one of those in use is NaN or infinite.
            ResourceError: the disk is full.
        """
        rows = features.numpy()
        used = [rows] if self.classifier_score is None else [rows, logits.numpy()]
        if not all(np.isfinite(values).all() for values in used):
            raise DivergenceError(f"{self.who}: features of its samples are NaN or infinite")
        self.count += len(features)
        if self.moments is not None:
            self.moments.add(rows)
        if self.classifier_score is not None:
            self.classifier_score.add(logits)
        if self.file is not None:
            # Appended, not written through a memory map: a full disk is then an error and not a SIGBUS.
            try:
                with self.file.open("ab") as file:
                    file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
            except OSError as error:
                raise ResourceError(f"{self.file}: cannot be written: {error.strerror or error}") from error

    def check_complete(self) -> None:
        """Every figure assumes that all announced samples came, and no more."""
        if self.count != self.n:
            raise ValueError(f"{self.who}: {self.n} samples were announced, {self.count} were added")

    def statistics(self) -> Statistics:
        """Mean and covariance of all features."""
        assert self.moments is not None
        return self.moments.statistics()

    def features(self) -> NDArray[np.float32]:
        """All features, memory-mapped (N, D); copied on write, so the file never changes."""
        assert self.file is not None
        return np.memmap(self.file, dtype=np.float32, mode="c", shape=(self.n, self.dimension))

    def score(self) -> tuple[float, float]:
        """Mean and deviation of the classifier score."""
        assert self.classifier_score is not None
        return self.classifier_score.mean_and_deviation()
