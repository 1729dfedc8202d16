"""G over the level of noise as shapes for inline SVG: every contestant with its band, controls in grey."""

from __future__ import annotations

import math

from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.records import Referees
from gancross.report.charts.chart_data import COLOURS, ticks
from gancross.report.charts.svg import (
    BOTTOM,
    DASHES,
    LEFT,
    MARKERS,
    RIGHT,
    TOP,
    Chart,
    Scale,
    Stroke,
    Tick,
    marked,
    path,
    scale,
)
from gancross.report.formatting import DASH, figure, interval, noise_level

HALF = 0.5
LEAST_BELOW = -0.1  # a null control strays so far below 0 at least
MOST_BANDS = 6  # contestants; those of more hide each other
EVERY = 3  # rungs from one mark of a line to its next
FEWEST_TICKS = 3
CONTROL_DASHES = ("2 3", "7 4")


def ladder_chart(referees: Referees) -> Chart:
    """G of every contestant over log σ, of few with 95 % bands; the null and the power control; G = ½."""
    whole = [*referees.contestants.items(), *_controls(referees)]
    levels = sorted({rung.sigma for _, figures in whole for rung in figures.rungs})
    lowest = min(rung.g.low for _, figures in whole for rung in figures.rungs)
    bottom = max(-1.0, min(LEAST_BELOW, lowest))
    low, high = math.log(levels[0]), math.log(levels[-1])
    place = scale(low, high if high > low else low + 1, LEFT, RIGHT)
    x, y = (lambda sigma: place(math.log(sigma))), scale(bottom, 1.0, BOTTOM, TOP)
    banded = len(referees.contestants) <= MOST_BANDS
    strokes = [
        _contestant(i, *entry, x, y, banded=banded) for i, entry in enumerate(referees.contestants.items())
    ]
    strokes += [_control(i, *control, x, y) for i, control in enumerate(_controls(referees))]
    return Chart(
        judge=None, strokes=strokes, xs=marked(log_ticks(levels[0], levels[-1]), x),
        ys=marked(ticks(bottom, 1.0), y), rule=None, level=Tick(at=y(HALF), text="G = ½"),
        summary="G = 2·AUC − 1 of the referees over the level of noise σ. "
        + " ".join(_told(name, figures) for name, figures in whole),
        head=["σ", *(name for name, _ in whole)],
        rows=[[noise_level(level), *(_cell(figures, level) for _, figures in whole)] for level in levels],
    )  # fmt: skip


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high]; with twice and five times these where there are too few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        values = [float(f"{factor}e{power}") for power in powers for factor in factors]
        within = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(within) >= FEWEST_TICKS:
            break
    return within


def _controls(referees: Referees) -> list[tuple[str, RefereedContestant]]:
    controls = [("null control", referees.controls.null), ("power control", referees.controls.power)]
    whole = [(name, control.figures) for name, control in controls if not isinstance(control, Missing)]
    labels = referees.controls.labels
    return whole if labels is None else [*whole, ("label control", labels.figures)]


def _contestant(
    i: int, name: str, figures: RefereedContestant, x: Scale, y: Scale, *, banded: bool
) -> Stroke:
    turn = i // len(COLOURS)
    points = [(x(rung.sigma), y(rung.g.value)) for rung in figures.rungs]
    above = [(x(rung.sigma), y(rung.g.high)) for rung in figures.rungs]
    below = [(x(rung.sigma), y(rung.g.low)) for rung in figures.rungs]
    return Stroke(
        label=name, note=f"D {figure(figures.detectability)}", own=False,
        colour=f"c{i % len(COLOURS)}", dash=DASHES[(turn - 1) % len(DASHES)] if turn else "",
        marker=MARKERS[i % len(MARKERS)], path=path(points), marks=points[i % EVERY :: EVERY],
        band=path([*above, *reversed(below)]) + "Z" if banded else "",
    )  # fmt: skip


def _control(i: int, name: str, figures: RefereedContestant, x: Scale, y: Scale) -> Stroke:
    points = [(x(rung.sigma), y(rung.g.value)) for rung in figures.rungs]
    return Stroke(
        label=name, note=f"D {figure(figures.detectability)}", own=False, colour="real",
        dash=CONTROL_DASHES[i % len(CONTROL_DASHES)], marker=MARKERS[-1 - i], path=path(points),
        marks=points[i % EVERY :: EVERY],
    )  # fmt: skip


def _told(name: str, figures: RefereedContestant) -> str:
    first, last = figures.rungs[0], figures.rungs[-1]
    return (
        f"{name}: from {figure(first.g)} at σ {noise_level(first.sigma)} to {figure(last.g)} at σ"
        f" {noise_level(last.sigma)}, mean {figure(figures.detectability)}."
    )


def _cell(figures: RefereedContestant, level: float) -> str:
    g = next((rung.g for rung in figures.rungs if rung.sigma == level), None)
    return DASH if g is None else f"{figure(g)} {interval(g)}"
