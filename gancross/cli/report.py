"""`gancross report`."""

from __future__ import annotations

from pathlib import Path

import click

from gancross.cli.options import common, notes_console, tables_console
from gancross.cli.outputs import Reports, check_distinct, reports
from gancross.errors import UsageError


@click.command()
@click.argument("record", metavar="RESULT.json", type=click.Path(path_type=Path))
@reports
@click.option(
    "--pictures", metavar="DIR", type=click.Path(path_type=Path), help="Draw matrix, histograms, ROC."
)
@click.option(
    "--format", "file_format", type=click.Choice(["png", "svg"]), default="png", show_default=True,
    help="Of --pictures.",
)  # fmt: skip
@common
def report(record: Path, reports: Reports, pictures: Path | None, file_format: str) -> None:
    """Show a result that `crosstest --json` wrote: as tables, or in the files that are asked for.

    The HTML report holds the sample grids that lie beside the record in RESULT-samples/.
    """
    from gancross.evaluator.result.reading import load_result

    reports.check()
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UsageError(f"{pictures}: is a file, expected a folder for pictures")
    check_distinct([record, *reports.files])
    result = load_result(record)
    console = notes_console()
    if not reports.files and not reports.to_stdout and pictures is None:
        from gancross.report.text.console import print_result

        print_result(result, tables_console())
        return
    samples = []
    if reports.html is not None:
        from gancross.report.browser.samples import read_samples

        samples = read_samples(record, result.names)
    reports.write(result, samples, console)
    if pictures is not None:
        from gancross.machine.files import write_atomically
        from gancross.report.charts.plots import pictures as drawn

        for name, content in drawn(result, file_format).items():
            write_atomically(pictures / name, content)
            console.print(f"picture: {pictures / name}", markup=False)
