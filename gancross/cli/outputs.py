"""Options for reports, which `crosstest` and `report` share, and what they do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.evaluator.result.types import Result
    from gancross.report.browser.samples import Sample

Command = Callable[..., Any]
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
        """Before long work: every file can be written, no two are one.

        Raises:
            UsageError: one cannot.
        """
        from gancross.machine.files import check_target

        for path in self.files:
            check_target(path)
        check_distinct(self.files)

    def write(self, result: Result, samples: Sequence[Sample], console: Console) -> None:
        """Writes what was asked for; `samples` go into the HTML.

        Raises:
            ResourceError: a file cannot be written.
        """
        from gancross.machine.files import write_atomically
        from gancross.report.text.markdown import markdown_report

        if self.to_stdout:
            sys.stdout.write(markdown_report(result))
        elif self.markdown is not None:
            write_atomically(Path(self.markdown), markdown_report(result).encode())
        if self.html is not None:
            from gancross.report.browser.html import html_report

            write_atomically(self.html, html_report(result, samples).encode())
        if self.junit is not None:
            from gancross.report.text.junit import junit_report

            write_atomically(self.junit, junit_report(result).encode())
        for path in self.files:
            console.print(f"report: {path}", markup=False)


def check_distinct(paths: Sequence[Path]) -> None:
    """No two outputs go to one file.

    Raises:
        UsageError: two do.
    """
    places = [path.absolute() for path in paths]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise UsageError(f"{paths[number]}: two outputs would be written to this file")


def reports(command: Command) -> Command:
    """Adds `--html`, `--markdown` and `--junit`; the command is called with `reports`."""

    @click.option("--html", type=click.Path(path_type=Path), help="Write a report for the browser, one file.")
    @click.option(
        "--markdown", metavar="FILE|-",
        help="Write a summary for pull requests; '-' prints nothing but Markdown.",
    )  # fmt: skip
    @click.option("--junit", type=click.Path(path_type=Path), help="Write checks as JUnit XML.")
    @functools.wraps(command)
    def wrapped(*, html: Path | None, markdown: str | None, junit: Path | None, **arguments: Any) -> Any:
        return command(reports=Reports(html=html, markdown=markdown, junit=junit), **arguments)

    return wrapped
