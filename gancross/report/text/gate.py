"""A gate's comparisons as a table, for terminals and for pull requests."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gancross.evaluator.gate.comparison import FEWEST_BASELINE_RUNS, Comparison, Gate
from gancross.evaluator.gate.figures import METRICS

STYLES = {"regression": "bold red", "improvement": "green"}
SPEAKS = {
    "checkpoint": "This speaks of these checkpoints only, not of their methods: the noise is that of"
    " sampling, and another training run would differ by more.",
    "method": "The noise is the spread of the baseline's runs and of their opponents', of which a method"
    f" needs {FEWEST_BASELINE_RUNS}.",
}
COLUMNS = ("metric", "old", "new", "change", "interval", "decision")


def gate_table(gate: Gate) -> RenderableType:
    """Old, new, difference, interval and decision of every comparison, then what the gate speaks about."""
    parts: list[RenderableType] = [Text("Gate: result against baseline", style="bold")]
    for name in dict.fromkeys(one.name for one in gate.comparisons):
        compared = [one for one in gate.comparisons if one.name == name]
        runs = (
            ""
            if gate.unit == "checkpoint"
            else f", {compared[0].runs[0]} runs then, {compared[0].runs[1]} now"
        )
        table = Table(box=None, padding=(0, 1, 0, 0))
        for column in COLUMNS:
            table.add_column(column, justify="left" if column in ("metric", "decision") else "right")
        for one in compared:
            table.add_row(*cells(one), style=STYLES.get(one.decision, ""))
        parts += ["", Text(f"{gate.unit} {name}{runs}"), Padding(table, (0, 0, 0, 2))]
    return Group(*parts, "", Text(SPEAKS[gate.unit]), Text(conclusion(gate), style="bold"))


def conclusion(gate: Gate) -> str:
    """One sentence."""
    n = len(gate.regressions)
    if n:
        return f"Gate failed: {n} of {len(gate.comparisons)} figures became worse."
    return f"Gate passed: none of {len(gate.comparisons)} figures became worse beyond noise and tolerance."


def cells(one: Comparison) -> list[str]:
    """The columns of a comparison."""
    low_high = "none" if one.interval is None else f"[{one.interval[0]:+.3g}, {one.interval[1]:+.3g}]"
    arrow = "↑" if METRICS[one.metric].higher_is_better else "↓"
    allowed = f" (allowed {one.tolerance:g})" if one.tolerance else ""
    return [
        f"{one.metric} {arrow}", f"{one.old:.4g}", f"{one.new:.4g}", f"{one.difference:+.3g}", low_high,
        f"{one.decision}{allowed}",
    ]  # fmt: skip


def gate_document(gate: Gate) -> dict[str, Any]:
    """The comparisons as plain values."""
    return {
        "format": "gancross.gate/1",
        "unit": gate.unit,
        "passed": not gate.regressions,
        "comparisons": [
            {
                "name": one.name, "metric": one.metric, "old": one.old, "new": one.new,
                "difference": one.difference, "interval": one.interval and list(one.interval),
                "runs": list(one.runs), "tolerance": one.tolerance, "decision": one.decision,
            }
            for one in gate.comparisons
        ],
    }  # fmt: skip
