"""`gancross gate`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from gancross.cli.options import FILE, common, notes_console, tables_console
from gancross.errors import GateFailed, UsageError
from gancross.machine.streams import write_document


class GateCommand(click.Command):
    """Lists the metrics below the options; their table is imported when help is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name, direction and meaning of every metric."""
        from gancross.evaluator.gate.figures import METRICS

        with formatter.section("Metrics (fidelity where both results have it)"):
            formatter.write_dl([
                (f"{name} {'↑' if metric.higher_is_better else '↓'}", metric.meaning)
                for name, metric in METRICS.items()
            ])  # fmt: skip


@click.command(cls=GateCommand)
@click.argument("result", metavar="RESULT.json", type=FILE)
@click.option(
    "--baseline", metavar="OLD.json", required=True, type=FILE,
    help="The result that this one is held against.",
)  # fmt: skip
@click.option(
    "--max-regression", "allowed", metavar="METRIC=VALUE", multiple=True,
    help="How much worse a metric may be, absolute; repeat it. Only metrics named so are compared."
    "  [default: all that both results have, each 0]",
)  # fmt: skip
@click.option("--require-all", is_flag=True, help="Fail if RESULT.json lacks a figure of the baseline.")
@click.option("--record", is_flag=True, help="Make RESULT.json the new baseline instead of comparing.")
@click.option("--json", "json_out", is_flag=True, help="Print the comparisons as JSON.")
@common
def gate(
    result: Path, baseline: Path, allowed: tuple[str, ...], require_all: bool, record: bool, json_out: bool
) -> None:
    """Let CI decide: is a result worse than its baseline, beyond noise and beyond what is allowed?

    Exit code 0, or 6 if the gate fails, or 2 if the results cannot be compared.
    """
    from gancross.evaluator.gate.comparison import gate as compare
    from gancross.evaluator.result.reading import load_result
    from gancross.machine.files import write_atomically
    from gancross.report.text.gate import conclusion, gate_json, gate_table, lacking

    tolerances = dict(tolerance(text) for text in allowed)
    new = load_result(result)
    if record:
        if baseline.exists():
            load_result(baseline)  # what is no result is not replaced by one
        # Nobody reads a baseline, and repositories keep all of them.
        compact = json.dumps(new.to_dict(), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        write_atomically(baseline, f"{compact}\n".encode())
        notes_console().print(f"recorded: {baseline}")
        return
    compared = compare(new, load_result(baseline), tolerances=tolerances or None, require_all=require_all)
    if json_out:
        write_document(f"{gate_json(compared)}\n")
    else:
        tables_console().print(gate_table(compared))
    if compared.regressions:
        worst = ", ".join(f"{change.metric} of '{change.name}'" for change in compared.regressions)
        raise GateFailed(f"{conclusion(compared)} {worst}")
    if not compared.passed:
        raise GateFailed(f"{conclusion(compared)} {lacking(compared)}")


def tolerance(text: str) -> tuple[str, float]:
    """Name and number of METRIC=VALUE."""
    metric, separator, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not separator or math.isnan(number):
        raise UsageError(f"--max-regression {text}: write METRIC=VALUE, VALUE a number")
    return metric, number
