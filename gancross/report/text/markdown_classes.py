"""Figures by class as GitHub-flavoured Markdown."""

from __future__ import annotations

from gancross.evaluator.result.types import Result
from gancross.report.charts.class_data import ClassColumn, judge_tables
from gancross.report.text.class_sentences import READING, class_name, difference_sentences, notes
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.markdown_tables import escaped, figure_cell, table

MOST_TABLES = 4  # judges with a table each; of more, sentences alone


def by_class(result: Result) -> list[str]:
    """A table for each judge, of few judges, and which classes differ."""
    lines: list[str] = []
    if result.classes is None:
        return []
    differences = [f"- {escaped(sentence)}" for sentence in difference_sentences(result)]
    if crowded(result):
        return [READING, "", *differences, "", left_out(result, "figures by class")]
    tables = judge_tables(result.classes)
    for judged in tables if len(tables) <= MOST_TABLES else ():
        head = ["class", *(escaped(column.heading) for column in judged.columns)]
        rows = [
            [escaped(class_name(name)), *(_cell(column, place) for column in judged.columns)]
            for place, name in enumerate(judged.names)
        ]
        said = [escaped(f"{'; '.join(notes(judged))}."), ""] if notes(judged) else []
        lines += [f"**{escaped(judged.judge)}'s discriminator**", "", *table(head, rows), "", *said]
    return [READING, "", *lines, *differences] if tables else []


def _cell(column: ClassColumn, place: int) -> str:
    entry = column.entries[place]
    if isinstance(entry, int):
        return f"{entry:,}"
    return figure_cell(entry) + (" \\*" if column.marks[place] else "")
