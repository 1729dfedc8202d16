"""`gancross report`, and the options for reports that `crosstest` shares."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
from gancross.machine.streams import write_document

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
        return [path for path in (self.html, self._markdown_file, self.junit) if path is not None]

    @property
    def on_disk(self) -> Reports:
        """Those that can be written now and again later: no streams."""
        from gancross.machine.files import is_stream

        def kept(path: Path | None) -> Path | None:
            return None if path is None or is_stream(path) else path

        markdown = kept(self._markdown_file)
        text = None if markdown is None else str(markdown)
        return Reports(html=kept(self.html), markdown=text, junit=kept(self.junit))

    @property
    def _markdown_file(self) -> Path | None:
        return None if self.markdown in (None, STDOUT) else Path(str(self.markdown))

    def check(self, *, inputs: Sequence[Path] = ()) -> None:
        """Checks before long work that every file can be written, no two are one, and none is an input."""
        from gancross.machine.files import check_outputs, check_target

        for path in self.files:
            check_target(path)
        check_outputs(self.files, inputs=inputs)

    def write(self, result: Result, samples: Sequence[Sample], notes: Console) -> None:
        """Writes what was asked for, also after one that cannot be written; `samples` go into the HTML.

        Files come before streams, which may wait for a reader.
        """
        from gancross.machine.files import every_output, is_stream, write_text
        from gancross.report.text.markdown import markdown_report

        def html() -> str:
            from gancross.report.browser.html import html_report

            return html_report(result, samples)

        def junit() -> str:
            from gancross.report.text.junit import junit_report

            return junit_report(result)

        def write(path: Path, text: Callable[[], str]) -> None:
            write_text(path, text())
            notes.print(f"report: {path}", soft_wrap=True)

        def markdown() -> str:
            return markdown_report(result)

        texts = ((self.html, html), (self._markdown_file, markdown), (self.junit, junit))
        files = [(path, text) for path, text in texts if path is not None]
        with every_output() as attempt:
            for path, text in sorted(files, key=lambda file: is_stream(file[0])):
                attempt(partial(write, path, text))
            if self.to_stdout:
                attempt(lambda: write_document(markdown()))


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

    reports.check(inputs=[record])
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UsageError(f"{pictures}: is a file, expected a folder for pictures")
    result = load_result(record)
    notes = notes_console()
    if not reports.files and not reports.to_stdout and pictures is None:
        print_screen(result, record)
        return
    samples = []
    if reports.html is not None:
        from gancross.report.browser.samples import read_samples, samples_folder

        samples = read_samples(record, result.names)
        if not samples and samples_folder(record).is_dir():
            notes.print(f"{samples_folder(record)}: left out, no picture in it is of this record")
    reports.write(result, samples, notes)
    if pictures is not None:
        from gancross.machine.files import write_atomically
        from gancross.report.charts import plots

        for name, content in plots.pictures(result, file_format).items():
            write_atomically(pictures / name, content)
            notes.print(f"picture: {pictures / name}", soft_wrap=True)
