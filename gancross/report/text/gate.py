"""A gate's comparisons as a table, for terminals and for pull requests."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from gancross.evaluator.estimates import Interval
from gancross.evaluator.gate.comparison import FEWEST_BASELINE_RUNS, Comparison, Gate
from gancross.evaluator.gate.figures import METRICS
from gancross.report import formatting

STYLES = {"regression": "bold red", "improvement": "green"}
SPEAKS = {
    "checkpoint": "This speaks of these checkpoints only, not of their methods: the noise is that of"
    " sampling, and another training run would differ by more.",
    "method": "The noise is the spread of the baseline's runs and of their opponents', of which a method"
    f" needs {FEWEST_BASELINE_RUNS}, and at least that of sampling.",
}
RATIOS = (
    "Changes in per cent: positive, skewed figures are compared by the ratio of their geometric means, old"
    " and new in the table."
)
RATES = ("fn", "cross-fp", "fooled")  # printed as the paper prints rates
IN_JSON = (
    "name", "metric", "old", "new", "difference", "interval", "scale", "runs", "tolerance", "decision",
)  # fmt: skip
NUMBERS = ("old", "new", "change", "interval")


def gate_table(gate: Gate) -> RenderableType:
    """Old, new, difference, interval and decision of every comparison, then what the gate speaks about."""
    parts: list[RenderableType] = [Text("Gate: result against baseline", style="bold")]
    for name in dict.fromkeys(change.name for change in gate.comparisons):
        changes = [change for change in gate.comparisons if change.name == name]
        then, now = changes[0].runs
        runs = "" if gate.unit == "checkpoint" else f", {then} runs then, {now} now"
        numbers = (Column(heading, justify="right") for heading in NUMBERS)
        table = Table("metric", *numbers, "decision", box=None, padding=(0, 1, 0, 0))
        for change in changes:
            table.add_row(*cells(change), style=STYLES.get(change.decision, ""))
        parts += ["", Text(f"{gate.unit} {name}{runs}"), Padding(table, (0, 0, 0, 2))]
    parts += [
        Text(f"{entry.metric} of {entry.name} is not gated: {entry.reason}.")
        for entry in gate.not_gated if entry not in gate.lacking
    ]  # fmt: skip
    parts += [Text(f"The result lacks figures of the baseline: {lacking(gate)}.")] if gate.lacking else []
    ratios = [Text(RATIOS)] if any(change.scale == "log" for change in gate.comparisons) else []
    return Group(*parts, "", Text(SPEAKS[gate.unit]), *ratios, Text(conclusion(gate), style="bold"))


def lacking(gate: Gate) -> str:
    """The figures that the result lacks, by metric."""
    names: dict[str, list[str]] = {}
    for entry in gate.lacking:
        names.setdefault(entry.metric, []).append(f"'{entry.name}'")
    return "; ".join(f"{metric} of {', '.join(who)}" for metric, who in names.items())


def conclusion(gate: Gate) -> str:
    """One sentence."""
    n = len(gate.regressions)
    if gate.require_all and gate.lacking and not n:
        return f"Gate failed: the result lacks {len(gate.lacking)} figures of the baseline."
    if n:
        return f"Gate failed: {n} of {len(gate.comparisons)} figures became worse."
    return f"Gate passed: none of {len(gate.comparisons)} figures became worse beyond noise and tolerance."


def cells(change: Comparison) -> list[str]:
    """The columns of a comparison; change and interval in per cent of old where ratios were compared."""
    number = (
        "{:+.3g}".format if change.scale == "linear" else lambda part: f"{100 * part / change.old:+.3g} %"
    )
    low_high = "none" if change.interval is None else "[{}, {}]".format(*map(number, change.interval))
    old, new = (figure_text(change.metric, value) for value in (change.old, change.new))
    arrow = "↑" if METRICS[change.metric].higher_is_better else "↓"
    allowed = f" (allowed {change.tolerance:g})" if change.tolerance else ""
    return [
        f"{change.metric} {arrow}", old, new, number(change.difference), low_high,
        f"{change.decision}{allowed}",
    ]  # fmt: skip


def figure_text(metric: str, value: float) -> str:
    """A figure with the digits that every report of a result prints.

    Args:
        metric: a key of `METRICS`.
    """
    if metric == "half-detection-noise":
        return formatting.noise_level(value)
    return formatting.rate(value) if metric in RATES else formatting.number(value)


def gate_json(gate: Gate) -> str:
    """The comparisons as JSON; a limit of an interval is null where nothing limits the difference."""
    comparisons = [
        {key: getattr(change, key) for key in IN_JSON} | {"interval": _finite(change.interval)}
        for change in gate.comparisons
    ]
    whole = {
        "format": "gancross.gate/1", "unit": gate.unit, "passed": gate.passed,
        "comparisons": comparisons, "not_gated": [asdict(entry) for entry in gate.not_gated],
    }  # fmt: skip
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)


def _finite(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [end if math.isfinite(end) else None for end in interval]
