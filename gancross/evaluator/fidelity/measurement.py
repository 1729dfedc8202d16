"""FID, IS, KID, precision and recall of all contestants in one pass over their samples.

    plan = check(metrics, shape=..., counts=..., weights=...)            # before any work
    extractor = load_extractor(plan.extractor, shape=..., weights=plan.weights, device=...)
    with Fidelity(plan, extractor, counts=..., data_sha256=...) as fidelity:
        for every source, for every chunk: fidelity.add(label, fidelity.measured(chunk, count))
        figures = fidelity.finish()

Definitions, seeds and names are torch-fidelity's; `metrics` has the table.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import DataError, ResourceError, UsageError, first_line
from gancross.evaluator.estimates import Measurement, Missing
from gancross.evaluator.fidelity import real_features
from gancross.evaluator.fidelity.classifier_score import SPLITS, ClassifierScore
from gancross.evaluator.fidelity.device_moments import moments_on
from gancross.evaluator.fidelity.extractor import BATCH, Extractor
from gancross.evaluator.fidelity.features import Collected
from gancross.evaluator.fidelity.figures import (
    NO_INTERVAL,
    FidelityFigures,
    FidelityProtocol,
    MeasuredFidelity,
)
from gancross.evaluator.fidelity.frechet import Array, Statistics, covariance_factor, shortage
from gancross.evaluator.fidelity.metrics import (
    KID_SUBSETS,
    METRICS,
    NEIGHBOURS,
    FidelityMetric,
    MetricInput,
    RealData,
)
from gancross.evaluator.fidelity.plan import Plan
from gancross.evaluator.fidelity.real_features import CacheKey
from gancross.evaluator.judging.sampling import Label
from gancross.evaluator.protocol import CHUNK
from gancross.machine.devices import Fetched, moved
from gancross.machine.distributed import current

SEED = 2020  # torch-fidelity's rng_seed: of the subsets of KID and the splits of IS


class Fidelity(AbstractContextManager["Fidelity"]):
    """Sees the chunks that the judges see, and ends with every contestant's figures.

    Features that KID, precision and recall need all at once lie in a temporary folder that goes when the
    `with` block is left, whatever happened. Real features and statistics are cached. Of several processes
    the first takes in the features of all.

    Args:
        plan: from `check`.
        extractor: the loaded extractor of the plan.
        counts: samples of each contestant, and under None of the data.
        data_sha256: of the canonical array of the data.
        statistics: of the real data, in place of computed ones.
        save_to: where `finish` writes the statistics of the real data.
        chunk: samples that are taken in at a time.

    Attributes:
        needs_data: whether chunks of the data have to be added; False where all that is needed of them is
            known.

    Raises:
        UsageError: given statistics of another dimension than the features.
        DataError: given statistics whose sigma is not a covariance.
    """

    def __init__(
        self, plan: Plan, extractor: Extractor, *, counts: Mapping[str | None, int], data_sha256: str,
        statistics: Statistics | None = None, save_to: Path | None = None, chunk: int = CHUNK,
    ) -> None:  # fmt: skip
        if statistics is not None and len(statistics.mean) != extractor.dimension:
            raise UsageError(
                f"the given statistics have {len(statistics.mean)} dimensions, the features of"
                f" '{extractor.name}' {extractor.dimension}"
            )
        self._plan, self._extractor, self._counts, self._save_to = plan, extractor, dict(counts), save_to
        self._given, self._chunk = statistics, chunk
        self._key = CacheKey(
            data_sha256=data_sha256, extractor=extractor.name, weights_sha256=extractor.weights_sha256,
            resize=extractor.resize, dtype=extractor.dtype, versions=extractor.versions,
            device=extractor.device.type,
        )  # fmt: skip
        self._needs = {METRICS[name].needs for name in plan.metrics}
        self._classes = extractor.classes if "classes" in self._needs else None
        self._real: tuple[Statistics, Array] | None = None
        if "statistics" in self._needs:
            cached = real_features.cached_statistics(self._key)
            self._real = cached if statistics is None else _with_factor(statistics)
        self._real_features: NDArray[np.float32] | None = None
        if "features" in self._needs:
            self._real_features = real_features.cached_features(self._key)
        lacks_statistics = "statistics" in self._needs and self._real is None
        lacks_features = "features" in self._needs and self._real_features is None
        # Caches may differ from machine to machine, or from one moment to the next.
        needs = current().broadcast_from_rank0(b"1" if lacks_statistics or lacks_features else b"0")
        self.needs_data = needs == b"1"
        self._collected: dict[Label, Collected] = {}
        self._latest: tuple[Label, Fetched] | None = None
        self._rows: list[torch.Tensor] = []  # of other processes than the first, until it takes them

    def __enter__(self) -> Self:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="gancross-", ignore_cleanup_errors=True)
        except OSError as error:
            raise ResourceError(f"no temporary folder for features: {error}") from error
        for number, label in enumerate(self._counts):
            if self.wants(label):
                self._collected[label] = self._collection(label, Path(self._folder.name) / f"{number}.f32")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._collected.clear()
        self._real_features = None
        self._folder.cleanup()

    def wants(self, label: Label) -> bool:
        """Contestants, and the data where the first process does not know their features yet."""
        return isinstance(label, str) or (label is None and self.needs_data)

    def measured(self, chunk: torch.Tensor, count: int) -> torch.Tensor:
        """The features of samples, images as 8 bit like in a file, and the logits that a metric needs.

        Args:
            chunk: canonical samples on the extractor's device, (N, C, H, W) or float32 (N, d).
            count: how many of them count; the others pad the chunk.
        """
        if chunk.ndim == 4 and chunk.dtype != torch.uint8:
            chunk = chunk.round().clamp(0, 255).to(torch.uint8)
        with torch.no_grad():
            features, logits = self._extractor.apply(chunk[: -(-count // BATCH) * BATCH])
        columns = [features] if logits is None or self._classes is None else [features, logits]
        return torch.cat([column[:count].float() for column in columns], dim=1)

    def add(self, label: Label, measured: torch.Tensor) -> None:
        """Takes in the features of the next samples of a source, in their order.

        Args:
            label: the contestant's name; None for the data, whose features are ignored unless `needs_data`.
            measured: as of `measured`.

        Raises:
            DivergenceError: features are NaN or infinite, of this chunk or of the one before.
            ResourceError: the disk is full.
        """
        if self.wants(label):
            self._begin(label, measured)

    def finish_source(self, label: Label) -> None:
        """Rank 0 takes in the features of the other processes, in the order of the samples."""
        if not self.wants(label):
            return
        self._take_latest()
        width = self._extractor.dimension + (self._classes or 0)
        rows = torch.cat(self._rows) if self._rows else torch.empty(0, width)
        self._rows.clear()
        for part in current().rows_of_other_ranks(rows):
            if current().is_rank_zero:
                for chunk in torch.split(part, self._chunk):
                    self._begin(label, moved(chunk, self._extractor.device))
        if current().is_rank_zero:
            self._take_latest()
            self._collected[label].leave_device()

    def _begin(self, label: Label, measured: torch.Tensor) -> None:
        if current().is_rank_zero:
            measured = self._collected[label].columns_for_cpu(measured)
        self._take_latest(then=(label, Fetched(measured)))

    def _take_latest(self, then: tuple[Label, Fetched] | None = None) -> None:
        """Takes the features of the chunk before, while the device computes those of the latest."""
        before, self._latest = self._latest, then
        if before is not None and current().is_rank_zero:
            self._collected[before[0]].add(before[1].result())
        elif before is not None:
            self._rows.append(before[1].result())

    def finish(self, progress: Callable[[str, int, int], None] | None = None) -> MeasuredFidelity | None:
        """Every contestant's figures, once all samples were added; only the first process knows them.

        Lower is better for Fréchet and kernel distances, higher for scores, precision and recall.

        Args:
            progress: called with ("metrics", contestants done, in all), in the first process alone.
        """
        if not current().is_rank_zero:
            return None
        self._take_latest()
        for collected in self._collected.values():
            collected.check_complete()
        self._complete_real()
        extractor, plan = self._extractor, self._plan
        statistics, factor = self._real or (None, None)
        real = RealData(statistics=statistics, factor=factor, features=self._real_features)
        flags = list(extractor.warnings)
        if statistics is not None:
            sides = [(statistics.n, "the data")]
            sides += [(n, f"contestant '{label}'") for label, n in self._counts.items() if label is not None]
            shortages = [shortage(n, dimension=extractor.dimension, who=who) for n, who in sides]
            flags += [text for text in shortages if text is not None]
        figures: dict[str, FidelityFigures] = {}
        labels = [label for label in self._counts if label is not None]
        for label in labels:
            if progress is not None:
                progress("metrics", len(figures), len(labels))
            figures[label] = self._figures(label, real)
        if self._save_to is not None and statistics is not None:
            real_features.save_statistics(self._save_to, statistics)
        return MeasuredFidelity(
            figures=figures,
            protocol=FidelityProtocol(
                metrics=plan.metrics, extractor=extractor.name, weights_sha256=extractor.weights_sha256,
                resize=extractor.resize, dtype=extractor.dtype, versions=extractor.versions, seed=SEED,
                is_splits=SPLITS, kid_subsets=KID_SUBSETS, kid_subset_size=plan.kid_subset_size,
                pr_neighbours=NEIGHBOURS,
                fid_statistics_sha256=None if self._given is None else self._given.sha256,
            ),
            flags=tuple(flags),
        )  # fmt: skip

    def _collection(self, label: str | None, file: Path) -> Collected:
        dimension, n = self._extractor.dimension, self._counts[label]
        classes = None if label is None else self._classes
        moments = "statistics" in self._needs and (label is not None or self._real is None)
        return Collected(
            who="the data" if label is None else f"contestant '{label}'", n=n, dimension=dimension,
            file=file if "features" in self._needs else None,
            moments=moments_on(self._extractor.device, dimension) if moments else None,
            classifier_score=ClassifierScore(n, classes=classes, seed=SEED) if classes else None,
        )  # fmt: skip

    def _complete_real(self) -> None:
        """Turns what was collected of the data into statistics and features, and caches both."""
        real = self._collected.get(None)
        if real is None:
            return
        if "statistics" in self._needs and self._real is None:
            self._real = _with_factor(real.statistics())
            real_features.keep_statistics(self._key, *self._real)
        if "features" in self._needs and self._real_features is None:
            self._real_features = real.features()
            real_features.keep_features(self._key, self._real_features)

    def _figures(self, label: str, real: RealData) -> FidelityFigures:
        inputs = MetricInput(
            fake=self._collected[label], real=real, kid_subset_size=self._plan.kid_subset_size, seed=SEED,
            device=self._extractor.device,
        )  # fmt: skip
        figures: dict[str, Measurement | Missing] = {}
        for name in self._plan.metrics:
            metric = METRICS[name]
            keys = metric.keys(self._extractor.name)
            if metric.needs == "classes" and self._extractor.classes is None:
                reason = "needs class probabilities, and the vectors are their own features"
                figures |= dict.fromkeys(keys, Missing(reason))
            else:
                figures |= zip(keys, _values(metric, inputs), strict=True)
        return FidelityFigures(n=self._counts[label], figures=figures)


def _values(metric: FidelityMetric, inputs: MetricInput) -> list[Measurement | Missing]:
    """The figures of a metric; features or statistics may be too large for its products."""
    try:
        with np.errstate(all="ignore"):
            values = metric.compute(inputs)
    except ValueError as error:  # also LinAlgError
        return [Missing(f"cannot be computed of features this large: {first_line(error)}")] * len(
            metric.figures
        )
    return [
        Measurement(value=value, ci95=NO_INTERVAL) if math.isfinite(value)
        else Missing(f"not a finite number ({value}): the features are too large for it")
        for value in values
    ]  # fmt: skip


def _with_factor(statistics: Statistics) -> tuple[Statistics, Array]:
    try:
        return statistics, covariance_factor(statistics.covariance)
    except ValueError as error:
        raise DataError(f"statistics of the real data: sigma is {error}") from None
