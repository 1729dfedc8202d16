"""What is an entry of a table stands in every report: sections, figures of cells, fidelity figures, flags."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from reading_reports import WIDE, Rendering, Row, media, printed, visible_text
from report_documents import KINDS, documents
from rich.console import Console, Group

from gancross.evaluator.estimates import Better, Figure, Missing, Proportion
from gancross.evaluator.judging.controls import CONTROLS
from gancross.evaluator.verdict.figures import CELL_FIGURES, CellFigure
from gancross.report.browser.html import html_report
from gancross.report.formatting import DASH, clean
from gancross.report.text.junit import junit_report
from gancross.report.text.markdown import markdown_report
from gancross.report.text.markdown_tables import folded
from gancross.report.text.sections import SECTIONS, absence, unfolded

MEDIA = ("console", "Markdown", "HTML", "notebook")
COLUMNS = [key for key, entry in CELL_FIGURES.items() if not entry.in_matrix]
MATRICES = [key for key, entry in CELL_FIGURES.items() if entry.in_matrix]
NUMBER = re.compile(r"-?\d+\.\d+(e[+-]\d+)?")


@cache
def renderings(kind: str) -> dict[str, Rendering]:
    return media(documents()[kind])


def shows(text: str, figure: Figure) -> bool:
    """Whether a cell begins with the figure to four places, or with a dash where there is none."""
    if isinstance(figure, Missing):
        return text.startswith(DASH)
    number = NUMBER.match(text)
    value = figure.rate if isinstance(figure, Proportion) else figure.value
    return number is not None and float(number[0]) == pytest.approx(value, abs=5e-5, rel=5e-3)


def shows_bound(text: str, figure: Figure, *, signed: str) -> bool:
    """Whether a cell is the limit nearer to 0 to three places, or says that it is of no use."""
    if isinstance(figure, Missing):
        return text.startswith(DASH)
    low, high = figure.ci95
    if low <= 0 and not (signed and high < 0):
        return text == "uninformative"
    return float(text) == pytest.approx(low if low > 0 else high, abs=5e-4)


# Sections


def test_every_section_of_the_page_has_a_template_and_every_template_a_section() -> None:
    folder = files("gancross.report.browser") / "templates" / "sections"
    templates = {path.name.removesuffix(".html.j2") for path in folder.iterdir()}
    assert templates == {section.key for section in SECTIONS if section.html}
    assert len({section.key for section in SECTIONS}) == len(SECTIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_the_sections_in_order_under_their_titles(kind: str) -> None:
    """First those that stand open, then those that fold, then why others have nothing to show."""
    result = documents()[kind]
    headings = re.findall(r'<h2 id="(.+?)-title">(.+?)</h2>', html_report(result))
    on_page = [section for section in SECTIONS if (section.key, section.title) in headings]
    without = [section for section in on_page if absence(section, result) or section.key == "samples"]
    groups = [
        [section for section in on_page if unfolded(section, result)],
        [section for section in on_page if not unfolded(section, result) and section not in without],
        without,
    ]
    assert headings == [(section.key, section.title) for group in groups for section in group]
    # What is left out has no fold, and nothing to show.
    for section in SECTIONS:
        if section.html and section not in on_page:
            assert unfolded(section, result) and absence(section, result)


@pytest.mark.parametrize("kind", KINDS)
def test_the_terminal_shows_every_section_of_its_size_those_that_conclude_last(kind: str) -> None:
    result = documents()[kind]
    whole, places = printed(result), []
    for section in SECTIONS:
        show = section.console if len(result.names) <= 4 else section.console_summary
        console = Console(record=True, width=WIDE, file=io.StringIO())
        console.print(Group(*(show(result) if show and not absence(section, result) else [])))
        part = console.export_text()
        if part.strip():
            places.append((whole.index(part), section.concludes))
    assert [concludes for _, concludes in sorted(places)] == sorted(concludes for _, concludes in places)


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_has_every_section_in_order(kind: str) -> None:
    result = documents()[kind]
    text = markdown_report(result)
    sections = [section for section in SECTIONS if not absence(section, result)]
    parts = [
        "\n".join(folded(section.title, section.markdown(result)))
        for section in sections if section.markdown is not None and section.markdown(result)
    ]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert len(places) >= 2 and places == sorted(places)
    assert places[0] == text.index("<details>")


# Figures of cells


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("key", COLUMNS)
@pytest.mark.parametrize("kind", ["two", "four", "critics", "flipped"])
def test_every_figure_of_a_cell_stands_under_its_heading(kind: str, key: str, medium: str) -> None:
    entry = CELL_FIGURES[key]
    heading = entry.heading(short=medium == "console")
    tables = [table for table in renderings(kind)[medium].tables if heading in table[0]]
    if not entry.everywhere and medium != "HTML":
        assert tables == []
        return
    (table,) = tables
    cells = documents()[kind].cells
    assert len(table) == len(cells)
    for row in table:
        figure = cells[judge_and_generator(row, medium)].of(key)
        if entry.is_bound:
            assert shows_bound(row[heading], figure, signed=entry.signed), f"{row[heading]} of {figure}"
        else:
            assert shows(row[heading], figure), f"{row[heading]} of {figure}"


def judge_and_generator(row: Row, medium: str) -> tuple[str, str]:
    """Whose cell a row is; the page marks a judge's own generator."""
    judge = row["Judge" if medium == "HTML" else "judge"]
    generator = row[{"HTML": "Samples of", "console": "generator"}.get(medium, "samples of")]
    return judge, generator.removesuffix(" own")


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("key", MATRICES)
@pytest.mark.parametrize("kind", ["two", "four", "critics", "flipped"])
def test_the_matrix_has_a_column_for_every_judge(kind: str, key: str, medium: str) -> None:
    result = documents()[kind]
    table = matrix(kind, medium)
    for generator in result.names:
        for judge in result.judges:
            assert shows(table[generator][judge], result.cells[judge, generator].of(key))


def matrix(kind: str, medium: str) -> dict[str, Row]:
    """The table of judges in columns that has a row for every generator, by the heads of its rows."""
    result = documents()[kind]
    for table in renderings(kind)[medium].tables:
        rows = {next(iter(row.values())): row for row in table}
        if set(result.judges) < set(table[0]) and set(result.names) <= set(rows):
            return rows
    raise AssertionError("no matrix")


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("kind", ["two", "critics", "not compared", "vectors"])
def test_every_control_stands_under_its_judge(kind: str, medium: str) -> None:
    result = documents()[kind]
    titles = {control.title: key for key, control in CONTROLS.items()}
    rows = [(title, row) for row in all_rows(kind, medium) for title in titles if is_head(row, title)]
    if isinstance(result.controls, Missing):
        assert rows == []
        return
    in_tables = {titles[title] for title, _ in rows}
    in_result = {
        key for key in CONTROLS
        if any(isinstance(rates.of(key), Proportion) for rates in result.controls.judges.values())
    }  # fmt: skip
    assert in_tables >= in_result and (in_tables == in_result or medium == "HTML")
    for title, row in rows:
        for judge in result.judges:
            assert shows(row[judge], result.controls.judges[judge].of(titles[title]))


def all_rows(kind: str, medium: str) -> list[Row]:
    return [row for table in renderings(kind)[medium].tables for row in table]


def is_head(row: Row, title: str) -> bool:
    return re.fullmatch(rf"{title}( [↑↓])?", next(iter(row.values()))) is not None


# Fidelity


@pytest.mark.parametrize("medium", MEDIA)
def test_every_fidelity_figure_stands_under_its_contestant(medium: str) -> None:
    result = documents()["fidelity"]
    assert not isinstance(result.fidelity, Missing)
    for name, measured in result.fidelity.items():
        for key, value in measured.figures.items():
            (row,) = (row for row in all_rows("fidelity", medium) if key in next(iter(row.values())).split())
            if isinstance(value, Missing):
                assert row[name].startswith(DASH)
            else:
                number = NUMBER.match(row[name])
                assert number and float(number[0]) == pytest.approx(value.value, abs=5e-5)


@pytest.mark.parametrize("medium", MEDIA)
def test_a_fidelity_figure_of_some_contestants_is_a_dash_for_the_others(medium: str) -> None:
    result = documents()["fidelity"]
    assert not isinstance(result.fidelity, Missing)
    (name, measured), *_ = result.fidelity.items()
    key = next(iter(measured.figures))
    rest = {other: value for other, value in measured.figures.items() if other != key}
    changed = replace(result, fidelity={**result.fidelity, name: replace(measured, figures=rest)})
    tables = media(changed)[medium].tables
    (row,) = (row for table in tables for row in table if key in next(iter(row.values())).split())
    assert row[name].startswith(DASH)


# Flags


@pytest.mark.parametrize("kind", KINDS)
def test_every_flag_is_in_every_report(kind: str) -> None:
    result = documents()[kind]
    suite = ElementTree.fromstring(junit_report(result)).find("testsuite/system-out")
    assert result.flags and suite is not None and suite.text is not None
    assert suite.text.splitlines() == [clean(flag) for flag in result.flags]
    for flag in result.flags:
        for medium in MEDIA:
            assert visible_text(flag) in visible_text(renderings(kind)[medium].words), medium


@pytest.mark.parametrize(("better", "is_bound", "arrow"), [
    ("higher", False, "↑"), ("lower", False, "↓"), (None, False, ""), ("higher", True, "≥"),
])  # fmt: skip
def test_a_heading_points_towards_the_better_values(better: Better, is_bound: bool, arrow: str) -> None:
    entry = CELL_FIGURES["auc"]
    changed = CellFigure(
        compute=entry.compute, label="Long", short="L", meaning="", range=(0, 1), better=better, unit="nats",
        is_bound=is_bound,
    )  # fmt: skip
    assert changed.heading().split(", ")[0].split() == ["Long", *arrow]
    assert changed.heading().endswith(", nats") and changed.heading(short=True).split() == ["L", *arrow]
