"""Figures by class in the terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from gancross.evaluator.result.types import Result
from gancross.report.charts.class_data import ClassColumn, JudgeTable, judge_tables
from gancross.report.text.class_sentences import difference_sentences, notes
from gancross.report.text.console_tables import with_interval
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.line_table import LineTable


def by_class(result: Result) -> list[RenderableType]:
    """A table for each judge, and which classes differ."""
    parts: list[RenderableType] = []
    for table in [] if result.classes is None else judge_tables(result.classes):
        parts += [_table(table), *(Text(f"  {note}", style="dim") for note in notes(table)), ""]
    return [*parts, *differences(result)]


def differences(result: Result) -> list[RenderableType]:
    """Which classes differ, a line for each table; and where the tables of too many contestants are."""
    sentences = [*map(Text, difference_sentences(result))]
    if crowded(result):
        sentences.append(Text(left_out(result, "figures by class"), style="dim"))
    return [*sentences, ""] if sentences else []


def _table(table: JudgeTable) -> LineTable:
    cells = [[_cell(column, place) for column in table.columns] for place in range(len(table.names))]
    return LineTable(
        title=f"Class by class: {table.judge}'s discriminator",
        head=["class", *(column.heading for column in table.columns)],
        rows=[[name, *row] for name, row in zip(table.names, cells, strict=True)],
        names=[0], named_head=True, framed=True,
    )  # fmt: skip


def _cell(column: ClassColumn, place: int) -> Text | str:
    entry = column.entries[place]
    if isinstance(entry, int):
        return f"{entry:,}"
    text = with_interval(entry)
    return text.append(" *") if column.marks[place] else text
