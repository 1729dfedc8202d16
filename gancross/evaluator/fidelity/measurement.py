"""FID, IS, KID, precision and recall of all contestants in one pass over their samples.

    plan = check(metrics, shape=..., counts=..., weights=...)            # before any work
    extractor = load_extractor(plan.extractor, shape=..., weights=plan.weights, device=...)
    with Fidelity(plan, extractor, counts=..., data_sha256=...) as fidelity:
        for every source, for every chunk: fidelity.add(label, chunk, count)
        figures = fidelity.finish()

Definitions, seeds and names are torch-fidelity's; figures of other features than Inception's never bear
the names FID, IS and KID.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DataError, ResourceError, UsageError
from gancross.evaluator.fidelity import real_features
from gancross.evaluator.fidelity.classifier_score import SPLITS, ClassifierScore
from gancross.evaluator.fidelity.extractors import BATCH, Extractor
from gancross.evaluator.fidelity.feature_distances import (
    KID_SUBSETS,
    NEIGHBOURS,
    kernel_distance,
    precision_recall,
    singular_frechet_distance,
)
from gancross.evaluator.fidelity.features import Collected
from gancross.evaluator.fidelity.frechet import (
    Array,
    Statistics,
    covariance_factor,
    frechet_distance,
    shortage,
)
from gancross.evaluator.fidelity.plan import Plan, metric_keys
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
        self._keeps_features = "kid" in plan.metrics or "pr" in plan.metrics
        self._real: tuple[Statistics, Array] | None = None
        if "fid" in plan.metrics:
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
        lacks_statistics = "fid" in self._plan.metrics and self._real is None
        return lacks_statistics or (self._keeps_features and self._real_features is None)

    @property
    def real_statistics(self) -> Statistics:
        """Of the real data, after `finish` and with the metric `fid`; to be saved."""
        assert self._real is not None
        return self._real[0]

    @property
    def protocol(self) -> dict[str, Any]:
        """How the figures were made, for the record."""
        extractor = self._extractor
        return {
            "metrics": list(self._plan.metrics), "extractor": extractor.name,
            "weights_sha256": extractor.weights_sha256, "resize": extractor.resize, "dtype": extractor.dtype,
            "versions": extractor.versions, "seed": self._seed, "is_splits": SPLITS,
            "kid_subsets": KID_SUBSETS, "kid_subset_size": self._plan.kid_subset_size,
            "pr_neighbours": NEIGHBOURS,
            "fid_statistics_sha256": None if self._given is None else self._given.sha256,
        }  # fmt: skip

    @property
    def flags(self) -> list[str]:
        """What a reader must know, after `finish`: weights nobody publishes, too few samples."""
        flags = list(self._extractor.warnings)
        if self._real is not None:
            sides = [(self._real[0].n, "the data")]
            sides += [(n, f"contestant '{label}'") for label, n in self._counts.items() if label is not None]
            said = [shortage(n, dimension=self._extractor.dimension, who=who) for n, who in sides]
            flags += [text for text in said if text is not None]
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
        wants_logits = (
            label is not None and "is" in self._plan.metrics and self._extractor.classes is not None
        )
        self._collected[label].add(features, logits if wants_logits else None)

    @property
    def width(self) -> int:
        """Columns of `extracted`."""
        return self._extractor.dimension + (self._extractor.classes or 0)

    def finish(self) -> dict[str, dict[str, Any]]:
        """Every contestant's figures, once all samples were added.

        Returns:
            Of each contestant `n` and the figures under `metric_keys`: lower is better for Fréchet and
            kernel distances, higher for scores, precision and recall. A figure that does not exist is None,
            with a sibling KEY_reason.
        """
        for collected in self._collected.values():
            collected.check_complete()
        self._settle_real()
        return {label: self._figures(label) for label in self._counts if label is not None}

    def _collection(self, label: str | None, file: Path) -> Collected:
        fake = label is not None
        classes = self._extractor.classes
        n = self._counts[label]
        scored = fake and "is" in self._plan.metrics and classes is not None
        return Collected(
            who=f"contestant '{label}'" if fake else "the data", n=n, dimension=self._extractor.dimension,
            file=file if self._keeps_features else None,
            moments="fid" in self._plan.metrics and (fake or self._real is None),
            score=ClassifierScore(n, classes=classes, seed=self._seed) if scored and classes else None,
        )  # fmt: skip

    def _settle_real(self) -> None:
        """Turns what was collected of the data into statistics and features, and caches both."""
        real = self._collected.get(None)
        if real is not None and "fid" in self._plan.metrics and self._real is None:
            self._real = _with_factor(real.statistics())
            real_features.keep_statistics(self._key, *self._real)
        if real is not None and self._keeps_features and self._real_features is None:
            self._real_features = real.features()
            real_features.keep_features(self._key, self._real_features)

    def _figures(self, label: str) -> dict[str, Any]:
        figures: dict[str, Any] = {"n": self._counts[label]}
        for metric in self._plan.metrics:
            keys = metric_keys(metric, self._extractor.name)
            values = self._values(metric, self._collected[label])
            if values is None:
                figures |= dict.fromkeys(keys) | {f"{key}_reason": NO_CLASSES for key in keys}
            else:
                figures |= dict(zip(keys, values, strict=True))
        return figures

    def _values(self, metric: str, collected: Collected) -> tuple[float, ...] | None:
        """A metric's figures in the order of `metric_keys`; None where it does not exist."""
        if metric == "fid":
            assert self._real is not None
            real_statistics, factor = self._real
            made = collected.statistics()
            known = [side.n for side in (made, real_statistics) if side.n is not None]
            if min(known) <= self._extractor.dimension:
                return (singular_frechet_distance(fake=made, real=real_statistics),)
            return (frechet_distance(fake=made, real=real_statistics, real_factor=factor),)
        if metric == "is":
            return None if self._extractor.classes is None else collected.score()
        assert self._real_features is not None
        fake, real = collected.features(), self._real_features
        if metric == "kid":
            return kernel_distance(
                fake=fake, real=real, subset_size=self._plan.kid_subset_size, seed=self._seed
            )
        return precision_recall(fake=fake, real=real, device=self._extractor.device)


def _with_factor(statistics: Statistics) -> tuple[Statistics, Array]:
    try:
        return statistics, covariance_factor(statistics.covariance)
    except ValueError as error:
        raise DataError(f"statistics of the real data: sigma is {error}") from None
