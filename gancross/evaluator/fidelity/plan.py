"""Which figures FID, IS, KID, precision and recall are called, and what they need, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancross.errors import UsageError, unknown_name
from gancross.evaluator.fidelity.classifier_score import SPLITS
from gancross.evaluator.fidelity.extractors import INCEPTION, extractor_for
from gancross.evaluator.fidelity.frechet import Statistics

METRICS = ("fid", "is", "kid", "pr")
KID_SUBSET_SIZE = 1000

_INCEPTION_KEYS = {
    "fid": ("frechet_inception_distance",),
    "is": ("inception_score_mean", "inception_score_std"),
    "kid": ("kernel_inception_distance_mean", "kernel_inception_distance_std"),
    "pr": tuple(f"{key}[{INCEPTION}]" for key in ("precision", "recall", "f_score")),
}
_SUBSTITUTE_KEYS = {
    "fid": ("frechet_distance",),
    "is": ("classifier_score", "classifier_score_std"),
    "kid": ("kernel_distance", "kernel_distance_std"),
    "pr": ("precision", "recall", "f_score"),
}


def metric_keys(metric: str, extractor: str) -> tuple[str, ...]:
    """The keys of a metric's figures in the record; torch-fidelity's own for its own network."""
    if extractor == INCEPTION:
        return _INCEPTION_KEYS[metric]
    return tuple(f"{key}[{extractor}]" for key in _SUBSTITUTE_KEYS[metric])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `check` found possible: metrics in the order of `METRICS`, the extractor's name and weights."""

    metrics: tuple[str, ...]
    extractor: str
    weights: Path | None
    kid_subset_size: int


def check_names(metrics: Sequence[str], *, kid_subset_size: int) -> None:
    """What can be told of metrics before there are any data.

    Raises:
        UsageError: an unknown metric, or a subset that is too small.
    """
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
    # a split of IS must not be empty, and a third neighbour must exist
    smallest = {"fid": 2, "is": SPLITS, "kid": kid_subset_size, "pr": 4}
    hints = {"kid": "; a smaller subset is set by --kid-subset-size"}
    for label, n in counts.items():
        who = "the data" if label is None else f"contestant '{label}'"
        for metric in chosen:
            given = label is None and (metric == "is" or (metric == "fid" and statistics is not None))
            if n < smallest[metric] and not given:
                hint = hints.get(metric, "")
                raise UsageError(
                    f"{who}: {n} samples, metric '{metric}' needs at least {smallest[metric]}{hint}"
                )
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
