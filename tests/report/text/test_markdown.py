"""Markdown: tables that render, and every text of the record as it is."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reading_reports import Page, rendered
from referee_records import refereed
from report_documents import HOSTILE, KINDS, LONG, ODD, documents
from screen_results import long_name, renamed, with_fid

from gancross import Result
from gancross.report.formatting import clean
from gancross.report.text.markdown import LONGEST, markdown_report
from gancross.report.text.markdown_tables import escaped
from gancross.report.text.sections import SECTIONS
from gancross.report.text.verdict_sentences import verdict_sentences


@cache
def refereed_of(count: int, *, rungs: int = 12) -> Result:
    """Of so many contestants with long names, with referees, FID and more flags than are shown."""
    few = documents()["two" if count <= 2 else "five"]
    result = refereed(few, [0.3, 0.5, 0.8, 1.6, 3.0][: len(few.names)], rungs=rungs)
    flags = [f"'{name}' is blind: it calls more than half of uniform noise real" for name in "abcdef"]
    named = renamed(result, [long_name(number) for number in range(count)])
    return replace(with_fid(named), flags=(*result.flags, *flags))


def before_the_folds(text: str) -> list[str]:
    return text.split("<details>", maxsplit=1)[0].splitlines()


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9, 16, 17, 32])
def test_at_most_forty_lines_stand_before_the_first_fold(count: int) -> None:
    result = refereed_of(count)
    text = markdown_report(result)
    lines = before_the_folds(text)
    assert len(lines) <= 40 and len(text) <= LONGEST + 500
    for number, sentence in enumerate(verdict_sentences(result)):
        assert lines[2 + 2 * number] == f"**{escaped(sentence)}**"
    page = Page(rendered("\n".join(lines)))
    heads = [list(table[0]) for table in page.tables]
    curve = [head for head in heads if head[0] == "σ"]
    assert [len(head) for head in curve] == ([13] if count <= 4 else [])
    assert any("predicted" in head for head in heads) == (count == 2)
    assert any(head == ["#", *map(str, range(1, count + 1))] for head in heads) == (2 < count <= 8)
    (figures,) = (table for table in page.tables if "FID ↓" in table[0])
    assert len(figures) == min(count, 16)
    flags = [line for line in lines if line.startswith("> - ")]
    assert 3 <= len(flags) <= 6 and re.fullmatch(r"> - and \d+ more below", flags[-1])
    for flag in result.flags:
        assert f"- {escaped(flag)}" in text


@pytest.mark.parametrize("kind", KINDS)
def test_few_contestants_of_every_kind_fit_too(kind: str) -> None:
    assert len(before_the_folds(markdown_report(documents()[kind]))) <= 40


def test_what_is_too_long_for_a_comment_is_named() -> None:
    whole, cut = markdown_report(refereed_of(3)), markdown_report(refereed_of(32))
    assert "Too long for a comment" not in whole
    note = cut.strip().splitlines()[-1]
    assert note.startswith("Too long for a comment, in the record and in the HTML report: ")
    for section in SECTIONS:
        if section.markdown is not None and section.markdown(refereed_of(32)):
            assert (section.title in note) != (f"<summary>{section.title}</summary>" in cut)
    assert "Protocol and command" not in note and len(cut) < 65_536


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_is_a_verdict_then_tables_of_one_width(kind: str) -> None:
    text = markdown_report(documents()[kind])
    assert text.startswith("## Cross-test: ")
    head = "\n".join(before_the_folds(text))
    assert "named" in head or "no verdict" in head or "nearer to the data" in head
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    assert len(blocks) >= 3
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert text.count("<details>") == text.count("</details>") >= 2
    assert rendered(text).count("<table>") == len(blocks)
    for flag in documents()[kind].flags:
        assert escaped(flag) in text


@pytest.mark.parametrize("name", [HOSTILE, ODD, LONG])
def test_markdown_shows_names_as_text(name: str) -> None:
    page = rendered(markdown_report(documents()["hostile"]))
    assert "<script" not in page and "<a href" not in page and "<em>@" not in page
    assert not re.search(r"@\w|www\.|#\d", re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL))


@given(st.text(max_size=40))
def test_an_escaped_text_is_one_line_that_renders_as_itself(text: str) -> None:
    page = rendered(f"x {escaped(text)} x")
    assert page.startswith("<p>x ") and page.endswith(" x</p>\n") and page.count("\n") == 1
    inner = re.sub(
        "&(amp|lt|gt|quot);", lambda m: {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}[m[1]], page[5:-7]
    )
    assert "<" not in re.sub("&lt;", "", page[3:-5])
    hidden = "[\u2060\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"
    assert re.sub(hidden, "", inner).split() == re.sub(hidden, "", clean(text)).split()


@given(st.text(alphabet="-+#=1.) \nab>|", max_size=12))
@example("11) a")
@example("- a")
@example("# a")
def test_an_escaped_text_starts_no_list_no_heading_no_cell(text: str) -> None:
    page = rendered(f"- {escaped(text)}\n\n| a |\n| --- |\n| {escaped(text)} |\n")
    assert page.count("<li>") == 1 and page.count("<td>") == 1 and "<h" not in page
