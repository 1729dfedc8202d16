"""The numbers behind every picture of a result, whoever draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gancross.errors import UsageError, unknown_name

Plain = dict[str, Any]
Point = tuple[float, float]

REAL = "test data"


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


def names(document: Plain) -> list[str]:
    """The contestants in the order of the call."""
    return [contestant["name"] for contestant in document["contestants"]]


def judges(document: Plain) -> list[str]:
    """Those that judge, in the order of the call."""
    return [name for name in names(document) if name in document["histograms"]]


def chosen_judge(document: Plain, judge: str | None) -> str:
    """The judge that was asked for; the only one where none was.

    Raises:
        UsageError: no such judge, or several to choose from.
    """
    known = judges(document)
    if judge is None and len(known) == 1:
        return known[0]
    if judge is None:
        raise UsageError(f"several judges: choose one of {', '.join(known)}")
    if judge not in known:
        raise unknown_name("judge", judge, known)
    return judge


def cells(document: Plain) -> dict[tuple[str, str], Plain]:
    """The entries of `cross` by judge and generator."""
    return {(cell["judge"], cell["generator"]): cell for cell in document["cross"]}


def threshold(document: Plain, judge: str) -> float | None:
    """τ on the axis of a judge's histogram, where high means real; None: it decides nothing."""
    contestant = next(one for one in document["contestants"] if one["name"] == judge)
    tau: float | None = contestant["threshold"]
    return tau if tau is None or contestant["orientation"] == "real_high" else -tau


def histogram_lines(document: Plain, judge: str) -> list[Line]:
    """A judge's scores as outlines of steps: share of the samples in each bin, over the score.

    The test data first, then every generator's samples. The outermost bins hold what lies beyond them.
    """
    histogram = document["histograms"][judge]
    edges = histogram["edges"]
    found = [
        Line(label=REAL, style=None, own=False, points=_steps(edges, histogram["real"]))
    ]  # fmt: skip
    for number, name in enumerate(names(document)):
        outline = _steps(edges, histogram["generators"][name])
        found.append(Line(label=name, style=number, own=name == judge, points=outline))
    return found


def roc_lines(document: Plain, judge: str) -> list[Line]:
    """A judge's ROC curve on every generator: TPR over FPR."""
    curves = document["roc"][judge]
    return [
        Line(label=name, style=number, own=name == judge, points=[(x, y) for x, y in curves[name]])
        for number, name in enumerate(names(document))
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
    return [number * step for number in range(first, last + 1)]


def _steps(edges: Sequence[float], counts: Sequence[int]) -> list[Point]:
    total = max(sum(counts), 1)
    shares = [count / total for count in counts]
    points = [(edges[0], 0.0)]
    for left, right, share in zip(edges[:-1], edges[1:], shares, strict=True):
        points += [(left, share), (right, share)]
    return [*points, (edges[-1], 0.0)]
