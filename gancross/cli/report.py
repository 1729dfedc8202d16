"""`gancross report`, and the options for reports that `crosstest` shares."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    Command,
    common_with_tables,
    notes_console,
    print_screen,
)
from gancross.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.evaluator.result.types import Result
    from gancross.report.browser.samples import Sample

STDOUT = "-"


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Which reports were asked for, and where they go."""

    html: Path | None
    markdown: str | None
    junit: Path | None

    @property
    def to_stdout(self) -> bool:
        """Whether standard output is Markdown, and nothing else."""
        return self.markdown == STDOUT

    @property
    def files(self) -> list[Path]:
        """All files that will be written."""
        markdown = None if self.markdown in (None, STDOUT) else Path(str(self.markdown))
        return [path for path in (self.html, markdown, self.junit) if path is not None]

    def check(self) -> None:
        """Checks before long work that every file can be written and no two are one."""
        from gancross.machine.files import check_target

        for path in self.files:
            check_target(path)
        check_distinct(self.files)

    def write(self, result: Result, samples: Sequence[Sample], notes: Console) -> None:
        """Writes what was asked for, files before standard output; `samples` go into the HTML."""
        from gancross.machine.files import write_atomically
        from gancross.report.text.markdown import markdown_report

        if self.markdown is not None and not self.to_stdout:
            write_atomically(Path(self.markdown), markdown_report(result).encode())
        if self.html is not None:
            from gancross.report.browser.html import html_report

            write_atomically(self.html, html_report(result, samples).encode())
        if self.junit is not None:
            from gancross.report.text.junit import junit_report

            write_atomically(self.junit, junit_report(result).encode())
        for path in self.files:
            notes.print(f"report: {path}", soft_wrap=True)
        if self.to_stdout:
            sys.stdout.write(markdown_report(result))


def check_distinct(paths: Sequence[Path]) -> None:
    """Checks that no two outputs go to one file."""
    places = [path.absolute() for path in paths]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise UsageError(f"{paths[number]}: two outputs would be written to this file")


def reports(command: Command) -> Command:
    """Adds `--html`, `--markdown` and `--junit`; the command is called with `reports`."""

    @click.option("--html", type=FILE, help="Write a report for the browser, one file.")
    @click.option(
        "--markdown", metavar="FILE|-", type=FILE_OR_STDOUT,
        help="Write a summary for pull requests; '-' prints nothing but Markdown.",
    )  # fmt: skip
    @click.option("--junit", type=FILE, help="Write checks as JUnit XML.")
    @functools.wraps(command)
    def wrapped(*, html: Path | None, markdown: str | None, junit: Path | None, **arguments: Any) -> Any:
        return command(reports=Reports(html=html, markdown=markdown, junit=junit), **arguments)

    return wrapped


@click.command()
@click.argument("record", metavar="RESULT.json", type=FILE)
@reports
@click.option("--pictures", metavar="DIR", type=FILE, help="Draw matrix, histograms, ROC.")
@click.option(
    "--format", "file_format", type=click.Choice(["png", "svg"]), default="png", show_default=True,
    help="Of --pictures.",
)  # fmt: skip
@common_with_tables
def report(record: Path, reports: Reports, pictures: Path | None, file_format: str) -> None:
    """Show a result that `crosstest --json` wrote: on a screen, or in the files that are asked for.

    The HTML report holds the sample grids that lie beside the record in RESULT-samples/.
    """
    from gancross.evaluator.result.reading import load_result

    reports.check()
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UsageError(f"{pictures}: is a file, expected a folder for pictures")
    check_distinct([record, *reports.files])
    result = load_result(record)
    notes = notes_console()
    if not reports.files and not reports.to_stdout and pictures is None:
        print_screen(result, record)
        return
    samples = []
    if reports.html is not None:
        from gancross.report.browser.samples import read_samples

        samples = read_samples(record, result.names)
    reports.write(result, samples, notes)
    if pictures is not None:
        from gancross.machine.files import write_atomically
        from gancross.report.charts import plots

        for name, content in plots.pictures(result, file_format).items():
            write_atomically(pictures / name, content)
            notes.print(f"picture: {pictures / name}", soft_wrap=True)
