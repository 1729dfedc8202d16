"""The sections of every report as a table, in the order in which reports show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.report.charts.chart_data import NOBODY_JUDGES
from gancross.report.text import (
    console_classes,
    console_referees,
    console_summary,
    console_tables,
    markdown_classes,
    markdown_referees,
    markdown_tables,
)
from gancross.report.text.crowds import crowded, in_the_record

Console = Callable[[Result], Sequence[RenderableType]]
Markdown = Callable[[Result], Sequence[str]]
Part = Callable[[Result], object]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report; a medium that has nothing to show of it leaves it out.

    Attributes:
        key: names the template `browser/templates/sections/KEY.html.j2`, where `html`, and the anchor.
        title: in the HTML report, and of its fold in Markdown.
        console, console_summary: its tables in a terminal, for few and for many contestants.
        markdown: its lines, which are folded away; what stands before the folds is in `markdown_head`.
        html: whether it is in the HTML report.
        unfolded_from: of so many contestants and more the HTML report shows it always, without a fold.
        opened: whether its fold in the HTML report is open at first.
        part: of a result, which it is about; `Missing` where there is nothing to show.
        concludes: a terminal shows higher ones later, the highest at the end, where the eye rests.
        paired: what it has of every two contestants, which the HTML report leaves out where there are many.
    """

    key: str
    title: str
    console: Console | None = None
    console_summary: Console | None = None
    markdown: Markdown | None = None
    html: bool = True
    unfolded_from: int | None = None
    opened: bool = False
    part: Part | None = None
    concludes: int = 0
    paired: str = ""


def judges(result: Result) -> object:
    """The contestants that judge, or that nobody does."""
    return result.judges or Missing(NOBODY_JUDGES)


def controls(result: Result) -> object:
    """What judges make of known samples; missing where nobody judges."""
    return result.controls if result.judges else Missing(NOBODY_JUDGES)


def classes(result: Result) -> object:
    """Figures by class; missing where neither test data nor samples have classes."""
    return result.classes or Missing("neither test data nor samples have classes")


def absence(section: Section, result: Result) -> str:
    """Why a result has nothing that the section is about; empty where it has."""
    part = None if section.part is None else section.part(result)
    return part.reason if isinstance(part, Missing) else ""


def page_absence(section: Section, result: Result) -> str:
    """Why the HTML report has nothing that the section is about; empty where it has."""
    left_out = in_the_record(result, section.paired) if section.paired and crowded(result) else ""
    return absence(section, result) or left_out


def unfolded(section: Section, result: Result) -> bool:
    """Whether the HTML report shows it without a fold."""
    return section.unfolded_from is not None and len(result.names) >= section.unfolded_from


SECTIONS: tuple[Section, ...] = (
    Section(
        key="verdict", title="Verdict", console=console_tables.verdict_lines,
        console_summary=console_tables.verdict_lines, unfolded_from=1, concludes=2,
    ),
    Section(
        key="curve", title="How surely referees tell samples from data", unfolded_from=1,
        part=lambda result: result.referees, markdown=markdown_referees.g_by_level,
    ),
    Section(
        key="confusion", title="Matrices and figures", console=console_tables.confusion_tables,
        console_summary=console_summary.contestants_table, markdown=markdown_tables.confusion,
        unfolded_from=1,
    ),
    Section(
        key="cross", title="Who fools whom", console=console_tables.fp_matrix,
        console_summary=console_summary.numbered_matrix, markdown=markdown_tables.cross, part=judges,
        unfolded_from=3,
    ),
    Section(
        key="classes", title="Class by class", console=console_classes.by_class,
        console_summary=console_classes.differences, markdown=markdown_classes.by_class, part=classes,
        unfolded_from=1,
    ),
    Section(
        key="flags", title="Flags", console=console_tables.flag_lines,
        console_summary=console_tables.flag_lines, markdown=markdown_tables.flags, unfolded_from=1,
        concludes=3,
    ),
    Section(key="samples", title="Samples", opened=True),
    Section(
        key="reasons", title="Verdicts with their reasons", console=console_tables.verdict_text,
        console_summary=console_summary.winners_matrix, markdown=markdown_tables.reasons, concludes=2,
        paired="verdicts",
    ),
    Section(
        key="referees", title="Referees", console=console_referees.referees_text,
        console_summary=console_referees.referees_summary, markdown=markdown_referees.referees,
        part=lambda result: result.referees, concludes=1,
    ),
    Section(
        key="fidelity", title="Fidelity", console=console_tables.fidelity_table,
        console_summary=console_summary.fidelity_by_contestant, markdown=markdown_tables.fidelity,
        part=lambda result: result.fidelity,
    ),
    Section(key="scores", title="Scores", part=judges, paired="histograms"),
    Section(key="roc", title="ROC curves", part=judges, paired="ROC curves"),
    Section(
        key="beside", title="Beside the threshold", console=console_tables.figure_table,
        markdown=markdown_tables.beside, part=judges, paired="figures beside the threshold",
    ),
    Section(key="tests", title="Tests", paired="tests"),
    Section(
        key="ranking", title="Ranking", console=console_tables.ranking_text,
        console_summary=console_tables.ranking_text,
    ),
    Section(key="controls", title="Controls", part=controls),
    Section(key="probes", title="Probes of the networks", part=lambda result: result.probes),
    Section(key="norm", title="Batch-norm modes", part=judges, paired="rates in both batch-norm modes"),
    Section(key="gap", title="Generalisation gap", part=judges),
    Section(key="protocol", title="Protocol and command", markdown=markdown_tables.protocol),
)  # fmt: skip
