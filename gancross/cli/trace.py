"""`gancross trace`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.completion import data_names
from gancross.cli.figure import parsed_steps
from gancross.cli.options import bar_for_each, common, notes_console, progress_bar, tables_console
from gancross.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from gancross.workflow.trace import CrossSteps, Snapshot

STDOUT = "-"
# Key of a snapshot, head of its column, decimal places; what a run has none of is left out.
COLUMNS = (
    ("gamma", "γ", 4), ("fn", "FN ↓", 4), ("fp", "FP ↓", 4), ("margin", "margin", 2),
    ("generalisation_gap", "gap ↓", 4), ("training_auc", "AUC ↓", 4), ("spread", "spread", 2),
    ("modes", "modes ↑", 0), ("within_3_std", "3 std ↑", 4), ("within_0.1", "0.1 ↑", 4),
    ("plane_distance", "plane ↓", 4),
)  # fmt: skip


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--steps", metavar="N[,N ...]", help="Saved steps to look at.  [default: all]")
@click.option(
    "-n", "--num-samples", type=click.IntRange(min=1), default=10_000, show_default=True, help="At each step."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the latents.")
@click.option(
    "--cross", is_flag=True, help="Let every step's discriminator judge every step's generator as well."
)
@click.option("--json", "json_out", metavar="FILE|-", help="Write all figures; '-' prints nothing else.")
@click.option("--data", shell_complete=data_names, help="Data to judge with.  [default: the recipe's]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where named data sets lie.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps.")
@common
def trace(
    run: Path, steps: str | None, num_samples: int, seed: int, cross: bool, json_out: str | None,
    data: str | None, data_root: Path | None, device: str,
) -> None:  # fmt: skip
    """Follow a run along its numbered checkpoints: what each step's discriminator and generator are worth.

    gap: TPR on training − on test data; AUC: how surely scores tell these two apart, 0.5 if not at all. On
    the mixture: modes covered, shares of samples within 3 standard deviations and within 0.1 of a mode,
    distance from the plane.

    Every saved step is judged as a cross-test would judge it, on fresh samples. --cross shows whether
    later discriminators still know earlier generators, and whether earlier ones are fooled by later ones.
    """
    chosen = None if steps is None else parsed_steps(steps)
    from gancross.data import catalogue
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import check_target, write_atomically
    from gancross.report.paper_figures.saved_runs import saved_run
    from gancross.workflow.trace import TraceRequest
    from gancross.workflow.trace import trace as trace_run

    if json_out not in (None, STDOUT):
        check_target(Path(str(json_out)))
    saved = saved_run(run)
    if data is None and saved.recipe.data not in catalogue.DATASETS:
        raise UsageError(f"{run}: names the data '{saved.recipe.data}', not opened by itself: give --data")
    request = TraceRequest(
        steps=chosen, num_samples=num_samples, seed=seed, data=data, cross=cross,
        data_root=data_root or catalogue.DEFAULT_ROOT, device=resolve_device(device),
    )  # fmt: skip
    notes = notes_console()
    with progress_bar(notes) as bar:
        traced = trace_run(saved, request, progress=bar_for_each(bar))
    if json_out == STDOUT:
        click.echo(traced.to_json(), nl=False)
        return
    if json_out is not None:
        write_atomically(Path(json_out), traced.to_json().encode())
    console = tables_console()
    console.print(_along(traced.snapshots))
    if traced.cross is not None:
        console.print(_cross(traced.cross))
    if json_out is not None:
        notes.print(f"trace: {json_out}", markup=False)


def _along(snapshots: Sequence[Snapshot]) -> Table:
    """A row for every step."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("step", justify="right")
    rows = [_values(snapshot) for snapshot in snapshots]
    columns = [column for column in COLUMNS if any(row.get(column[0]) is not None for row in rows)]
    for _, head, _ in columns:
        table.add_column(head, justify="right")
    for snapshot, row in zip(snapshots, rows, strict=True):
        table.add_row(f"{snapshot.step:,}", *(_text(row.get(key), places) for key, _, places in columns))
    return table


def _values(snapshot: Snapshot) -> dict[str, float | None]:
    """The figures themselves, without intervals, by the keys of the columns; None where there is none."""
    from gancross.evaluator.estimates import Missing

    rates = {"fn": snapshot.fn, "fp": snapshot.fp}
    estimates = {"generalisation_gap": snapshot.generalisation_gap, "training_auc": snapshot.training_auc}
    return {
        "gamma": snapshot.gamma, "margin": snapshot.margin, **snapshot.samples,
        **{key: None if isinstance(rate, Missing) else rate.rate for key, rate in rates.items()},
        **{key: None if isinstance(value, Missing) else value.value for key, value in estimates.items()},
    }  # fmt: skip


def _text(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _cross(cross: CrossSteps) -> Table:
    """FP of generators (rows) under judges (columns)."""
    from rich.table import Table

    table = Table(title="Share of a step's samples (rows) that a step's discriminator calls real")
    table.add_column("samples \\ judge", justify="right")
    for step in cross.steps:
        table.add_column(f"{step:,}", justify="right")
    for step, row in zip(cross.steps, cross.fp, strict=True):
        table.add_row(f"{step:,}", *(_text(value, 2) for value in row))
    return table
