"""Reports of many contestants are bounded: what has a line for every two of them is left out, and said."""

from __future__ import annotations

import re
from functools import cache

import pytest
from classed import with_classes
from reading_reports import Page, media, printed, visible_text
from referee_records import refereed, referees_of
from report_documents import documents

from gancross import Result
from gancross.report import formatting
from gancross.report.browser.html import html_report
from gancross.report.text import crowds, first_screen, markdown
from gancross.report.text.junit import cases
from gancross.report.text.referee_texts import difference_text
from gancross.report.text.sections import SECTIONS, absence

LEFT_OUT = "too many to be shown two by two; in the record"


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "MOST_PAIRED", 4)
    monkeypatch.setattr(first_screen, "MOST_PAIRED", 4)


@pytest.mark.usefixtures("few_are_many")
def test_the_page_says_what_it_leaves_out_and_has_neither_curves_nor_pairs() -> None:
    result = documents()["five"]
    page = html_report(result)
    paired = [section for section in SECTIONS if section.paired and not absence(section, result)]
    assert len(paired) >= 5
    for section in paired:
        body = page.partition(f'<h2 id="{section.key}-title">')[2].partition("<h2 ")[0]
        assert f"{section.paired} of 5 contestants: {LEFT_OUT}".lower() in body.lower()
        assert "<table" not in body and "<svg" not in body
    assert page.count("Cross-testing FP") == 0  # in the cards; the matrix of the cross-test has them
    matrix = page.partition('<h2 id="cross-title">')[2].partition("</table>")[0]
    assert len(re.findall(r'<td class="heat', matrix)) == 25


@pytest.mark.usefixtures("few_are_many")
def test_the_terminal_has_a_line_a_contestant_and_says_what_it_leaves_out() -> None:
    result = documents()["five"]
    text = " ".join(printed(result).split())
    assert f"FP of 5 contestants: {LEFT_OUT}, and in the HTML report." in text
    assert f"Verdicts of 5 contestants: {LEFT_OUT}." in text
    screen = [line.plain for line in first_screen.first_screen(result, width=80)]
    assert "and 1 more: -v or the record" in screen
    assert screen[-1].startswith(first_screen.MORE) and first_screen.ALL not in " ".join(screen)
    assert sum(re.match(r"\d[ *]+model \d", line) is not None for line in screen) == 4


def test_as_many_as_are_paired_are_shown_whole() -> None:
    result = documents()["five"]
    for text in (html_report(result), printed(result)):
        assert LEFT_OUT not in " ".join(text.split())


@pytest.mark.usefixtures("few_are_many")
def test_a_comment_names_the_page_for_what_the_page_has(monkeypatch: pytest.MonkeyPatch) -> None:
    result = documents()["five"]
    monkeypatch.setattr(markdown, "LONGEST", 0)
    in_both, in_the_record = (
        line for line in markdown.markdown_report(result).split("\n") if "Too long" in line
    )
    assert in_both.startswith("Too long for a comment, in the record and in the HTML report: ")
    assert "Matrices and figures" in in_both and "Verdicts with their reasons" not in in_both
    assert in_the_record.startswith("Too long for a comment, in the record: ")
    assert "Verdicts with their reasons" in in_the_record and "Beside the threshold" in in_the_record


@cache
def with_everything() -> Result:
    """Five contestants with referees and figures by class."""
    return with_classes(refereed(documents()["five"], n=200), n=400, worse=[3])


def words(result: Result) -> dict[str, str]:
    """What every report says."""
    found = {medium: visible_text(rendering.words) for medium, rendering in media(result).items()}
    return found | {"JUnit": " ".join(f"{case.name}: {case.detail}" for case in cases(result))}


@cache
def of_few() -> dict[str, str]:
    return words(with_everything())


@cache
def of_many() -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "MOST_PAIRED", 4)
        return words(with_everything())


LEFT_OUT_OF = {
    "console": ["FP", "Verdicts", "Comparisons by referees", "Figures by class"],
    "Markdown": ["Comparisons by referees and their cross-test", "Figures by class"],
    "HTML": ["Comparisons by referees", "Figures by class", "Verdicts", "Tests"],
    "notebook": ["Verdicts, comparisons by referees and figures beside the threshold"],
    "JUnit": ["verdicts"],
}


@pytest.mark.parametrize("medium", LEFT_OUT_OF)
def test_comparisons_and_classes_of_many_have_a_sentence_in_their_place(medium: str) -> None:
    result, few, many = with_everything(), of_few()[medium], of_many()[medium]
    differences = [difference_text(comparison) for comparison in referees_of(result).comparisons]
    assert all(text in few for text in differences) or medium == "JUnit"
    assert LEFT_OUT not in few
    for what in LEFT_OUT_OF[medium]:
        assert f"{what} of 5 contestants: {LEFT_OUT}" in many
    assert not any(text in many for text in differences)
    assert not any(f"{pair.a} against {pair.b}" in many for pair in result.pairs)
    assert len(many) < len(few)


@pytest.mark.usefixtures("few_are_many")
def test_what_many_contestants_have_one_by_one_stays() -> None:
    result = with_everything()
    page = Page(html_report(result))
    headings = ["".join(table[0]) for table in page.tables if table]
    assert not any("n of test data" in heading for heading in headings)
    assert sum("referees of →" in heading for heading in headings) == 1
    for name, figures in referees_of(result).contestants.items():
        assert name in page.words and formatting.number(figures.detectability.value) in page.words
    groups = [case.group for case in cases(result)]
    assert (groups.count("verdict"), groups.count("samples")) == (1, 5) and groups.count("referees") > 3
