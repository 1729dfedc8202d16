"""A result against a baseline: what became worse, beyond chance and beyond what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from gancross.errors import UsageError, unknown_name
from gancross.evaluator.distributions import normal_quantile
from gancross.evaluator.estimates import LEVEL, Interval, Missing, Z, difference_reaches
from gancross.evaluator.gate.figures import METRICS, GateMetric, Reading, Scale
from gancross.evaluator.gate.protocols import check_comparable
from gancross.evaluator.gate.runs import RunFigures, run_figures
from gancross.evaluator.gate.spread import mean_figure, noise_interval
from gancross.evaluator.result.types import Result

FEWEST_BASELINE_RUNS = 5
LACKING = "the result has no such figure"

Unit = Literal["checkpoint", "method"]
Decision = Literal["regression", "improvement", "within noise", "within tolerance", "not decided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of one contestant or method, then and now.

    Attributes:
        name: of the contestant or method.
        metric: a key of `METRICS`.
        old, new: the figure; means over runs where methods are compared, geometric on the logarithmic scale.
        runs: how many runs stand behind old and new.
        interval: of new − old, at 95 % for all comparisons of a gate together (Bonferroni); None where the
            figure of a single checkpoint has no interval. On the logarithmic scale the limits l and h are
            those of ln(new/old), turned back to old·(eˡ − 1) and old·(eʰ − 1).
        tolerance: how much worse new may be: new − old in the figure's own unit, on either scale.
        scale: on which the runs were compared.
        decision: `regression` if worse beyond the interval and beyond the tolerance; without an interval the
            tolerance alone decides, and nothing is decided without either.
    """

    name: str
    metric: str
    old: float
    new: float
    runs: tuple[int, int]
    interval: Interval | None
    tolerance: float
    scale: Scale = "linear"
    decision: Decision

    @property
    def difference(self) -> float:
        """new − old."""
        return self.new - self.old


@dataclass(frozen=True, kw_only=True)
class NotGated:
    """One figure of one contestant or method that the baseline has, and why it is not compared."""

    name: str
    metric: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """All comparisons, and what they speak about.

    Attributes:
        require_all: whether the gate fails where the result lacks a figure of the baseline.
    """

    unit: Unit
    comparisons: tuple[Comparison, ...]
    not_gated: tuple[NotGated, ...] = ()
    require_all: bool = False

    @property
    def regressions(self) -> tuple[Comparison, ...]:
        """Those that close the gate."""
        return tuple(change for change in self.comparisons if change.decision == "regression")

    @property
    def lacking(self) -> tuple[NotGated, ...]:
        """Figures of the baseline that the result has not."""
        return tuple(entry for entry in self.not_gated if entry.reason == LACKING)

    @property
    def passed(self) -> bool:
        """Whether nothing became worse, and nothing is lacking where all is required."""
        return not self.regressions and not (self.require_all and self.lacking)


def gate(
    new: Result, baseline: Result, *, tolerances: Mapping[str, float] | None = None, require_all: bool = False
) -> Gate:
    """Compares a result with a baseline, contestant by contestant or method by method.

    Where the baseline holds several runs of a method, methods are compared: the spread of its runs, at least
    5, and of their opponents', the runs of other methods, is the noise, and at least that of sampling
    (`noise_interval`); figures that range from 0 to ∞ are compared by their logarithms. Otherwise contestants
    of the same name are, and the noise is that of sampling alone: each limit is d ∓ √(δ₁² + δ₂²) with the
    distances δ of both figures from their limits, stretched from 95 % to the gate's level as normal errors
    would be. That says nothing of another training run. Opponents that the baseline has not do not count.
    A censored figure is compared with nothing: it is in `not_gated`, with the reason. So is a figure of the
    baseline that the result lacks.

    Args:
        tolerances: by metric, how much worse it may be, absolute and ≥ 0; only these are compared. By
            default every metric that both results have, without tolerance.
        require_all: fail where the result lacks a figure of the baseline.

    Raises:
        UsageError: an unknown metric, or results that cannot be compared; the difference is named.

    Source: Newcombe 1998 for the combination of limits.
    """
    allowed = dict.fromkeys(METRICS, 0.0) if tolerances is None else dict(tolerances)
    for metric, value in allowed.items():
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        if not 0 <= value < math.inf:
            raise UsageError(f"the tolerance of '{metric}' must be a number ≥ 0, is {value}")
    old_groups, new_groups = _groups_of_both(new, baseline)
    parts = {METRICS[name].part for name in allowed}
    check_comparable(new, baseline, parts=[part for part in parts if part is not None])
    unit = _unit(baseline)
    changes: list[tuple[str, str, Change]] = []
    not_gated: list[NotGated] = []
    for name, metric in product(old_groups, allowed):
        change = _change(unit, METRICS[metric], name, (baseline, old_groups), (new, new_groups))
        if isinstance(change, Missing):
            not_gated.append(NotGated(name=name, metric=metric, reason=change.reason))
        elif change is not None:
            changes.append((name, metric, change))
    if tolerances is not None:
        _check_compared(allowed, changes, not_gated)
    level = 1 - (1 - LEVEL) / max(1, len(changes))
    return Gate(
        unit=unit,
        comparisons=tuple(
            _compared(name, metric, *change, level=level, tolerance=allowed[metric])
            for name, metric, change in changes
        ),
        not_gated=tuple(not_gated),
        require_all=require_all,
    )


def _check_compared(
    allowed: Mapping[str, float], changes: Sequence[tuple[str, str, Change]], not_gated: Sequence[NotGated]
) -> None:
    """Every metric that was asked for is compared for somebody."""
    for metric in sorted(set(allowed) - {metric for _, metric, _ in changes}):
        for entry in not_gated:
            if entry.metric == metric:
                raise UsageError(f"gate: '{metric}' of '{entry.name}' cannot be compared: {entry.reason}")
        raise UsageError(f"gate: metric '{metric}' is not in both results")


def _unit(result: Result) -> Unit:
    methods = [contestant.method for contestant in result.contestants if contestant.method is not None]
    return "method" if len(set(methods)) < len(methods) else "checkpoint"


Groups = dict[str, list[str]]
Side = tuple[Result, Groups]
Change = tuple[Reading, Reading] | tuple[RunFigures, RunFigures]


def _groups_of_both(new: Result, old: Result) -> tuple[Groups, Groups]:
    """Contestants of the baseline and now, by what is compared; everything of the baseline must be there."""
    unit = _unit(old)
    before, now = _groups(old, unit), _groups(new, unit)
    missing = [name for name in before if name not in now]
    if missing:
        alternatives = ", ".join(map(repr, sorted(now))) or "none"
        where = f"'{missing[0]}' of the baseline is not in the result, which has {alternatives}"
        raise UsageError(f"gate: not comparable: {where}")
    for name, runs in before.items():
        if unit == "method" and len(runs) < FEWEST_BASELINE_RUNS:
            raise UsageError(
                f"gate: not comparable: the baseline has {len(runs)} runs of method '{name}', and to"
                f" know the noise between runs takes at least {FEWEST_BASELINE_RUNS}"
            )
    return before, {name: now[name] for name in before}


def _groups(result: Result, unit: Unit) -> Groups:
    groups: Groups = {}
    for contestant in result.contestants:
        key = contestant.name if unit == "checkpoint" else contestant.method
        if key is not None:
            groups.setdefault(key, []).append(contestant.name)
    return groups


def _change(unit: Unit, metric: GateMetric, name: str, *sides: Side) -> Change | Missing | None:
    """A metric of a method's runs, or of a contestant, then and now; None where the baseline has none."""
    if unit == "method":
        old, new = (run_figures(metric, result, groups, name) for result, groups in sides)
        if isinstance(old, Missing) or isinstance(new, Missing):
            return _first_reason(old, new)
        shared = [key for key in old.values if key in new.values]
        if not shared:
            return Missing(LACKING) if old.values and not new.values else None
        return old.only(shared), new.only(shared)
    then, now = (
        metric.read(result, name, [opponent for opponent in groups if opponent != name])
        for result, groups in sides
    )
    if then is None or now is None:
        return None if then is None else Missing(LACKING)
    if isinstance(then, Missing) or isinstance(now, Missing):
        return _first_reason(then, now)
    return then, now


def _first_reason(old: object, new: object) -> Missing | None:
    """Why a figure cannot be compared, and on which side."""
    for side, where in ((old, "in the baseline"), (new, "in the result")):
        if isinstance(side, Missing):
            return Missing(f"{where} {side.reason}")
    return None


def _compared(
    name: str, metric: str, old: Reading | RunFigures, new: Reading | RunFigures, *, level: float,
    tolerance: float,
) -> Comparison:  # fmt: skip
    scale: Scale = "linear"
    if isinstance(old, Reading) and isinstance(new, Reading):
        interval, values, runs = _between(old, new, level), (old.value, new.value), (1, 1)
    else:
        assert not isinstance(old, Reading) and not isinstance(new, Reading)
        scale = METRICS[metric].scale if old.positive and new.positive else "linear"
        interval, values = _between_runs(old, new, level, scale)
        runs = (len(next(iter(old.values.values()))), len(next(iter(new.values.values()))))
    decision = _decision(METRICS[metric], values[1] - values[0], interval, tolerance)
    return Comparison(
        name=name, metric=metric, old=values[0], new=values[1], runs=runs, interval=interval,
        tolerance=tolerance, scale=scale, decision=decision,
    )  # fmt: skip


def _between_runs(
    old: RunFigures, new: RunFigures, level: float, scale: Scale
) -> tuple[Interval | None, tuple[float, float]]:
    """The interval of new − old, and the means of both."""
    if scale == "linear":
        return noise_interval(old, new, level=level), (mean_figure(old.values), mean_figure(new.values))
    interval, (then, now) = _between_runs(old.logarithms(), new.logarithms(), level, "linear")
    means = math.exp(then), math.exp(now)
    if interval is None:
        return None, means
    return (means[0] * math.expm1(interval[0]), means[0] * math.expm1(interval[1])), means


def _between(old: Reading, new: Reading, level: float) -> Interval | None:
    if old.interval is None or new.interval is None:
        return None
    difference = new.value - old.value
    stretch = normal_quantile((1 + level) / 2) / Z
    below, above = difference_reaches(new.value, new.interval, old.value, old.interval)
    return difference - stretch * below, difference + stretch * above


def _decision(metric: GateMetric, difference: float, interval: Interval | None, tolerance: float) -> Decision:
    if difference == 0 or (interval is not None and interval[0] <= 0 <= interval[1]):
        return "within noise"
    if interval is None and tolerance == 0:
        return "not decided"
    if (difference > 0) == metric.higher_is_better:
        return "improvement"
    return "regression" if abs(difference) > tolerance else "within tolerance"
