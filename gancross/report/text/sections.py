"""The sections of every report as a table, in the order in which reports show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from gancross.evaluator.result.types import Result
from gancross.report.text import (
    console_referees,
    console_summary,
    console_tables,
    markdown_referees,
    markdown_tables,
)

Console = Callable[[Result], Sequence[RenderableType]]
Markdown = Callable[[Result], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report; a medium that has nothing to show of it leaves it out.

    Attributes:
        key: names the template `browser/templates/sections/KEY.html.j2`, where `html`, and the anchor.
        console, console_summary: its tables in a terminal, for few and for many contestants.
        markdown: its lines.
        html: whether it is in the HTML report.
        of_judges: whether there is nothing to show where no contestant has a discriminator.
        concludes: a terminal shows higher ones later, the highest at the end, where the eye rests.
    """

    key: str
    title: str
    console: Console | None = None
    console_summary: Console | None = None
    markdown: Markdown | None = None
    html: bool = True
    of_judges: bool = False
    concludes: int = 0


SECTIONS: tuple[Section, ...] = (
    Section(
        key="verdict", title="Verdict", console=console_tables.verdict_text,
        console_summary=console_summary.winners_matrix, markdown=markdown_tables.verdicts, concludes=2,
    ),
    Section(
        key="flags", title="Flags", console=console_tables.flag_lines,
        console_summary=console_tables.flag_lines, markdown=markdown_tables.flags, html=False,
        concludes=2,
    ),
    Section(
        key="referees", title="Referees", console=console_referees.referees_text,
        console_summary=console_referees.referees_summary, markdown=markdown_referees.referees, concludes=1,
    ),
    Section(key="samples", title="Samples"),
    Section(
        key="confusion", title="Confusion matrices", console=console_tables.confusion_tables,
        console_summary=console_summary.contestants_table, markdown=markdown_tables.confusion,
    ),
    Section(
        key="cross", title="Who fools whom", console=console_tables.fp_matrix,
        console_summary=console_summary.numbered_matrix, markdown=markdown_tables.cross, of_judges=True,
    ),
    Section(key="scores", title="Scores", of_judges=True),
    Section(key="roc", title="ROC curves", of_judges=True),
    Section(
        key="beside", title="Beside the threshold", console=console_tables.figure_table,
        markdown=markdown_tables.beside, of_judges=True,
    ),
    Section(key="tests", title="Tests"),
    Section(
        key="fidelity", title="Fidelity", console=console_tables.fidelity_table,
        console_summary=console_summary.fidelity_by_contestant, markdown=markdown_tables.fidelity,
    ),
    Section(
        key="ranking", title="Ranking", console=console_tables.ranking_text,
        console_summary=console_tables.ranking_text,
    ),
    Section(key="controls", title="Controls", of_judges=True),
    Section(key="probes", title="Probes of the networks"),
    Section(key="norm", title="Batch-norm modes", of_judges=True),
    Section(key="gap", title="Generalisation gap", of_judges=True),
    Section(key="protocol", title="Record", markdown=markdown_tables.protocol),
    Section(key="reproduce", title="Reproduce"),
)  # fmt: skip


def shown(section: Section, result: Result) -> bool:
    """Whether a result has what the section is about."""
    return bool(result.judges) or not section.of_judges
