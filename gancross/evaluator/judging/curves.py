"""A judge's scores as histograms and ROC curves, for pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from gancross.evaluator.codec.fields import Count, Items, UnitFloat
from gancross.evaluator.judging.scores import Array, ScoresBySource

BINS = 64
ROC_POINTS = 101

Counts = tuple[Count, ...]
RocCurve = Annotated[tuple[tuple[UnitFloat, UnitFloat], ...], Items(2, 10_001)]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of one judge's scores in common bins; the outermost bins hold what lies beyond them."""

    edges: Annotated[tuple[float, ...], Items(2, 1025)]
    real: Counts
    generators: Mapping[str, Counts]


def histogram(scores: ScoresBySource, generators: Sequence[str]) -> Histogram:
    """Of the test data and of every generator's samples; the bins hold all but 0.1 % at either end."""
    everything = np.concatenate([scores[None], *(scores[name] for name in generators)])
    low, high = np.quantile(everything, [0.001, 0.999])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)

    def counts(values: Array) -> Counts:
        return tuple(int(count) for count in np.histogram(np.clip(values, low, high), edges)[0])

    return Histogram(
        edges=tuple(edges.tolist()), real=counts(scores[None]),
        generators={name: counts(scores[name]) for name in generators},
    )  # fmt: skip


def roc_curve(scores: ScoresBySource, generator: str) -> RocCurve:
    """((FPR, TPR), …) from (0, 0) to (1, 1), at most 101 points of the curve."""
    from sklearn import metrics  # takes a second to import

    real, fake = scores[None], scores[generator]
    labels = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
    fpr, tpr, _ = metrics.roc_curve(labels, np.concatenate([real, fake]))
    chosen = np.unique(np.linspace(0, len(fpr) - 1, ROC_POINTS).round().astype(int))
    return tuple((float(fpr[i]), float(tpr[i])) for i in chosen)
