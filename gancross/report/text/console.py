"""A result in the terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text.sections import SECTIONS

MOST_IN_FULL = 4  # contestants whose every pair is told in words


def print_result(result: Result, console: Console) -> None:
    """Prints all tables and verdicts to the console."""
    console.print(render(result), soft_wrap=False)


def render(result: Result) -> RenderableType:
    """All sections of a result, those that conclude last."""
    in_full = len(result.names) <= MOST_IN_FULL
    parts: list[RenderableType] = []
    for section in sorted(SECTIONS, key=lambda section: section.concludes):
        show = section.console if in_full else section.console_summary
        parts += [] if show is None else show(result)
    heading = f"Cross-test on {result.protocol.data.name}: {formatting.heading(result)}"
    return Group(Text(heading), "", *parts)
