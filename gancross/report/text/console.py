"""A result in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text.first_screen import NARROWEST, first_screen
from gancross.report.text.sections import SECTIONS, absence

MOST_IN_FULL = 4  # contestants whose every pair is told in words


def print_result(result: Result, console: Console) -> None:
    """Prints all tables and verdicts to the console."""
    console.print(render(result), soft_wrap=False)


def print_first_screen(result: Result, console: Console, *, record: Path | None = None) -> None:
    """Prints verdicts, figures and the flags that matter; see `first_screen`."""
    for line in first_screen(result, width=max(NARROWEST, console.width), record=record):
        console.print(line, soft_wrap=True)


def render(result: Result) -> RenderableType:
    """All sections of a result, those that conclude last."""
    in_full = len(result.names) <= MOST_IN_FULL
    parts: list[RenderableType] = [
        Text(f"Cross-test on {result.protocol.data.name}: {formatting.heading(result)}"),
        "",
    ]
    for section in sorted(SECTIONS, key=lambda section: section.concludes):
        show = section.console if in_full else section.console_summary
        if show is not None and not absence(section, result):
            parts += show(result)
    return Group(*parts)
