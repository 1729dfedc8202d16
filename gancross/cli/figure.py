"""`gancross figure`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.options import common, notes_console, progress_bar
from gancross.errors import UsageError, unknown_name
from gancross.report.paper_figures.names import FIGURES

SUFFIXES = (".png", ".svg", ".pdf")
LISTED = "\b\nFigures:\n" + "\n".join(f"  {name}  {text}" for name, text in FIGURES.items())


@click.command(epilog=LISTED)
@click.argument("name", metavar="NAME")
@click.argument("runs", metavar="[LABEL=]RUN ...", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), help="FILE.png, .svg or .pdf.  [default: NAME.png]")
@click.option(
    "--steps", metavar="N[,N ...]",
    help="Saved steps to show.  [default: up to six evenly spaced ones, or the last, that all runs saved]",
)  # fmt: skip
@click.option(
    "-n", "--num-samples", type=int,
    help="Of each panel.  [default: 64 images, 128 in fig8, 5,120 points]",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps.")
@common
def figure(
    name: str, runs: tuple[str, ...], out: Path | None, steps: str | None, num_samples: int | None, seed: int,
    device: str,
) -> None:  # fmt: skip
    """Lay out the folders of runs as a figure of the paper, ordered and labelled by their recipes."""
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    target = out or Path(f"{name}.png")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {target}: give a file that ends in {', '.join(SUFFIXES)}")
    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    chosen_steps = None if steps is None else parsed_steps(steps)
    from gancross.evaluator.contestants.naming import split_argument
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import write_atomically
    from gancross.report.paper_figures.layouts import Request
    from gancross.report.paper_figures.layouts import figure as laid_out
    from gancross.report.paper_figures.saved_runs import saved_run
    from gancross.report.paper_figures.sheet import render

    console = notes_console()
    with progress_bar(console) as bar:
        task = bar.add_task(name, total=None, figures="", rate="")
        request = Request(
            name=name,
            runs=[saved_run(Path(path), label) for label, path in map(split_argument, runs)],
            steps=chosen_steps, num_samples=num_samples, seed=seed, device=resolve_device(device),
            progress=lambda done, panels: bar.update(task, completed=done, total=panels),
        )  # fmt: skip
        content = render(laid_out(request), target.suffix.lower().removeprefix("."))
    write_atomically(target, content)
    console.print(f"{name}: {target}", markup=False)


def parsed_steps(text: str) -> list[int]:
    """The distinct numbers of `1000,5000` in rising order.

    Raises:
        UsageError: not integers ≥ 0 separated by commas.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--steps {text}: write numbers separated by commas, for example 1000,5000")
    return sorted({int(part) for part in parts})
