"""A figure has the same digits wherever it stands: first screen, all tables, Markdown, HTML, gate, record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from reading_reports import Page, printed, rendered, visible_text
from referee_records import refereed, referees_of
from report_documents import documents
from rich.console import Console
from screen_results import renamed, with_fid

from gancross import Result
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.gate.comparison import gate
from gancross.report import formatting
from gancross.report.browser.html import html_report
from gancross.report.text.figure_table import figure_table
from gancross.report.text.first_screen import first_screen
from gancross.report.text.gate import RATES, gate_table
from gancross.report.text.markdown import markdown_report
from gancross.report.text.referee_texts import half_noise, half_noise_limits
from gancross.report.text.verdict_sentences import verdict_sentences

REPORT = Path(formatting.__file__).parent
TOKEN = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\d)")
WIDE = 300
COLUMNS = {  # of the first screen, and what a gate calls them
    "FN": "fn", "cross FP": "cross-fp", "D ↓": "detectability", "σ½ ↓": "half-detection-noise",
    "FID ↓": "fid", "Fréchet ↓": "fid",
}  # fmt: skip


NAMES = ["two", "three", "vectors", "unrefereed"]


@cache
def results() -> dict[str, Result]:
    five = refereed(documents()["five"], [0.3, 0.5, 0.8, 1.6, 3.0])
    return {
        "two": with_fid(documents()["refereed"]),
        "three": with_fid(renamed(five, ["x-3", "y-1", "z-4"])),
        "vectors": refereed(documents()["fidelity"], [0.9, 2.5], form="vectors"),
        "unrefereed": documents()["two"],
    }  # fmt: skip


@cache
def media(name: str) -> dict[str, str]:
    """What every medium shows, on one line."""
    result = results()[name]
    screen = "\n".join(line.plain for line in first_screen(result, width=WIDE))
    return {
        "screen": visible_text(screen), "-v": visible_text(printed(result)),
        "Markdown": visible_text(Page(rendered(markdown_report(result))).words),
        "HTML": visible_text(Page(html_report(result)).words),
    }  # fmt: skip


def tokens(text: str) -> set[str]:
    return {token.lstrip("+") for token in TOKEN.findall(text)}


def screen_rows(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and cells by heading of every contestant, as the first screen prints them."""
    result = results()[name]
    lines = [line.plain for line in first_screen(result, width=WIDE)]
    start = next(i for i, line in enumerate(lines) if re.match(r"(#\s+)?model\b", line))
    headings = re.split(r"\s{2,}", lines[start].strip())
    for line in lines[start + 1 : start + 1 + len(result.names)]:
        cells = [cell for cell in re.split(r"\s{2,}", line.strip()) if cell not in ("*", "~")]
        row = dict(zip(headings, cells, strict=True))
        yield row["model"], row


Recorded = Callable[[dict[str, Any], str], float | None]


def cross_fp(record: dict[str, Any], name: str) -> float:
    rates: list[float] = [
        cell["fp"]["rate"] for cell in record["cross"] if cell["judge"] == name != cell["generator"]
    ]
    return sum(rates) / len(rates)


def fid(record: dict[str, Any], name: str) -> float:
    figures = record["fidelity"][name]
    (key,) = (key for key in figures if key.startswith("frechet"))
    return float(figures[key]["value"])


RECORDED: dict[str, Recorded] = {
    "FN": lambda record, name: record["confusion"][name]["fn"]["rate"],
    "own FP": lambda record, name: record["confusion"][name]["fp"]["rate"],
    "cross FP": cross_fp,
    "D ↓": lambda record, name: record["referees"]["contestants"][name]["detectability"]["value"],
    "σ½ ↓": lambda record, name: record["referees"]["contestants"][name]["half_detection_noise"]["value"],
    "FID ↓": fid,
    "Fréchet ↓": fid,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_records_values_round_to_the_figures_of_the_screen(name: str) -> None:
    record, seen = results()[name].to_dict(), 0
    for contestant, row in screen_rows(name):
        for heading, text in row.items():
            value = RECORDED[heading](record, contestant) if heading in RECORDED else None
            if value is None:
                assert heading not in RECORDED or not re.search(r"\d", text) or text[0] in "<>"
                continue
            places = len(text.partition(".")[2])
            assert abs(float(text) - value) <= 0.5 * 10.0**-places + 1e-12
            # The paper leaves trailing zeros out; σ½ has three significant digits.
            assert float(text) == pytest.approx(value, rel=5e-3, abs=5e-5), (heading, text, value)
            seen += 1
    assert seen >= 3 * len(results()[name].names)


@pytest.mark.parametrize("medium", ["-v", "Markdown", "HTML"])
@pytest.mark.parametrize("name", NAMES)
def test_figures_of_the_screen_stand_in_every_report_with_the_same_digits(name: str, medium: str) -> None:
    there = tokens(media(name)[medium])
    for contestant, row in screen_rows(name):
        for heading, text in row.items():
            mean = heading == "cross FP" and len(results()[name].names) > 2 and medium == "-v"
            if heading in RECORDED and re.search(r"\d", text) and not mean:  # -v has each, and no mean
                assert text.lstrip("<>") in there, (contestant, heading, text)


@pytest.mark.parametrize("medium", ["Markdown", "HTML"])
@pytest.mark.parametrize("name", NAMES)
def test_the_compact_table_is_that_of_the_screen(name: str, medium: str) -> None:
    result = results()[name]
    page = rendered(markdown_report(result)) if medium == "Markdown" else html_report(result)
    (table, *_) = (table for table in Page(page).tables if "model" in table[0] and "FN" in table[0])
    assert [list(row.values()) for row in table] == [list(row) for row in figure_table(result).rows]
    for (contestant, row), shown in zip(screen_rows(name), table, strict=True):
        assert contestant == shown["model"]
        assert all(shown[heading] == text for heading, text in row.items())


@pytest.mark.parametrize("medium", ["-v", "Markdown", "HTML"])
@pytest.mark.parametrize("name", NAMES)
def test_p_values_and_intervals_have_the_same_digits(name: str, medium: str) -> None:
    result, text = results()[name], media(name)[medium]
    sentences = " ".join(verdict_sentences(result))
    for p in re.findall(r"\(p (\S+?)[ ,)]", sentences):
        assert p in tokens(text), p
    for matrix in result.confusion.values():
        if not isinstance(matrix, Missing) and medium == "HTML":
            assert formatting.interval(matrix.fn) in text
    for cell in result.cross:
        if isinstance(cell.fp, Proportion):
            assert f"{formatting.figure(cell.fp)}" in text and formatting.interval(cell.fp) in text
    if isinstance(result.referees, Missing):
        return
    for figures in result.referees.contestants.values():
        d = figures.detectability
        assert f"{formatting.figure(d)} {formatting.interval(d)}" in text
        assert half_noise(figures) in text and half_noise_limits(figures) in text


@pytest.mark.parametrize("name", NAMES)
def test_a_sentence_says_the_screens_p_in_every_report(name: str) -> None:
    for sentence in verdict_sentences(results()[name]):
        assert all(visible_text(sentence) in text for medium, text in media(name).items() if medium != "-v")


def test_g_has_the_same_digits_in_curve_table_and_description() -> None:
    result = results()["two"]
    page = Page(html_report(result))
    (curve,) = (svg for svg in page.of("svg") if svg.get("aria-label", "").startswith("G = 2·AUC"))
    for name, figures in referees_of(result).contestants.items():
        for rung in (figures.rungs[0], figures.rungs[-1]):
            assert (
                f"{formatting.figure(rung.g)} at σ {formatting.noise_level(rung.sigma)}"
                in curve["aria-label"]
            )
        shown = f"{formatting.figure(figures.detectability)}"
        assert f"mean {shown}" in curve["aria-label"] and f"{name} D {shown}" in page.words
    tables = [table for table in page.tables if "σ" in table[0] and set(result.names) <= set(table[0])]
    levels = [table for table in page.tables if {"σ", "G", "AUC"} <= set(table[0])]
    assert len(tables) == 1 and len(levels) == 4
    for name, by_level in zip([*result.names, "null control", "power control"], levels, strict=True):
        assert [row[name] for row in tables[0]] == [row["G"] for row in by_level]


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_prints_the_digits_of_the_screen(name: str) -> None:
    result = results()[name]
    console = Console(width=WIDE)
    with console.capture() as captured:
        console.print(gate_table(gate(result, result)))
    blocks = re.split(r"(?m)^checkpoint (.*?)\s*$", captured.get())
    by_contestant = dict(zip(blocks[1::2], blocks[2::2], strict=True))
    for contestant, row in screen_rows(name):
        rows = map(str.split, by_contestant[contestant].splitlines())
        lines = {words[0]: words for words in rows if words[1:2] in (["↑"], ["↓"])}
        for heading, metric in COLUMNS.items():
            if heading in row and re.match(r"\d", row[heading]):  # a censored value is not gated
                assert lines[metric][2:4] == [row[heading]] * 2, metric


def test_the_gate_prints_as_rates_what_are_rates() -> None:
    result = results()["two"]
    rates = {entry.metric for entry in gate(result, result).comparisons} & set(RATES)
    assert rates == set(RATES)


# The mechanism

SPECIFIED = re.compile(r"(?::[<>0-9]*[+,]?\.\d+[efg%]|%\.\d|\|format\b)")
ALLOWED = {
    "text/gate.py": 2,  # differences with three significant digits
    "text/junit.py": 1,  # seconds
    "text/referee_checks.py": 1,  # a share of noise, whole per cent
}


def test_a_p_below_what_float64_holds_is_not_printed_as_zero() -> None:
    assert [formatting.p_value(p) for p in (0.0, 5e-324, 1e-300, 3e-5, 1.0)] == [
        "<1e-300", "<1e-300", "1e-300", "3e-05", "1",
    ]  # fmt: skip


def test_only_the_module_of_formats_chooses_digits() -> None:
    """But for what is no figure of a result: coordinates, seconds, differences of a gate."""
    found = {}
    for path in sorted([*REPORT.rglob("*.py"), *REPORT.rglob("*.j2")]):
        place = path.relative_to(REPORT).as_posix()
        count = len(SPECIFIED.findall(path.read_text(encoding="utf-8")))
        if count and place != "formatting.py" and not place.startswith("paper_figures/"):
            found[place] = count
    assert found == ALLOWED
