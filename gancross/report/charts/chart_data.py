"""The numbers behind every picture of a result, whoever draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gancross.errors import UsageError, unknown_name
from gancross.evaluator.result.types import Result
from gancross.report.formatting import REAL

Point = tuple[float, float]

# One colour per contestant, on white and on a dark page; told apart with any colour vision, and dark (light)
# enough for thin lines. More contestants repeat them with the next dash.
COLOURS = (
    ("#0063a6", "#6db6f2"), ("#c04a00", "#ff9d5c"), ("#007a59", "#3ecfa3"), ("#9c3f74", "#f093c8"),
    ("#8a6500", "#e0b93d"), ("#5b4bb7", "#b3a7ff"), ("#a3261f", "#ff8f87"),
)  # fmt: skip
NOBODY_JUDGES = "no contestant has a discriminator, so nobody judges"
REAL_COLOUR = ("#69737e", "#98a3ae")  # of the test data


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a picture.

    Attributes:
        label: whose samples; the test data's is `REAL`.
        style: number of the contestant in the order of the call, which keeps its colour in every picture;
            None: the test data.
        own: whether the samples are the judge's own generator's.
        points: (x, y) from left to right.
    """

    label: str
    style: int | None
    own: bool
    points: Sequence[Point]


def chosen_judge(result: Result, judge: str | None) -> str:
    """The judge of that name; the only one where none is given.

    Raises:
        UsageError: no such judge, several to choose from, or none at all.
    """
    judges = result.judges
    if not judges:
        raise UsageError(NOBODY_JUDGES)
    if judge is None and len(judges) == 1:
        return judges[0]
    if judge is None:
        raise UsageError(f"several judges: choose one of {', '.join(judges)}")
    if judge not in judges:
        raise unknown_name("judge", judge, judges)
    return judge


def threshold(result: Result, judge: str) -> float | None:
    """τ on the axis of a judge's histogram, where high means real; None: it decides nothing."""
    return next(entry for entry in result.contestants if entry.name == judge).real_high_threshold


def histogram_lines(result: Result, judge: str) -> list[Line]:
    """A judge's scores as outlines of steps: share of the samples in each bin, over the score.

    The test data first, then every generator's samples. The outermost bins hold what lies beyond them.
    """
    histogram = result.histograms[judge]
    lines = [Line(label=REAL, style=None, own=False, points=_steps(histogram.edges, histogram.real))]
    for number, name in enumerate(result.names):
        outline = _steps(histogram.edges, histogram.generators[name])
        lines.append(Line(label=name, style=number, own=name == judge, points=outline))
    return lines


def roc_lines(result: Result, judge: str) -> list[Line]:
    """A judge's ROC curve on every generator: TPR over FPR."""
    return [
        Line(label=name, style=number, own=name == judge, points=result.roc[judge][name])
        for number, name in enumerate(result.names)
    ]


def tpr_at(line: Line, fprs: Sequence[float]) -> list[float]:
    """TPR of a ROC curve at given FPRs, on the lines between its points; the upper end of steps."""
    xs, ys = zip(*line.points, strict=True)
    return [float(np.interp(fpr + 1e-12, xs, ys)) for fpr in fprs]


def ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round numbers within [low, high], a step of 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _steps(edges: Sequence[float], counts: Sequence[int]) -> list[Point]:
    total = max(sum(counts), 1)
    shares = [count / total for count in counts]
    points = [(edges[0], 0.0)]
    for left, right, share in zip(edges[:-1], edges[1:], shares, strict=True):
        points += [(left, share), (right, share)]
    return [*points, (edges[-1], 0.0)]
