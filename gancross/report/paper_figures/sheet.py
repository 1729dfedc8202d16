"""A sheet of labelled panels, image grids or scatter plots, as PNG, SVG or PDF.

All lengths are in pixels at 100 dots per inch; an image grid is drawn pixel by pixel.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import UsageError
from gancross.machine.garbage import cycles_collected
from gancross.pictures import MIXTURE_CUBE, draw_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = NDArray[np.uint8] | torch.Tensor  # the pixels of a grid, or points (N, 3)

DPI = 100
VECTOR_DPI = 200  # of the dots within SVG and PDF
LONGEST_SIDE = 1 << 16  # pixels, the limit of Agg
POINTS_SIDE = 260  # of a scatter plot
MARGIN, GAP = 16, 14
LABEL, TITLE_LINE, NOTE_LINE = 24, 24, 18
CHARACTER, TITLE_CHARACTER, NOTE_CHARACTER = 8.2, 10.0, 7.2  # mean widths at the font sizes below
LABEL_FONT, TITLE_FONT, NOTE_FONT = 11, 13, 9
NARROWEST = 540
WIDEST_LABEL = 180
FORMATS: dict[str, dict[str, None]] = {
    "png": {},
    "svg": {"Date": None},  # the same figure gives the same bytes
    "pdf": {"CreationDate": None},
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One drawing and the label above it; `points_side` is the size of a scatter plot."""

    label: str
    drawing: Drawing
    points_side: int = POINTS_SIDE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the drawing."""
        if isinstance(self.drawing, torch.Tensor):
            return self.points_side, self.points_side
        return self.drawing.shape[1], self.drawing.shape[0]

    @property
    def column_width(self) -> int:
        """Width of the column: the drawing's, or the label's up to a limit if that is wider."""
        return max(self.size[0], min(int(len(self.label) * CHARACTER), WIDEST_LABEL))


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels side by side, None for an empty one; the label is at the left, rotated."""

    label: str
    panels: Sequence[Panel | None]

    @property
    def labelled(self) -> bool:
        """Whether any panel has a label."""
        return any(panel is not None and panel.label for panel in self.panels)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Content of a figure; the note is printed small under the title."""

    title: str
    note: str
    rows: Sequence[Row]


@cycles_collected()
def render(sheet: Sheet, file_format: str) -> bytes:
    """The sheet as a file of the format `png`, `svg` or `pdf`.

    Raises:
        UsageError: the sheet exceeds the largest picture.
    """
    import matplotlib

    figure = to_figure(sheet)
    buffer = io.BytesIO()
    dpi = DPI if file_format == "png" else VECTOR_DPI
    with matplotlib.rc_context({"svg.hashsalt": "gancross"}):
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata=FORMATS[file_format])
    return buffer.getvalue()


def to_figure(sheet: Sheet) -> Figure:
    """The sheet as a matplotlib figure; the widest panel of a column, the highest of a row, set its size.

    Raises:
        UsageError: the sheet exceeds the largest picture.
    """
    columns = zip_longest(*(row.panels for row in sheet.rows))
    widths = [max(panel.column_width for panel in column if panel) for column in columns]
    heights = [max(panel.size[1] for panel in row.panels if panel) for row in sheet.rows]
    margin = MARGIN + (LABEL if any(row.label for row in sheet.rows) else 0)
    panels = sum(widths) + GAP * (len(widths) - 1)
    width = max(margin + panels + MARGIN, NARROWEST)
    inner = width - 2 * MARGIN
    heading = [
        *(
            (line, TITLE_FONT, TITLE_LINE)
            for line in textwrap.wrap(sheet.title, int(inner / TITLE_CHARACTER))
        ),
        *((line, NOTE_FONT, NOTE_LINE) for line in textwrap.wrap(sheet.note, int(inner / NOTE_CHARACTER))),
    ]
    labels = sum(row.labelled for row in sheet.rows)
    top = MARGIN + sum(line_height for _, _, line_height in heading)
    canvas = _Canvas(width, top + labels * LABEL + sum(heights) + GAP * (len(heights) - 1) + MARGIN)
    baseline = MARGIN - 6
    for line, size, line_height in heading:
        baseline += line_height
        canvas.text(width / 2, baseline, line, size=size)
    for row, height in zip(sheet.rows, heights, strict=True):
        top += LABEL if row.labelled else 0
        if row.label:
            middle = MARGIN + LABEL / 2, top + height / 2
            canvas.text(*middle, _shortened(row.label, height), rotation=90, va="center")
        left = margin + (width - margin - MARGIN - panels) // 2
        for panel, column_width in zip(row.panels, widths, strict=False):
            if panel is not None:
                canvas.text(left + column_width / 2, top - 5, _shortened(panel.label, column_width))
                canvas.panel(panel, left + (column_width - panel.size[0]) // 2, top)
            left += column_width + GAP
        top += height + GAP
    return canvas.figure


class _Canvas:
    """A matplotlib figure measured in pixels from its top left corner."""

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if max(width, height) >= LONGEST_SIDE:
            raise UsageError(f"the figure would be {width}×{height} pixels: give a smaller -n or fewer runs")
        self._width, self._height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def text(
        self, x: float, y: float, text: str, *, size: int = LABEL_FONT, rotation: int = 0,
        va: str = "baseline",
    ) -> None:  # fmt: skip
        """Draws a line of text centred at x, without mathtext."""
        self.figure.text(
            x / self._width, 1 - y / self._height, text, fontsize=size, rotation=rotation, ha="center", va=va,
            parse_math=False,
        )  # fmt: skip

    def panel(self, panel: Panel, left: int, top: int) -> None:
        """Draws a panel below and to the right of this point."""
        width, height = panel.size
        box = (
            left / self._width, 1 - (top + height) / self._height, width / self._width, height / self._height
        )  # fmt: skip
        if isinstance(panel.drawing, torch.Tensor):
            axes: Any = self.figure.add_axes(box, projection="3d")
            draw_points(axes, panel.drawing, limits=MIXTURE_CUBE, size=3, zoom=1.25)
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.set_ticklabels([])
            return
        axes = self.figure.add_axes(box)
        axes.imshow(panel.drawing, interpolation="none", aspect="auto")
        axes.set_axis_off()


def _shortened(text: str, length: int) -> str:
    """The text, shortened to a length in pixels."""
    most = max(int(length / CHARACTER), 4)
    return text if len(text) <= most else text[: most - 1] + "…"
