"""What is kept of one source's features while its samples stream by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DivergenceError, ResourceError
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.device_moments import DeviceMoments
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
    moments: Moments | DeviceMoments | None
    classifier_score: ClassifierScore | None
    count: int = 0

    def columns_for_cpu(self, measured: torch.Tensor) -> torch.Tensor:
        """What `add` needs of the next samples on the CPU; a device takes in their moments itself.

        Args:
            measured: features (N, D) and logits beside them, on the extractor's device.

        Returns:
            Features (N, D) and, for a classifier score, logits beside them. Where only the device needs the
            features, one column stands for them: 0, or NaN for samples of which one is NaN or infinite.
        """
        features, logits = measured.tensor_split([self.dimension], dim=1)
        if isinstance(self.moments, DeviceMoments):
            self.moments.add(features)
            if self.file is None:
                features = (features * 0).sum(dim=1, keepdim=True)
                return features if self.classifier_score is None else torch.cat([features, logits], dim=1)
        return features if self.classifier_score is None else measured

    def add(self, columns: torch.Tensor) -> None:
        """Takes in what `columns_for_cpu` gave of the next samples, on the CPU.

        Raises:
            DivergenceError: one of those in use is NaN or infinite.
            ResourceError: the disk is full.
        """
        values = columns.numpy()
        if not np.isfinite(values).all():
            raise DivergenceError(f"{self.who}: features of its samples are NaN or infinite")
        self.count += len(values)
        if isinstance(self.moments, Moments):
            self.moments.add(values[:, : self.dimension])
        if self.classifier_score is not None:
            self.classifier_score.add(columns[:, -self.classifier_score.classes :])
        if self.file is not None:
            # Appended, not written through a memory map: a full disk is then an error and not a SIGBUS.
            try:
                with self.file.open("ab") as file:
                    file.write(np.ascontiguousarray(values[:, : self.dimension], dtype=np.float32).data)
            except OSError as error:
                raise ResourceError(f"{self.file}: cannot be written: {error.strerror or error}") from error

    def leave_device(self) -> None:
        """All samples were added: moments on a device free its memory."""
        if isinstance(self.moments, DeviceMoments):
            self.moments.leave_device()

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
