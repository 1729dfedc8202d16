"""One judge's rates of every class as dots with their intervals, for inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gancross.evaluator.estimates import Figure, Interval, Missing, Proportion
from gancross.evaluator.result.types import Result
from gancross.report.charts.chart_data import COLOURS, Point
from gancross.report.charts.class_data import ClassColumn, JudgeTable
from gancross.report.charts.svg import (
    BOTTOM,
    LEFT,
    MARKERS,
    RIGHT,
    TOP,
    Chart,
    Scale,
    Stroke,
    Tick,
    marked,
    scale,
)
from gancross.report.formatting import DASH, REAL, figure, interval, straight

CHARACTER = 7.0  # width of one, in units of the view box
WIDEST_GROUP = 0.7  # of a class's place: its dots beside each other
WIDEST_STEP = 9.0  # between two of them
UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def class_chart(result: Result, table: JudgeTable) -> Chart | None:
    """The share that a judge calls real of each class, of test data and of samples; its AUCs where it decides
    nothing; None where it has neither.
    """
    rates = [column for column in table.columns if column.figure in ("FN", "FP")]
    columns = rates or [column for column in table.columns if column.figure == "AUC"]
    if not columns or not table.numbers:
        return None
    step = (RIGHT - LEFT) / len(table.numbers)
    apart = min(WIDEST_STEP, WIDEST_GROUP * step / len(columns))
    y = scale(0.0, 1.0, BOTTOM, TOP)
    strokes = [
        _stroke(
            result, table.judge, column, y,
            [round(LEFT + step * (i + 0.5) + apart * (place - (len(columns) - 1) / 2), 2)
             for i in range(len(table.numbers))],
        )
        for place, column in enumerate(columns)
    ]  # fmt: skip
    what = "Share called real" if rates else "AUC"
    return Chart(
        judge=table.judge, strokes=strokes, xs=_ticks(table, step), ys=marked(UNIT, y), rule=None,
        summary=f"{what} by class under judge {table.judge}, of {', '.join(map(_label, columns))}, with 95 %"
        " intervals.",
        head=["Class", *(column.heading for column in columns)],
        rows=[
            [f"{number}: {straight(name)}", *(_cell(column.entries[i]) for column in columns)]
            for i, (number, name) in enumerate(zip(table.numbers, table.names, strict=True))
        ],
    )  # fmt: skip


def _stroke(result: Result, judge: str, column: ClassColumn, y: Scale, xs: Sequence[float]) -> Stroke:
    places, marks = list[str](), list[Point]()
    for x, entry in zip(xs, column.entries, strict=True):
        if isinstance(entry, int | Missing):
            continue
        value, (low, high) = _shown(column, entry)
        places.append(f"M{x:g} {y(low):g}V{y(high):g}")
        marks.append((x, y(value)))
    style = 0 if column.samples is None else result.names.index(column.samples)
    return Stroke(
        label=_label(column), note="", own=column.samples == judge, dash="", path="".join(places),
        colour="real" if column.samples is None else f"c{style % len(COLOURS)}", marks=marks,
        marker=MARKERS[-1] if column.samples is None else MARKERS[style % (len(MARKERS) - 1)],
    )  # fmt: skip


def _shown(column: ClassColumn, entry: Figure) -> tuple[float, Interval]:
    """The share called real: 1 − FN of the test data."""
    assert not isinstance(entry, Missing)
    value = entry.rate if isinstance(entry, Proportion) else entry.value
    low, high = entry.ci95
    return (1 - value, (1 - high, 1 - low)) if column.figure == "FN" else (value, (low, high))


def _ticks(table: JudgeTable, step: float) -> list[Tick]:
    """Names where all fit, otherwise the numbers of the classes, as many as fit."""
    texts = [straight(name) for name in table.names]
    if max(map(len, texts)) * CHARACTER > step:
        texts = [str(number) for number in table.numbers]
    every = math.ceil(max(map(len, texts)) * CHARACTER / step)
    return [
        Tick(at=round(LEFT + step * (i + 0.5), 2), text=text)
        for i, text in enumerate(texts) if i % every == 0
    ]  # fmt: skip


def _label(column: ClassColumn) -> str:
    return column.samples or REAL


def _cell(entry: Figure | int) -> str:
    if isinstance(entry, int | Missing):
        return DASH
    return f"{figure(entry)} {interval(entry)}"
