"""A result in the terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text.sections import SECTIONS, shown

MOST_IN_FULL = 4  # contestants whose every pair is told in words


def print_result(result: Result, console: Console) -> None:
    """Prints all tables and verdicts to the console."""
    console.print(render(result), soft_wrap=False)


def print_tables(result: Result, console: Console) -> None:
    """Prints what stands before referees have judged: all tables, and no verdicts."""
    console.print(Group(*_heading(result), *_sections(result, concluding=False)), soft_wrap=False)


def print_conclusions(result: Result, console: Console) -> None:
    """Prints the rest: what referees found, verdicts and flags."""
    console.print(Group(*_sections(result, concluding=True)), soft_wrap=False)


def render(result: Result) -> RenderableType:
    """All sections of a result, those that conclude last."""
    parts = (_sections(result, concluding=concluding) for concluding in (False, True))
    return Group(*_heading(result), *(part for sections in parts for part in sections))


def _heading(result: Result) -> list[RenderableType]:
    return [Text(f"Cross-test on {result.protocol.data.name}: {formatting.heading(result)}"), ""]


def _sections(result: Result, *, concluding: bool) -> list[RenderableType]:
    in_full = len(result.names) <= MOST_IN_FULL
    parts: list[RenderableType] = []
    for section in sorted(SECTIONS, key=lambda section: section.concludes):
        show = section.console if in_full else section.console_summary
        if show is not None and bool(section.concludes) == concluding and shown(section, result):
            parts += show(result)
    return parts
