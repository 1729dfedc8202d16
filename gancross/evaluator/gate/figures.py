"""The figures of a result that a gate can compare, one value for each contestant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from gancross.evaluator.statistics.confusion import Share
from gancross.evaluator.statistics.proportions import wilson_interval

Plain = dict[str, Any]
Opponents = Collection[str]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A figure of one contestant, with its 95 % interval where it has one."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class GateMetric:
    """One figure.

    Attributes:
        higher_is_better: direction.
        meaning: for people.
        read: from the document, a contestant and the opponents that count; None where there is no figure.
        before_opponents: whether it depends on them.
    """

    higher_is_better: bool
    meaning: str
    read: Callable[[Plain, str, Opponents], Reading | None]
    before_opponents: bool = False


def _fn(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    rate = document["confusion"][name].get("fn")
    return None if rate is None else Reading(value=rate["rate"], interval=tuple(rate["ci95"]))


def _auc(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    return _mean([(auc["value"], auc["ci95"]) for auc in _judging(document, "auc", name, (name,))])


def _cross_fp(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    """Pooled: the opponents' samples are independent of each other."""
    rates = _judging(document, "fp", name, opponents)
    if len(rates) < 2:
        return _mean([(rate["rate"], rate["ci95"]) for rate in rates])
    pooled = Share(count=sum(rate["count"] for rate in rates), n=sum(rate["n"] for rate in rates))
    return Reading(value=pooled.rate, interval=wilson_interval(pooled))


def _fooled(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    return _mean([(rate["rate"], rate["ci95"]) for rate in _judged(document, "fp", name, opponents)])


def _cross_auc(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    return _mean([(auc["value"], auc["ci95"]) for auc in _judging(document, "auc", name, opponents)])


def _detected_auc(document: Plain, name: str, opponents: Opponents) -> Reading | None:
    return _mean([(auc["value"], auc["ci95"]) for auc in _judged(document, "auc", name, opponents)])


def _judging(document: Plain, key: str, judge: str, generators: Opponents) -> list[Plain]:
    """A figure of the cells in which one judges the others."""
    return [
        cell[key] for cell in document["cross"]
        if cell["judge"] == judge and cell["generator"] in generators and cell[key] is not None
    ]  # fmt: skip


def _judged(document: Plain, key: str, generator: str, judges: Opponents) -> list[Plain]:
    """A figure of the cells in which one is judged by the others."""
    return [
        cell[key] for cell in document["cross"]
        if cell["generator"] == generator and cell["judge"] in judges and cell[key] is not None
    ]  # fmt: skip


def _mean(figures: Sequence[tuple[float, Sequence[float] | None]]) -> Reading | None:
    """The mean of figures on the same samples, with the mean of their limits: right if they move as one."""
    if not figures:
        return None
    n = len(figures)
    intervals = [interval for _, interval in figures if interval is not None]
    limits = None
    if len(intervals) == n:
        limits = sum(low for low, _ in intervals) / n, sum(high for _, high in intervals) / n
    return Reading(value=sum(value for value, _ in figures) / n, interval=limits)


def _fidelity(*keys: str) -> Callable[[Plain, str, Opponents], Reading | None]:
    """The figure of one of these keys, whatever extractor stands behind it in brackets."""

    def read(document: Plain, name: str, opponents: Opponents) -> Reading | None:
        measured = (document["fidelity"] or {}).get(name, {})
        values = [value for key, value in measured.items() if key.partition("[")[0] in keys]
        return Reading(value=float(values[0])) if values and values[0] is not None else None

    return read


METRICS: dict[str, GateMetric] = {
    "fn": GateMetric(
        higher_is_better=False, read=_fn, meaning="share of test data that its discriminator calls fake"
    ),
    "auc": GateMetric(
        higher_is_better=True, read=_auc,
        meaning="AUC of its discriminator on test data against its own generator's samples",
    ),
    "cross-fp": GateMetric(
        higher_is_better=False, read=_cross_fp, before_opponents=True,
        meaning="share of opponents' samples that its discriminator calls real",
    ),
    "cross-auc": GateMetric(
        higher_is_better=True, read=_cross_auc, before_opponents=True,
        meaning="AUC of its discriminator on test data against opponents' samples",
    ),
    "fooled": GateMetric(
        higher_is_better=True, read=_fooled, before_opponents=True,
        meaning="share of its samples that opponents' discriminators call real",
    ),
    "detected-auc": GateMetric(
        higher_is_better=False, read=_detected_auc, before_opponents=True,
        meaning="AUC of opponents' discriminators on test data against its samples",
    ),
    "fid": GateMetric(
        higher_is_better=False, meaning="Fréchet distance",
        read=_fidelity("frechet_inception_distance", "frechet_distance"),
    ),
    "kid": GateMetric(
        higher_is_better=False, meaning="kernel distance",
        read=_fidelity("kernel_inception_distance_mean", "kernel_distance"),
    ),
    "is": GateMetric(
        higher_is_better=True, meaning="inception score",
        read=_fidelity("inception_score_mean", "classifier_score_mean", "classifier_score"),
    ),
    "precision": GateMetric(higher_is_better=True, meaning="precision", read=_fidelity("precision")),
    "recall": GateMetric(higher_is_better=True, meaning="recall", read=_fidelity("recall")),
}  # fmt: skip
