"""The curve of G over the level of noise: the record's numbers, told apart for many, within the picture."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from reading_reports import Page
from referee_records import referee_record
from report_documents import documents

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.records import Referees
from gancross.report.browser.html import html_report
from gancross.report.charts.ladder_chart import MOST_BANDS, ladder_chart, log_ticks
from gancross.report.charts.svg import BOTTOM, LEFT, RIGHT, TOP


def corners(path: str) -> list[tuple[float, float]]:
    """The corners of a path of straight lines."""
    points: list[tuple[float, float]] = []
    for kind, x, y in re.findall(r"([MLHV])([0-9.-]+)(?: ([0-9.-]+))?", path):
        last_x, last_y = points[-1] if points else (0.0, 0.0)
        points.append((last_x, float(x)) if kind == "V" else (float(x), float(y) if y else last_y))
    return points


def referees(**options: int) -> Referees:
    record, _ = referee_record({"fine": 0.5, "coarse": 3.0}, n=80, **options)  # type: ignore[arg-type]
    return record


def test_lines_and_bands_are_the_records_numbers() -> None:
    record = referees()
    chart = ladder_chart(record)
    bottom, top = chart.ys[0].at, chart.ys[-1].at
    low, high = float(chart.ys[0].text), float(chart.ys[-1].text)

    def g_at(y: float) -> float:
        return low + (bottom - y) / (bottom - top) * (high - low)

    ends = math.log(record.protocol.sigmas[0]), math.log(record.protocol.sigmas[-1])
    for stroke, figures in zip(chart.strokes, record.contestants.values(), strict=False):
        points, band = corners(stroke.path), corners(stroke.band)
        assert len(band) == 2 * len(points) == 2 * len(figures.rungs)
        for (x, y), upper, lower, rung in zip(
            points, band, reversed(band), figures.rungs, strict=False
        ):  # fmt: skip
            share = (math.log(rung.sigma) - ends[0]) / (ends[1] - ends[0])
            assert x == pytest.approx(LEFT + share * (RIGHT - LEFT), abs=0.02)
            assert g_at(y) == pytest.approx(rung.g.value, abs=2e-3)
            assert (g_at(upper[1]), g_at(lower[1])) == pytest.approx((rung.g.high, rung.g.low), abs=2e-3)
            assert TOP <= upper[1] <= y <= lower[1] <= BOTTOM
    assert chart.level is not None and g_at(chart.level.at) == pytest.approx(0.5, abs=2e-3)


def test_controls_are_grey_dashed_and_last() -> None:
    record = referees()
    chart = ladder_chart(record)
    assert [stroke.label for stroke in chart.strokes] == ["fine", "coarse", "null control", "power control"]
    for stroke in chart.strokes[2:]:
        assert stroke.colour == "real" and stroke.dash and stroke.marker and not stroke.band
    assert not any(stroke.dash for stroke in chart.strokes[:2])
    none = Missing("too few reals")
    without = replace(record, controls=replace(record.controls, null=none, power=none))
    assert [stroke.label for stroke in ladder_chart(without).strokes] == ["fine", "coarse"]


def test_many_contestants_are_told_apart_without_colour_alone() -> None:
    record, _ = referee_record({f"m{i}": 0.2 * i for i in range(12)}, n=40, rungs=4)
    strokes = ladder_chart(record).strokes
    looks = {(stroke.colour, stroke.dash, stroke.marker) for stroke in strokes}
    assert len(looks) == len(strokes) == 14


def test_bands_that_would_hide_each_other_are_left_out() -> None:
    few, many = (
        ladder_chart(referee_record({f"m{i}": 0.2 * i for i in range(count)}, n=40, rungs=4)[0])
        for count in (MOST_BANDS, MOST_BANDS + 1)
    )
    assert few.banded and sum(bool(stroke.band) for stroke in few.strokes) == MOST_BANDS
    assert not many.banded and not any(stroke.band for stroke in many.strokes)


def test_one_rung_alone_is_drawn() -> None:
    chart = ladder_chart(referees(rungs=1))
    assert all(corners(stroke.path) for stroke in chart.strokes) and len(chart.rows) == 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1 / 255, 27.7, [0.01, 0.1, 1, 10]), (0.01, 4.0, [0.01, 0.1, 1]),
        (0.3, 4.0, [0.5, 1, 2]), (1.0, 1.5, [1]),
    ],
)  # fmt: skip
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(expected)


def test_the_picture_has_a_name_its_numbers_and_a_line_at_one_half() -> None:
    result = documents()["refereed"]
    page = Page(html_report(result))
    first = next(svg for svg in page.of("svg") if svg.get("class") == "plot")
    assert first["role"] == "img" and first["aria-label"].startswith("G = 2·AUC − 1 of the referees")
    assert all(name in first["aria-label"] for name in [*result.names, "null control", "power control"])
    assert "G = ½" in page.words
    assert len([path for path in page.of("path") if path.get("class", "").startswith("band")]) == 2
