"""`gancross demo`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.options import bar_for_each, common, notes_console, progress_bar, tables_console

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
    help="Folder of the two runs, the report and the record.",
)  # fmt: skip
@common
def demo(out: Path) -> None:
    """Train two small GANs on digits side by side and cross-test them, in about a minute."""
    from gancross.report.text.console import print_result
    from gancross.workflow.demonstration import demo_spec, demonstrate

    steps = demo_spec().runs[0].recipe.steps
    notes = notes_console()
    notes.print(f"Training two GANs on 8×8 digits for {steps:,} steps, with and without the regularizer …")
    with progress_bar(notes) as bar:
        outcome = demonstrate(out, progress=bar_for_each(bar))
    tables = tables_console()
    print_result(outcome.result, tables)
    tables.print(READING.format(steps=steps).replace("\n", " ").strip(), markup=False)
    places = {"report with pictures": outcome.html, "record": outcome.record}
    places |= {f"{name}, checkpoint": path for name, path in outcome.checkpoints.items()}
    tables.print("\n".join(["", *(f"{what}: {path}" for what, path in places.items())]), markup=False)
