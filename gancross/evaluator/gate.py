"""A result against a baseline: what became worse, beyond chance and beyond what is allowed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import norm, t

from gancross.errors import UsageError, unknown_name
from gancross.evaluator.gate_figures import METRICS, GateMetric, Plain, Reading
from gancross.evaluator.result import Result
from gancross.evaluator.statistics import LEVEL, Z

FEWEST_BASELINE_RUNS = 5
MUST_AGREE = ("data.name", "data.sha256", "data.num_real", "num_fake", "norm", "quantize", "chunk")
FIDELITY_MUST_AGREE = ("fidelity.extractor", "fidelity.weights_sha256", "fidelity.resize")
FIDELITY = ("fid", "kid", "is", "precision", "recall")

Unit = Literal["checkpoint", "method"]
Decision = Literal["regression", "improvement", "within noise", "within tolerance", "not decided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of one contestant or method, then and now.

    Attributes:
        name: of the contestant or method.
        metric: a key of `METRICS`.
        old, new: the figure; means over runs where methods are compared.
        runs: how many runs stand behind old and new.
        interval: of new − old, at 95 % for all comparisons of a gate together (Bonferroni); None where the
            figure of a single checkpoint has no interval.
        tolerance: how much worse new may be, absolute.
        decision: `regression` if worse beyond the interval and beyond the tolerance; without an interval the
            tolerance alone decides, and nothing is decided without either.
    """

    name: str
    metric: str
    old: float
    new: float
    runs: tuple[int, int]
    interval: tuple[float, float] | None
    tolerance: float
    decision: Decision

    @property
    def difference(self) -> float:
        """new − old."""
        return self.new - self.old


@dataclass(frozen=True, kw_only=True)
class Gate:
    """All comparisons, and what they speak about."""

    unit: Unit
    comparisons: tuple[Comparison, ...]

    @property
    def regressions(self) -> tuple[Comparison, ...]:
        """Those that close the gate."""
        return tuple(one for one in self.comparisons if one.decision == "regression")


def gate(new: Result, baseline: Result, *, tolerances: Mapping[str, float] | None = None) -> Gate:
    """Compares a result with a baseline, contestant by contestant or method by method.

    Where the baseline holds several runs of a method, methods are compared: the spread of its runs, at least
    5, is the noise, d ± t_{m−1} s √(1/m + 1/k) for m old and k new runs, and opponents are the runs of other
    methods. Otherwise contestants of the same name are, and the noise is that of sampling alone: each limit
    is d ∓ √(δ₁² + δ₂²) with the distances δ of both figures from their limits, stretched from 95 % to the
    gate's level as normal errors would be. That says nothing of another training run.

    Args:
        tolerances: by metric, how much worse it may be, absolute and ≥ 0; only these are compared. By
            default every metric that both results have, without tolerance.

    Raises:
        UsageError: an unknown metric, or results that cannot be compared; the difference is named.

    Source: Newcombe 1998 for the combination of limits.
    """
    asked = dict.fromkeys(METRICS, 0.0) if tolerances is None else dict(tolerances)
    _check_tolerances(asked)
    old_document, new_document = baseline.document, new.document
    pairs = _pairs(new_document, old_document)
    check_comparable(new_document, old_document, fidelity=any(name in FIDELITY for name in asked))
    found = [
        (name, metric, old, fresh)
        for name, then, now in pairs
        for metric in asked
        if (old := _readings(old_document, then, METRICS[metric]))
        and (fresh := _readings(new_document, now, METRICS[metric]))
    ]
    if tolerances is not None:
        for metric in sorted(set(asked) - {metric for _, metric, _, _ in found}):
            raise UsageError(f"gate: metric '{metric}' is not in both results")
    unit = _unit(old_document)
    level = 1 - (1 - LEVEL) / max(1, len(found))
    return Gate(
        unit=unit,
        comparisons=tuple(
            _compared(name, metric, old, fresh, unit=unit, level=level, tolerance=asked[metric])
            for name, metric, old, fresh in found
        ),
    )


def check_comparable(new: Plain, old: Plain, *, fidelity: bool) -> None:
    """Both were found by the same protocol.

    Raises:
        UsageError: the first field in which they differ.
    """
    both_measured = new["fidelity"] is not None and old["fidelity"] is not None
    keys = MUST_AGREE + (FIDELITY_MUST_AGREE if fidelity and both_measured else ())
    for key in keys:
        ours, theirs = _at(new["protocol"], key), _at(old["protocol"], key)
        if ours != theirs:
            raise UsageError(
                f"gate: not comparable: protocol.{key} is {_short(ours)}, in the baseline {_short(theirs)};"
                " cross-test again alike, or record a new baseline with --record"
            )


def _unit(document: Plain) -> Unit:
    methods = [one["method"] for one in document["contestants"] if one["method"] is not None]
    return "method" if len(set(methods)) < len(methods) else "checkpoint"


def _pairs(new: Plain, old: Plain) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """(name, contestants of the baseline, contestants now); everything of the baseline must be there."""
    then, now = _groups(old, _unit(old)), _groups(new, _unit(old))
    missing = [name for name in then if name not in now]
    if missing:
        raise UsageError(
            f"gate: not comparable: '{missing[0]}' of the baseline is not in the result, which has"
            f" {', '.join(map(repr, sorted(now))) or 'none'}"
        )
    few = [name for name, runs in then.items() if _unit(old) == "method" and len(runs) < FEWEST_BASELINE_RUNS]
    if few:
        raise UsageError(
            f"gate: not comparable: the baseline has {len(then[few[0]])} runs of method '{few[0]}', and to"
            f" know the noise between runs takes at least {FEWEST_BASELINE_RUNS}"
        )
    return [(name, runs, now[name]) for name, runs in then.items()]


def _groups(document: Plain, unit: Unit) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for one in document["contestants"]:
        key = one["name"] if unit == "checkpoint" else one["method"]
        if key is not None:
            groups.setdefault(key, []).append(one["name"])
    return groups


def _readings(document: Plain, names: Sequence[str], metric: GateMetric) -> list[Reading]:
    opponents = [one["name"] for one in document["contestants"] if one["name"] not in names]
    found = (metric.read(document, name, opponents) for name in names)
    return [reading for reading in found if reading is not None]


def _compared(
    name: str, metric: str, old: list[Reading], new: list[Reading], *, unit: Unit, level: float,
    tolerance: float,
) -> Comparison:  # fmt: skip
    interval = _between_runs(old, new, level) if unit == "method" else _between(old[0], new[0], level)
    then, now = (statistics.fmean(one.value for one in side) for side in (old, new))
    return Comparison(
        name=name, metric=metric, old=then, new=now, runs=(len(old), len(new)), interval=interval,
        tolerance=tolerance, decision=_decision(METRICS[metric], now - then, interval, tolerance),
    )  # fmt: skip


def _between_runs(old: list[Reading], new: list[Reading], level: float) -> tuple[float, float] | None:
    if len(old) < 2:
        return None
    difference = statistics.fmean(one.value for one in new) - statistics.fmean(one.value for one in old)
    spread = statistics.stdev(one.value for one in old) * math.sqrt(1 / len(old) + 1 / len(new))
    reach = float(t.ppf((1 + level) / 2, len(old) - 1)) * spread
    return difference - reach, difference + reach


def _between(old: Reading, new: Reading, level: float) -> tuple[float, float] | None:
    if old.interval is None or new.interval is None:
        return None
    difference = new.value - old.value
    stretch = float(norm.ppf((1 + level) / 2)) / Z
    below = math.hypot(new.value - new.interval[0], old.interval[1] - old.value)
    above = math.hypot(new.interval[1] - new.value, old.value - old.interval[0])
    return difference - stretch * below, difference + stretch * above


def _decision(
    metric: GateMetric, difference: float, interval: tuple[float, float] | None, tolerance: float
) -> Decision:
    if difference == 0 or (interval is not None and interval[0] <= 0 <= interval[1]):
        return "within noise"
    if interval is None and tolerance == 0:
        return "not decided"
    if (difference > 0) == metric.higher_is_better:
        return "improvement"
    return "regression" if abs(difference) > tolerance else "within tolerance"


def _check_tolerances(tolerances: Mapping[str, float]) -> None:
    for metric, value in tolerances.items():
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        if not 0 <= value < math.inf:
            raise UsageError(f"the tolerance of '{metric}' must be a number ≥ 0, is {value}")


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document[key] if isinstance(document, dict) else None
    return document


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:16]}…"
