"""Whether everything is there that the metrics need, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancross.errors import UsageError, unknown_name
from gancross.evaluator.fidelity.extractor import INCEPTION, extractor_for
from gancross.evaluator.fidelity.frechet import Statistics
from gancross.evaluator.fidelity.metrics import KID_SUBSET_SIZE, METRICS


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Metrics in the order of `METRICS`, the extractor's name and weights."""

    metrics: tuple[str, ...]
    extractor: str
    weights: Path | None
    kid_subset_size: int


def check_names(metrics: Sequence[str], *, kid_subset_size: int) -> None:
    """What can be told of metrics before there are any data; a `UsageError` names what is wrong."""
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    if kid_subset_size < 2:
        raise UsageError(f"kid_subset_size must be at least 2, is {kid_subset_size}")


def check(
    metrics: Sequence[str],
    *,
    shape: tuple[int, ...],
    counts: Mapping[str | None, int],
    weights: Path | None = None,
    statistics: Statistics | None = None,
    kid_subset_size: int = KID_SUBSET_SIZE,
) -> Plan:
    """Looks for everything that the metrics need, before any work.

    Args:
        metrics: of `METRICS`, at least one.
        shape: of one sample, (C, H, W) or (d,).
        counts: samples of each contestant, and under None of the data.
        weights: file of Inception's weights; None for torch-fidelity's own location.
        statistics: of the real data, where they were given and are not computed.
        kid_subset_size: samples in each of KID's 100 subsets.

    Raises:
        UsageError: an unknown metric, too few samples for one, or arguments that do not fit together.
        ResourceError: the weights are not there.
    """
    check_names(metrics, kid_subset_size=kid_subset_size)
    if not metrics:
        raise UsageError(f"no metrics: choose from {', '.join(METRICS)}")
    chosen = tuple(metric for metric in METRICS if metric in metrics)
    for label, n in counts.items():
        who = "the data" if label is None else f"contestant '{label}'"
        for name in chosen:
            metric, fewest = METRICS[name], METRICS[name].fewest(kid_subset_size)
            available = metric.needs == "classes" or (metric.needs == "statistics" and statistics is not None)
            if n < fewest and not (label is None and available):
                raise UsageError(f"{who}: {n} samples, metric '{name}' needs at least {fewest}{metric.hint}")
    if statistics is not None and "fid" not in chosen:
        raise UsageError("statistics of the real data were given, but the metric 'fid' was not asked for")
    extractor = extractor_for(shape)
    if extractor == INCEPTION:
        from gancross.evaluator.fidelity.inception import weights_path

        weights = weights_path(weights)
    elif weights is not None:
        raise UsageError(
            f"{weights}: samples of shape {shape} use the extractor '{extractor}', not Inception:"
            " leave --feature-extractor-weights-path out"
        )
    return Plan(metrics=chosen, extractor=extractor, weights=weights, kid_subset_size=kid_subset_size)
