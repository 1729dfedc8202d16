"""`gancross figure` and `gancross trace`, which read folders of runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.completion import data_names
from gancross.cli.networks import networks_options, trusted_code
from gancross.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    bars,
    chunk,
    common,
    data_root,
    device,
    notes_console,
    resize,
    tables_console,
    threads,
)
from gancross.cli.report import STDOUT
from gancross.errors import UsageError, unknown_name
from gancross.machine.streams import write_document
from gancross.report.paper_figures.names import FIGURES

if TYPE_CHECKING:
    from rich.table import Table

    from gancross.workflow.trace import CrossSteps, Snapshot

SUFFIXES = (".png", ".svg", ".pdf")
# Key of a snapshot, head of its column, decimal places; what a run has none of is left out.
COLUMNS = (
    ("gamma", "γ", 4), ("fn", "FN ↓", 4), ("fp", "FP ↓", 4), ("margin", "margin", 2),
    ("generalisation_gap", "gap ↓", 4), ("training_auc", "AUC ↓", 4), ("spread", "spread", 2),
    ("modes", "modes ↑", 0), ("within_3_std", "3 std ↑", 4), ("within_0.1", "0.1 ↑", 4),
    ("plane_distance", "plane ↓", 4),
)  # fmt: skip


class FigureCommand(click.Command):
    """Lists the figures below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name and content of every figure."""
        with formatter.section("Figures"):
            formatter.write_dl(list(FIGURES.items()))


@click.command(cls=FigureCommand)
@click.argument("name", metavar="NAME")
@click.argument("runs", metavar="[LABEL=]RUN ...", nargs=-1)
@click.option("--out", type=FILE, help="FILE.png, .svg or .pdf.  [default: NAME.png]")
@click.option(
    "--steps", metavar="N[,N ...]",
    help="Saved steps to show.  [default: up to six evenly spaced ones, or the last, that all runs saved]",
)  # fmt: skip
@click.option(
    "-n", "--num-samples", type=int, help="Of each panel.  [default: 64 images, 128 in fig8, 5,120 points]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@networks_options
@device
@common
def figure(
    name: str, runs: tuple[str, ...], out: Path | None, steps: str | None, num_samples: int | None, seed: int,
    networks: str | None, trust_code: bool, device: str,
) -> None:  # fmt: skip
    """Lay out the folders of runs as a figure of the paper, ordered and labelled by their recipes."""
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    target = out or Path(f"{name}.png")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {target}: give a file that ends in {', '.join(SUFFIXES)}")
    chosen_steps = None if steps is None else parsed_steps(steps)
    code = trusted_code(networks, trust_code=trust_code)
    from gancross.evaluator.contestants.naming import split_argument
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import check_new_target, write_atomically
    from gancross.random_streams import check_seed
    from gancross.report.paper_figures.layouts import Request
    from gancross.report.paper_figures.layouts import figure as laid_out
    from gancross.report.paper_figures.saved_runs import saved_run
    from gancross.report.paper_figures.sheet import render

    check_seed(seed)
    check_new_target(target)
    notes = notes_console()
    with bars(notes) as progress:
        progress(name, 0, None)
        request = Request(
            name=name,
            runs=[
                saved_run(Path(path), label, networks=code) for label, path in map(split_argument, runs)
            ],
            steps=chosen_steps, num_samples=num_samples, seed=seed, device=resolve_device(device),
            progress=partial(progress, name),
        )  # fmt: skip
        content = render(laid_out(request), target.suffix.lower().removeprefix("."))
    write_atomically(target, content)
    notes.print(f"{name}: {target}")


def parsed_steps(text: str) -> list[int]:
    """The distinct numbers of `1000,5000`, integers ≥ 0, in rising order."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--steps {text}: write numbers separated by commas, for example 1000,5000")
    return sorted({int(part) for part in parts})


@click.command()
@click.argument("run", metavar="RUN", type=FILE)
@click.option("--steps", metavar="N[,N ...]", help="Saved steps to look at.  [default: all]")
@click.option(
    "-n", "--num-samples", type=click.IntRange(min=1), default=10_000, show_default=True, help="At each step."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the latents.")
@click.option(
    "--cross", is_flag=True, help="Let every step's discriminator judge every step's generator as well."
)
@click.option(
    "--json", "json_out", metavar="FILE|-", type=FILE_OR_STDOUT,
    help="Write all figures; '-' prints nothing else.",
)  # fmt: skip
@click.option("--data", shell_complete=data_names, help="Data to judge with.  [default: the recipe's]")
@data_root
@networks_options
@device
@threads
@chunk
@resize
@common
def trace(
    run: Path, steps: str | None, num_samples: int, seed: int, cross: bool, json_out: str | None,
    data: str | None, data_root: Path, networks: str | None, trust_code: bool, device: str,
    chunk: int | None, resize: str | None,
) -> None:  # fmt: skip
    """Follow a run along its numbered checkpoints: what each step's discriminator and generator are worth.

    gap: TPR on training − on test data; AUC: how surely scores tell these two apart, 0.5 if not at all. On
    the mixture: modes covered, shares of samples within 3 standard deviations and within 0.1 of a mode,
    distance from the plane.

    Every saved step is judged as a cross-test would judge it, on fresh samples. --cross shows whether
    later discriminators still know earlier generators, and whether earlier ones are fooled by later ones.
    """
    chosen = None if steps is None else parsed_steps(steps)
    code = trusted_code(networks, trust_code=trust_code)
    from gancross.data.catalogue import DATASETS
    from gancross.data.resizing import parsed_resize
    from gancross.evaluator.protocol import checked_chunk
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import check_target, write_text
    from gancross.random_streams import check_seed
    from gancross.report.paper_figures.saved_runs import saved_run
    from gancross.workflow.trace import TraceRequest
    from gancross.workflow.trace import trace as trace_run

    check_seed(seed)
    record = None if json_out in (None, STDOUT) else Path(json_out)
    if record is not None:
        check_target(record)
    saved = saved_run(run, networks=code)
    if data is None and saved.recipe.data not in DATASETS:
        raise UsageError(f"{run}: names the data '{saved.recipe.data}', not opened by itself: give --data")
    request = TraceRequest(
        steps=chosen, num_samples=num_samples, seed=seed, data=data, cross=cross,
        data_root=data_root, device=resolve_device(device), chunk=checked_chunk(chunk),
        resize=parsed_resize(resize),
    )  # fmt: skip
    notes = notes_console()
    with bars(notes) as progress:
        traced = trace_run(saved, request, progress=progress)
    if json_out == STDOUT:
        write_document(traced.to_json())
        return
    if record is not None:
        write_text(record, traced.to_json())
    console = tables_console()
    console.print(_along(traced.snapshots))
    for flag in traced.flags:
        console.print(flag, markup=False)
    if traced.cross is not None:
        console.print(_cross(traced.cross))
    if record is not None:
        notes.print(f"trace: {record}")


def _along(snapshots: Sequence[Snapshot]) -> Table:
    """A row for every step."""
    from rich.table import Column, Table

    rows = [_values(snapshot) for snapshot in snapshots]
    columns = [column for column in COLUMNS if any(row.get(column[0]) is not None for row in rows)]
    heads = ["step", *(head for _, head, _ in columns)]
    table = Table(*(Column(head, justify="right") for head in heads), box=None, padding=(0, 1, 0, 0))
    for snapshot, row in zip(snapshots, rows, strict=True):
        table.add_row(f"{snapshot.step:,}", *(_text(row.get(key), places) for key, _, places in columns))
    return table


def _values(snapshot: Snapshot) -> dict[str, float | None]:
    """The figures themselves, without intervals, by the keys of the columns; None where there is none."""
    from gancross.evaluator.estimates import Missing

    rates = {"fn": snapshot.fn, "fp": snapshot.fp}
    estimates = {"generalisation_gap": snapshot.generalisation_gap, "training_auc": snapshot.training_auc}
    numbers = {"gamma": snapshot.gamma, "margin": snapshot.margin, **snapshot.samples}
    return {
        **{key: None if isinstance(number, Missing) else number for key, number in numbers.items()},
        **{key: None if isinstance(rate, Missing) else rate.rate for key, rate in rates.items()},
        **{key: None if isinstance(value, Missing) else value.value for key, value in estimates.items()},
    }  # fmt: skip


def _text(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _cross(cross: CrossSteps) -> Table:
    """FP of generators (rows) under judges (columns)."""
    from rich.table import Column, Table

    heads = ["samples \\ judge", *(f"{step:,}" for step in cross.steps)]
    table = Table(
        *(Column(head, justify="right") for head in heads),
        title="Share of a step's samples (rows) that a step's discriminator calls real",
    )
    for step, row in zip(cross.steps, cross.fp, strict=True):
        table.add_row(f"{step:,}", *(_text(value, 2) for value in row))
    return table
