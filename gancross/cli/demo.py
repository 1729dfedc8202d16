"""`gancross demo`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.options import common, notes_console, progress_bar, tables_console

READING = """
How to read this. Each small table is one model's own confusion matrix: its discriminator on the held-out
digits (left column) and on its own generator's samples (right column). "Cross-testing: FP" is the share
of the *other* generator's samples that it takes for real: the lower, the better it sees through the
other; near 0 and 1 is a clear answer, two similar numbers are not. Look at FN beside it, since a
discriminator that calls everything fake has FP 0 as well. After {steps:,} steps of training
neither model is good: the pictures show digits, but no discriminator is near its best. What you see is how
the protocol works, not that regularization wins or loses.
"""


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("gancross-demo"), show_default=True,
    help="Folder of the two runs, the pictures and the record.",
)  # fmt: skip
@common
def demo(out: Path) -> None:
    """Train two small GANs on digits side by side and cross-test them, in about a minute."""
    from gancross.report.console import print_result
    from gancross.workflow.demo import STEPS, demonstrate

    notes = notes_console()
    notes.print(f"Training two GANs on 8×8 digits for {STEPS:,} steps, with and without the regularizer …")
    with progress_bar(notes) as bar:
        tasks = {}

        def show(label: str, done: int, n: int) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(label, total=n, figures="", rate="")
            speed = bar.tasks[tasks[label]].speed
            bar.update(tasks[label], completed=done, rate=f"{speed:.0f}/s" if speed else "")

        made = demonstrate(out, progress=show)
    tables = tables_console()
    print_result(made.result, tables)
    tables.print(READING.format(steps=STEPS).replace("\n", " ").strip(), markup=False)
    places = {"record": made.record, **{f"{name}, picture": path for name, path in made.pictures.items()}}
    places |= {f"{name}, checkpoint": path for name, path in made.checkpoints.items()}
    tables.print("\n".join(["", *(f"{what}: {path}" for what, path in places.items())]), markup=False)
