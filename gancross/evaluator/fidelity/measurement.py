"""FID, IS, KID, precision and recall of all contestants in one pass over their samples.

    plan = check(metrics, shape=..., counts=..., weights=...)            # before any work
    extractor = load_extractor(plan.extractor, shape=..., weights=plan.weights, device=...)
    with Fidelity(plan, extractor, counts=..., data_sha256=...) as fidelity:
        for every source, for every chunk: fidelity.add(label, chunk, count)
        figures = fidelity.finish()

Definitions, seeds and names are torch-fidelity's; `metrics` has the table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DataError, ResourceError, UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity import real_features
from gancross.evaluator.fidelity.classifier_score import SPLITS, ClassifierScore
from gancross.evaluator.fidelity.extractor import BATCH, Extractor
from gancross.evaluator.fidelity.feature_distances import KID_SUBSETS, NEIGHBOURS
from gancross.evaluator.fidelity.features import Collected
from gancross.evaluator.fidelity.figures import FidelityFigures, FidelityProtocol, MeasuredFidelity
from gancross.evaluator.fidelity.frechet import Array, Statistics, covariance_factor, shortage
from gancross.evaluator.fidelity.metrics import METRICS, MetricInput, RealData
from gancross.evaluator.fidelity.plan import Plan
from gancross.evaluator.fidelity.real_features import CacheKey

SEED = 2020  # torch-fidelity's rng_seed: of the subsets of KID and the splits of IS
NO_CLASSES = "needs class probabilities, and the vectors are their own features"


class Fidelity:
    """Takes in every source's samples chunk by chunk and ends with every contestant's figures.

    Features that KID, precision and recall need all at once lie in a temporary folder that goes when the
    `with` block is left, whatever happened. Real features and statistics are cached.

    Args:
        plan: from `check`.
        extractor: the loaded extractor of the plan.
        counts: samples of each contestant, and under None of the data.
        data_sha256: of the canonical array of the data.
        statistics: of the real data, in place of computed ones.
        seed: of KID's subsets and the splits of IS; torch-fidelity's figures need its own, the default.

    Raises:
        UsageError: given statistics of another dimension than the features.
        DataError: given statistics whose sigma is not a covariance.
    """

    def __init__(
        self,
        plan: Plan,
        extractor: Extractor,
        *,
        counts: Mapping[str | None, int],
        data_sha256: str,
        statistics: Statistics | None = None,
        seed: int = SEED,
    ) -> None:
        if statistics is not None and statistics.dimension != extractor.dimension:
            raise UsageError(
                f"the given statistics have {statistics.dimension} dimensions, the features of"
                f" '{extractor.name}' {extractor.dimension}"
            )
        self._plan, self._extractor, self._counts, self._seed = plan, extractor, dict(counts), seed
        self._given = statistics
        self._key = CacheKey(
            data_sha256=data_sha256, extractor=extractor.name, weights_sha256=extractor.weights_sha256,
            resize=extractor.resize, dtype=extractor.dtype, versions=extractor.versions,
            device=extractor.device.type,
        )  # fmt: skip
        self._needs = {METRICS[name].needs for name in plan.metrics}
        self._keeps_features = "features" in self._needs
        self._real: tuple[Statistics, Array] | None = None
        if "statistics" in self._needs:
            cached_real = real_features.cached_statistics(self._key)
            self._real = cached_real if statistics is None else _with_factor(statistics)
        cached = real_features.cached_features(self._key) if self._keeps_features else None
        self._real_features: NDArray[np.float32] | None = cached
        self._collected: dict[str | None, Collected] = {}

    def __enter__(self) -> Self:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="gancross-", ignore_cleanup_errors=True)
        except OSError as error:
            raise ResourceError(f"no temporary folder for features: {error}") from error
        for number, label in enumerate(self._counts):
            if label is not None or self.needs_data:
                self._collected[label] = self._collection(label, Path(self._folder.name) / f"{number}.f32")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._collected.clear()
        self._real_features = None
        self._folder.cleanup()

    @property
    def needs_data(self) -> bool:
        """Whether chunks of the data have to be added; False where all that is needed of them is known."""
        lacks_statistics = "statistics" in self._needs and self._real is None
        return lacks_statistics or (self._keeps_features and self._real_features is None)

    @property
    def real_statistics(self) -> Statistics:
        """Of the real data, after `finish` and with the metric `fid`; to be saved."""
        assert self._real is not None
        return self._real[0]

    def _protocol(self) -> FidelityProtocol:
        extractor = self._extractor
        return FidelityProtocol(
            metrics=self._plan.metrics, extractor=extractor.name, weights_sha256=extractor.weights_sha256,
            resize=extractor.resize, dtype=extractor.dtype, versions=extractor.versions, seed=self._seed,
            is_splits=SPLITS, kid_subsets=KID_SUBSETS, kid_subset_size=self._plan.kid_subset_size,
            pr_neighbours=NEIGHBOURS,
            fid_statistics_sha256=None if self._given is None else self._given.sha256,
        )  # fmt: skip

    def _flags(self) -> list[str]:
        """Weights nobody publishes, too few samples."""
        flags = list(self._extractor.warnings)
        if self._real is not None:
            sides = [(self._real[0].n, "the data")]
            sides += [(n, f"contestant '{label}'") for label, n in self._counts.items() if label is not None]
            shortages = [shortage(n, dimension=self._extractor.dimension, who=who) for n, who in sides]
            flags += [text for text in shortages if text is not None]
        return flags

    def add(self, label: str | None, chunk: torch.Tensor, count: int) -> None:
        """Takes in the next samples of a source, in their order.

        Args:
            label: the contestant's name; None for the data, whose chunks are ignored unless `needs_data`.
            chunk: canonical samples on the extractor's device, uint8 (N, C, H, W) or float32 (N, d).
            count: how many of them count; the others pad the chunk.

        Raises:
            DivergenceError: features are NaN or infinite.
            ResourceError: the disk is full.
        """
        if label is not None or self.needs_data:
            self.take(label, self.extracted(chunk, count))

    def extracted(self, chunk: torch.Tensor, count: int) -> torch.Tensor:
        """Features and logits of the next samples side by side: float32 (count, D + classes)."""
        with torch.inference_mode():
            features, logits = self._extractor.apply(chunk[: -(-count // BATCH) * BATCH])
        columns = [features] if logits is None else [features, logits]
        return torch.cat([column[:count].float() for column in columns], dim=1)

    def take(self, label: str | None, rows: torch.Tensor) -> None:
        """As `add`, from what `extracted` made of a chunk."""
        features, logits = rows.cpu().tensor_split([self._extractor.dimension], dim=1)
        wants_logits = label is not None and "classes" in self._needs and self._extractor.classes is not None
        self._collected[label].add(features, logits if wants_logits else None)

    @property
    def width(self) -> int:
        """Columns of `extracted`."""
        return self._extractor.dimension + (self._extractor.classes or 0)

    def finish(self) -> MeasuredFidelity:
        """Every contestant's figures, once all samples were added.

        Lower is better for Fréchet and kernel distances, higher for scores, precision and recall.
        """
        for collected in self._collected.values():
            collected.check_complete()
        self._settle_real()
        real = RealData(features=self._real_features)
        if self._real is not None:
            real = replace(real, statistics=self._real[0], factor=self._real[1])
        return MeasuredFidelity(
            figures={label: self._figures(label, real) for label in self._counts if label is not None},
            protocol=self._protocol(), flags=tuple(self._flags()),
        )  # fmt: skip

    def _collection(self, label: str | None, file: Path) -> Collected:
        fake = label is not None
        classes = self._extractor.classes
        n = self._counts[label]
        scored = fake and "classes" in self._needs and classes is not None
        return Collected(
            who=f"contestant '{label}'" if fake else "the data", n=n, dimension=self._extractor.dimension,
            file=file if self._keeps_features else None,
            moments="statistics" in self._needs and (fake or self._real is None),
            score=ClassifierScore(n, classes=classes, seed=self._seed) if scored and classes else None,
        )  # fmt: skip

    def _settle_real(self) -> None:
        """Turns what was collected of the data into statistics and features, and caches both."""
        real = self._collected.get(None)
        if real is not None and "statistics" in self._needs and self._real is None:
            self._real = _with_factor(real.statistics())
            real_features.keep_statistics(self._key, *self._real)
        if real is not None and self._keeps_features and self._real_features is None:
            self._real_features = real.features()
            real_features.keep_features(self._key, self._real_features)

    def _figures(self, label: str, real: RealData) -> FidelityFigures:
        given = MetricInput(
            fake=self._collected[label], real=real, dimension=self._extractor.dimension,
            kid_subset_size=self._plan.kid_subset_size, seed=self._seed, device=self._extractor.device,
        )  # fmt: skip
        figures: dict[str, float | Missing] = {}
        for name in self._plan.metrics:
            metric = METRICS[name]
            keys = metric.keys(self._extractor.name)
            if metric.needs == "classes" and self._extractor.classes is None:
                figures |= dict.fromkeys(keys, Missing(NO_CLASSES))
            else:
                figures |= dict(zip(keys, metric.compute(given), strict=True))
        return FidelityFigures(n=self._counts[label], figures=figures)


def _with_factor(statistics: Statistics) -> tuple[Statistics, Array]:
    try:
        return statistics, covariance_factor(statistics.covariance)
    except ValueError as error:
        raise DataError(f"statistics of the real data: sigma is {error}") from None
