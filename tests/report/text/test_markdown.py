"""Markdown: tables that render, and every text of the record as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reading_reports import rendered
from report_documents import HOSTILE, KINDS, LONG, ODD, documents

from gancross.report.formatting import clean
from gancross.report.text.markdown import markdown_report
from gancross.report.text.markdown_tables import escaped


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_is_a_verdict_then_tables_of_one_width(kind: str) -> None:
    text = markdown_report(documents()[kind])
    assert text.startswith("## Cross-test: ")
    head = text.split("###")[0]
    assert "named" in head or "no verdict" in head
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
