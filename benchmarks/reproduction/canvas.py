"""Drawing and writing the pictures of the page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gancross.machine.files import write_atomically
from gancross.report.charts.chart_data import COLOURS
from gancross.report.charts.plots import MAP
from reproduction.record import Record

PALETTE = 128
WIDTHS = (1600, 1300, 1050, 850)
LARGEST = 300_000
DPI = 90


def canvas(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    picture = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(picture)
    return picture


def shares(axes: Any, rows: Sequence[Sequence[float]]) -> None:
    """Draws a heat map of rates with the number in each cell; NaN stays empty."""
    axes.imshow(rows, cmap=MAP, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if not isnan(value):
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=8,
                          color="white" if value > 0.55 else "black")  # fmt: skip


def coloured(runs: Sequence[Record]) -> list[tuple[Record, str, str | None]]:
    """Every run with the colour of its method, and the method's label at its first run, else None."""
    texts = list(dict.fromkeys(run["label"] for run in runs))
    labelled: set[str] = set()
    entries = []
    for run in runs:
        text = run["label"]
        colour, _ = COLOURS[texts.index(text) % len(COLOURS)]
        entries.append((run, colour, None if text in labelled else text))
        labelled.add(text)
    return entries


def stacked(rows: int, *, width: float, height: float) -> tuple[Figure, list[Any]]:
    picture = canvas(width, height)
    return picture, list(picture.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def finish(picture: Figure, axes: Any, target: Path) -> None:
    axes.legend(fontsize=8, ncols=2)
    save(picture, target)


def save(picture: Figure, target: Path) -> None:
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png")
    write(target, buffer.getvalue())


def write(target: Path, content: bytes) -> None:
    """Writes a picture with a palette, at the largest width that keeps the file small."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    for width in WIDTHS:
        size = min(width, image.width)
        resized = image.resize((size, round(image.height * size / image.width)), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        resized.quantize(PALETTE, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    write_atomically(target, buffer.getvalue())
