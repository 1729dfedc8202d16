"""The README's picture: one SVG that fetches nothing, with the verdicts and whatever names a record holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pages
import pytest
from ladder_picture import MOST_LETTERS, ladder_picture

import gancross
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.report.browser.samples import read_samples
from gancross.report.text.verdict_sentences import verdict_sentences

SVG = "{http://www.w3.org/2000/svg}"


def test_it_holds_the_verdicts_and_every_grid() -> None:
    result = gancross.load_result(pages.DEMO)
    tree = ElementTree.fromstring(pages.picture())
    lines = [text for text in tree.iter(f"{SVG}text") if text.get("class", "").startswith("verdict")]
    assert " ".join(str(line.text) for line in lines) == " ".join(verdict_sentences(result))
    assert all(len(str(line.text)) <= MOST_LETTERS for line in lines)
    assert len(list(tree.iter(f"{SVG}image"))) == 1 + len(result.names)
    assert {*result.names, "null control"} <= {span.text for span in tree.iter(f"{SVG}tspan")}


def test_it_fetches_nothing_and_follows_the_reader_s_setting() -> None:
    text = pages.picture()
    assert set(re.findall(r'href="(\w+:[^,]*)', text)) == {"data:image/png;base64"}
    assert not re.search(r"url\(|<script|@import", text)
    assert "prefers-color-scheme: dark" in text


def test_names_are_text(tmp_path: Path) -> None:
    record = pages.DEMO.read_text(encoding="utf-8")
    first, *_ = gancross.load_result(pages.DEMO).names
    (tmp_path / "result.json").write_text(record.replace(first, "<b>&amp;"), encoding="utf-8")
    result = gancross.load_result(tmp_path / "result.json")
    grids = read_samples(pages.DEMO, gancross.load_result(pages.DEMO).names)
    tree = ElementTree.fromstring(ladder_picture(result, grids))
    assert "<b>&amp;" in {span.text for span in tree.iter(f"{SVG}tspan")}


def test_a_record_without_referees_or_grids_is_refused() -> None:
    result = gancross.load_result(pages.DEMO)
    with pytest.raises(UsageError, match="needs a record with referees, and its sample grids"):
        ladder_picture(result, [])
    with pytest.raises(UsageError, match="needs a record with referees"):
        ladder_picture(replace(result, referees=Missing("none")), read_samples(pages.DEMO, result.names))


def test_a_command_that_fails_stops_the_renewal() -> None:
    with pytest.raises(RuntimeError, match="exit code 2"):
        pages.printed("gancross report docs/no-such-file.json")
