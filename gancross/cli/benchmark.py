"""`gancross benchmark` and `gancross demo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.options import (
    FILE,
    bars,
    common_with_tables,
    crosstest_threads,
    data_root,
    download,
    notes_console,
    print_screen,
    print_wrapped,
    tables_console,
)

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.workflow.spec import Spec

READING = """
How to read this. Both models are the same GAN, trained for {brief:,} and for {long:,} steps: whose samples
should be nearer to the data is known here. The first sentence is the referees' answer: judges trained
afresh and alike for both models, on digits that neither model saw. The second is the published rule about
the models' own discriminators. Each small table is one model's confusion matrix: its discriminator on the
held-out digits (left column) and on its own generator's samples (right column). "Cross-testing: FP" is the
share of the *other* generator's samples that it takes for real: lower is better for the discriminator, if
its FN is not high, for one that calls everything fake has FP 0 as well.
"""


@click.command()
@click.argument("spec", metavar="SPEC.toml", type=FILE)
@click.option(
    "--out",
    type=FILE,
    help="Folder of runs, result and report.  [default: runs/NAME with the benchmark's name]",
)
@click.option("--dry-run", is_flag=True, help="List runs, sizes of networks and work; touch nothing.")
@click.option(
    "--backend", type=click.Choice(["local", "dask", "ray"]), default="local", show_default=True,
    help="Where runs execute: as processes of this machine, or on the workers of a cluster.",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS", help="Address of the cluster's scheduler, such as tcp://host:8786."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Runs at a time.  [default: one per GPU, or per core]"
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Of each training run.  [default: as 'gancross train' has it, of its share of the cores]",
)
@crosstest_threads
@click.option("--device", default="auto", show_default=True,
              help="auto, cpu, cuda (all of them), cuda:0, … or mps.")  # fmt: skip
@data_root
@download
@click.option("--log-every", type=click.IntRange(min=1), default=100, show_default=True,
              help="Steps between lines of the logs.")  # fmt: skip
@click.option("--trust-code", is_flag=True, help="Run the code of own networks that the file names.")
@common_with_tables
def benchmark(
    spec: Path, out: Path | None, dry_run: bool, backend: str, scheduler: str | None, jobs: int | None,
    threads: int | None, device: str, data_root: Path, download: bool, log_every: int, trust_code: bool,
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
    from gancross.machine.threads import checked_threads
    from gancross.workflow.benchmark import run_benchmark
    from gancross.workflow.execution import Execution

    if backend == "local":  # workers of a cluster may have other cores
        checked_threads(threads)
    execution = Execution(
        backend=backend, scheduler=scheduler, jobs=jobs, threads=threads, device=device,
        data_root=data_root, download=download, log_every=log_every, trust_code=trust_code,
    )  # fmt: skip
    notes = notes_console()
    notes.print(f"{planned.name}: {len(planned.runs)} runs into {folder}", markup=False)
    _note_reused(planned, folder, notes)
    with bars(notes) as progress:
        outcome = run_benchmark(planned, folder, execution=execution, progress=progress)
    print_screen(outcome.result, outcome.record)
    _print_places(notes, {"record": outcome.record, "report": outcome.html, "summary": outcome.markdown})


def _print_places(console: Console, places: Mapping[str, Path]) -> None:
    console.print("\n".join(["", *(f"{what}: {path}" for what, path in places.items())]), markup=False)


def _note_reused(spec: Spec, folder: Path, notes: Console) -> None:
    """Says which runs were trained before; those that stopped half-way go on."""
    from gancross.workflow.plan import finished_runs

    finished = finished_runs(spec, folder)
    if finished:
        names = "all runs" if len(finished) == len(spec.runs) > 2 else ", ".join(finished)
        notes.print(f"Trained before, reused: {names}", markup=False, soft_wrap=True)


def _list(spec: Spec, out: Path, console: Console) -> None:
    """Prints the plan; networks are counted on the meta device, data are not opened."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Column, Table

    from gancross.workflow.plan import planned_variants

    variants = planned_variants(spec, out)
    console.print(f"{spec.name}: {len(spec.runs)} runs into {out}", markup=False)
    for variant in variants:
        console.print(f"  {variant.name}: {variant.method}", markup=False)
    heads = ("runs", "steps", "G's\nweights", "D's\nweights", "GFLOP\na step", "TFLOP\nleft")
    numbers = [Column(head, justify="right", no_wrap=True) for head in heads]
    columns = [Column("variant", overflow="fold"), *numbers, Column("state", no_wrap=True)]
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
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
    console.print(
        "FLOP of convolutions and matrix products. '?': networks of your own, or a folder without images yet."
    )


def _short(value: float) -> str:
    """`0.0897`, `374`, `17,283`, `4.51 M`: seven characters at most, so that a terminal holds the table."""
    if value >= 1e6:
        return f"{value / 1e6:,.3g} M" if value < 1e9 else f"{value / 1e6:,.0f} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@click.command()
@click.option(
    "--out", type=FILE, default=Path("gancross-demo"), show_default=True,
    help="Folder of the two runs, the report and the record.",
)  # fmt: skip
@common_with_tables
def demo(out: Path) -> None:
    """Train a GAN on digits briefly and longer, side by side, and compare the two, in about a minute."""
    from gancross.report.text.referee_texts import cost as referees_cost
    from gancross.workflow.benchmark import demo_spec, demonstrate

    spec = demo_spec()
    steps = {run.name: run.recipe.steps for run in spec.runs}
    notes = notes_console()
    told = " and ".join(f"{name} for {count:,} steps" for name, count in steps.items())
    print_wrapped(notes, f"Two GANs on 8×8 digits: {told}, then 10,000 samples of each and referees …")
    _note_reused(spec, out, notes)
    with bars(notes) as progress:
        outcome = demonstrate(out, progress=progress)
    tables = tables_console()
    print_screen(outcome.result, outcome.record)
    tables.print(f"\n{referees_cost(outcome.result)}.", markup=False)
    tables.print()
    print_wrapped(tables, READING.format(**steps).replace("\n", " ").strip())
    places = {f"{name}, checkpoint": path for name, path in outcome.checkpoints.items()}
    places |= {"record": outcome.record, "report with pictures, for a browser": outcome.html}
    _print_places(tables, places)
