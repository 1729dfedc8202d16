"""`gancross benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.options import bar_for_each, common, notes_console, progress_bar, tables_console

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.workflow.spec import Spec


@click.command()
@click.argument("spec", metavar="SPEC.toml", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="Folder of runs, result and report.  [default: runs/NAME with the benchmark's name]",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="List runs, sizes of networks and work; touch nothing.")
@click.option(
    "--backend", type=click.Choice(["local", "dask", "ray"]), default="local", show_default=True,
    help="Where runs execute: as processes of this machine, or on the workers of a cluster.",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS", help="Address of the cluster's scheduler, such as tcp://host:8786."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Runs at a time.  [default: one per GPU, or per CPU]"
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each training run."
)
@click.option("--device", default="auto", show_default=True,
              help="auto, cpu, cuda (all of them), cuda:0, … or mps.")  # fmt: skip
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of named data sets.")
@click.option("--download", is_flag=True, help="Fetch a missing data set where torchvision can.")
@click.option("--log-every", type=click.IntRange(min=1), default=100, show_default=True,
              help="Steps between lines of the logs.")  # fmt: skip
@common
def benchmark(
    spec: Path, out: Path | None, dry_run: bool, backend: str, scheduler: str | None, jobs: int | None,
    threads: int, device: str, data_root: Path | None, download: bool, log_every: int,
) -> None:  # fmt: skip
    """Train variants × seeds from one file, cross-test all of them, write result and report.

    The same command again trains missing runs, resumes unfinished ones and repeats the cross-test.
    'gancross gate' takes result.json as a result and as a baseline.
    """
    from gancross.workflow.spec import load_spec

    planned = load_spec(spec)
    folder = out or Path("runs") / planned.name
    if dry_run:
        _list(planned, folder, tables_console())
        return
    from gancross.data import catalogue
    from gancross.report.text.console import print_result
    from gancross.workflow.benchmark import run_benchmark
    from gancross.workflow.execution import Execution

    execution = Execution(
        backend=backend, scheduler=scheduler, jobs=jobs, threads=threads, device=device,
        data_root=data_root or catalogue.DEFAULT_ROOT, download=download, log_every=log_every,
    )  # fmt: skip
    notes = notes_console()
    notes.print(f"{planned.name}: {len(planned.runs)} runs into {folder}", markup=False)
    with progress_bar(notes) as bar:
        outcome = run_benchmark(planned, folder, execution=execution, progress=bar_for_each(bar))
    print_result(outcome.result, tables_console())
    notes.print(
        f"\nrecord: {outcome.record}\nreport: {outcome.html}\nsummary: {outcome.markdown}", markup=False
    )


def _list(spec: Spec, out: Path, console: Console) -> None:
    """Prints the plan; networks are counted on the meta device, data are not opened."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from gancross.workflow.plan import planned_variants

    variants = planned_variants(spec, out)
    console.print(f"{spec.name}: {len(spec.runs)} runs into {out}", markup=False)
    for variant in variants:
        console.print(f"  {variant.name}: {variant.method}", markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold")
    for column in ("runs", "steps", "G's\nweights", "D's\nweights", "GFLOP\na step", "TFLOP\nleft"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for variant in variants:
        work = variant.work
        sizes = ["?"] * 4 if work is None else [
            _short(work.parameters_generator), _short(work.parameters_discriminator),
            _short(work.step_flop / 1e9), _short(work.step_flop * variant.steps_left / 1e12),
        ]  # fmt: skip
        table.add_row(
            escape(variant.name), str(variant.runs), f"{variant.steps:,}", *sizes, escape(variant.state)
        )
    console.print(table)
    console.print("FLOP of convolutions and matrix products. '?': the data's folder has no images yet.")


def _short(value: float) -> str:
    """`0.0897`, `374`, `17,283`, `4.51 M`: seven characters at most, so that a terminal holds the table."""
    if value >= 1e6:
        return f"{value / 1e6:,.3g} M" if value < 1e9 else f"{value / 1e6:,.0f} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
