"""Histograms and ROC curves as shapes for the HTML report's inline SVG; the template draws them.

Lengths are units of the view box; y points down, as in SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gancross.evaluator.result.types import Result
from gancross.report.charts import chart_data
from gancross.report.charts.chart_data import COLOURS, Line, Point, histogram_lines, roc_lines, ticks, tpr_at
from gancross.report.formatting import figure, number

Scale = Callable[[float], float]

WIDTH, HEIGHT = 400, 286
LEFT, RIGHT, TOP, BOTTOM = 48, 390, 40, 246
DASHES = ("7 4", "2 3", "9 3 2 3", "12 4")
MARKERS = (
    "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0Z",  # circle
    "M-3.1-3.1H3.1V3.1H-3.1Z",  # square
    "M0-4L4 3.2H-4Z",  # triangle
    "M0-4.3L4.3 0L0 4.3L-4.3 0Z",  # diamond
    "M-4-3.2H4L0 4Z",  # triangle that points down
)
ROC_MARKS = (0.02, 0.15, 0.4, 0.7)  # FPRs of the first curve
ROC_MOVE = 0.045  # of every further curve's, so that marks do not hide each other
ROC_TABLE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One line as a path; `dash` and `marker` say whose it is without colour, `note` stands in the legend.

    Attributes:
        band: outline of its 95 % band; nothing where it has none.
    """

    label: str
    note: str
    own: bool
    colour: str
    dash: str
    marker: str
    path: str
    marks: list[Point]
    band: str = ""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A place on an axis and its text."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The decision threshold; `at` is None where it lies beyond the axis."""

    at: float | None
    text: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture: shapes, description, and its numbers as a table.

    Attributes:
        judge: whose; None: of no single judge.
        rule: a vertical line.
        level: a horizontal one.
    """

    judge: str | None
    strokes: list[Stroke]
    xs: list[Tick]
    ys: list[Tick]
    rule: Rule | None
    level: Tick | None = None
    summary: str
    head: list[str]
    rows: list[list[str]]

    @property
    def banded(self) -> bool:
        """Whether its lines have bands."""
        return any(stroke.band for stroke in self.strokes)


def histogram_chart(result: Result, judge: str) -> Chart:
    """A judge's scores of the test data and of every generator's samples, with τ."""
    lines = histogram_lines(result, judge)
    histogram = result.histograms[judge]
    edges = histogram.edges
    top = max(y for line in lines for _, y in line.points) * 1.06 or 1.0
    x, y = scale(edges[0], edges[-1], LEFT, RIGHT), scale(0.0, top, BOTTOM, TOP)
    strokes = [_stroke(line, x, y, [max(line.points, key=lambda point: point[1])]) for line in lines]
    tau = chart_data.threshold(result, judge)
    counts = [histogram.real, *(histogram.generators[line.label] for line in lines[1:])]
    rows = [
        [f"{number(low, 3)} to {number(high, 3)}", *(f"{column[i]:,}" for column in counts)]
        for i, (low, high) in enumerate(pairwise(edges))
    ]
    return Chart(
        judge=judge, strokes=strokes,
        xs=marked(ticks(edges[0], edges[-1]), x), ys=marked(ticks(0.0, top), y), rule=_rule(tau, edges, x),
        summary=f"Histogram of the scores of judge {judge}, of the test data and of the samples of"
        f" {', '.join(line.label for line in lines[1:])}."
        + (f" The threshold is {number(tau, 3)}." if tau is not None else " There is no threshold."),
        head=["Score, high means real", *(line.label for line in lines)], rows=rows,
    )  # fmt: skip


def roc_chart(result: Result, judge: str) -> Chart:
    """A judge's ROC curves, test data against every generator's samples."""
    lines = roc_lines(result, judge)
    x, y = scale(0.0, 1.0, LEFT, RIGHT), scale(0.0, 1.0, BOTTOM, TOP)
    notes = {name: figure(result.cells[judge, name].auc) for name in result.names}
    strokes = []
    for line in lines:
        fprs = [fpr + ROC_MOVE * ((line.style or 0) % len(MARKERS)) for fpr in ROC_MARKS]
        marks = list(zip(fprs, tpr_at(line, fprs), strict=True))
        strokes.append(_stroke(line, x, y, marks, note=f"AUC {notes[line.label]}"))
    columns = [tpr_at(line, ROC_TABLE) for line in lines]
    areas = ", ".join(f"{line.label} {notes[line.label]}" for line in lines)
    unit = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    return Chart(
        judge=judge, strokes=strokes, rule=None, xs=marked(unit, x), ys=marked(unit, y),
        summary=f"ROC curves of judge {judge}, the area under them by generator: {areas}.",
        head=["FPR", *(f"TPR on {line.label}" for line in lines)],
        rows=[[f"{fpr:g}", *(number(column[i]) for column in columns)] for i, fpr in enumerate(ROC_TABLE)],
    )  # fmt: skip


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Takes low…high to start…end, units of the view box."""
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 2)


def marked(values: Sequence[float], place: Scale) -> list[Tick]:
    """Values on an axis."""
    return [Tick(at=place(value), text=f"{value:g}") for value in values]


def _stroke(line: Line, x: Scale, y: Scale, marks: Sequence[Point], *, note: str = "") -> Stroke:
    style = line.style or 0
    dash = "" if line.style is None or line.own else DASHES[(style + style // len(COLOURS)) % len(DASHES)]
    points = [(x(a), y(b)) for a, b in line.points]
    return Stroke(
        label=line.label, note=note, own=line.own,
        colour="real" if line.style is None else f"c{style % len(COLOURS)}",
        dash=dash, marker="" if line.style is None else MARKERS[style % len(MARKERS)], path=path(points),
        marks=[(x(a), y(b)) for a, b in marks] if line.style is not None else [],
    )  # fmt: skip


def path(points: Sequence[Point]) -> str:
    """Straight lines, horizontal and vertical ones in short."""
    (px, py), *rest = points
    parts = [f"M{px:g} {py:g}"]
    for qx, qy in rest:
        if (qx, qy) == (px, py):
            continue
        parts.append(f"V{qy:g}" if qx == px else f"H{qx:g}" if qy == py else f"L{qx:g} {qy:g}")
        px, py = qx, qy
    return "".join(parts)


def _rule(tau: float | None, edges: Sequence[float], x: Scale) -> Rule | None:
    if tau is None:
        return None
    text = f"τ = {number(tau, 3) if tau % 1 else f'{tau:g}'}"
    if tau < edges[0]:
        return Rule(at=None, text=f"← {text}", anchor="start")
    if tau > edges[-1]:
        return Rule(at=None, text=f"{text} →", anchor="end")
    anchor = "start" if x(tau) < LEFT + 30 else "end" if x(tau) > RIGHT - 30 else "middle"
    return Rule(at=x(tau), text=text, anchor=anchor)
