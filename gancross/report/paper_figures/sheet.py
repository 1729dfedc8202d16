"""A sheet of labelled panels, image grids or scatter plots, as PNG, SVG or PDF.

All lengths are in pixels at 100 dots per inch; an image grid is drawn pixel by pixel.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.errors import UsageError
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
    """The sheet as a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    geometry = _Geometry.of(sheet)
    if max(geometry.width, geometry.height) >= LONGEST_SIDE:
        raise UsageError(
            f"the figure would be {geometry.width}×{geometry.height} pixels: give a smaller -n or fewer runs"
        )
    figure = Figure(figsize=(geometry.width / DPI, geometry.height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    geometry.draw_heading(figure)
    top = geometry.top
    for row, height in zip(sheet.rows, geometry.heights, strict=True):
        labelled = LABEL if row.labelled else 0
        if row.label:
            geometry.draw_text(
                figure, MARGIN + LABEL / 2, top + labelled + height / 2, _shortened(row.label, height),
                size=LABEL_FONT, rotation=90, va="center",
            )  # fmt: skip
        left = geometry.left
        for panel, width in zip(row.panels, geometry.widths, strict=False):
            if panel is not None:
                geometry.draw_text(
                    figure,
                    left + width / 2,
                    top + labelled - 5,
                    _shortened(panel.label, width),
                    size=LABEL_FONT,
                )
                geometry.draw_panel(figure, panel, left=left, top=top + labelled, width=width)
            left += width + GAP
        top += labelled + height + GAP
    return figure


@dataclass(frozen=True, kw_only=True)
class _Geometry:
    """Sizes and positions, from the top left."""

    width: int
    height: int
    left: int
    top: int
    widths: list[int]
    heights: list[int]
    title: list[str]
    note: list[str]

    @classmethod
    def of(cls, sheet: Sheet) -> _Geometry:
        """Measures a sheet: a column is as wide as its widest panel, a row as high as its highest."""
        columns = max(len(row.panels) for row in sheet.rows)
        widths = [
            max(
                panel.column_width for row in sheet.rows for panel in row.panels[column : column + 1] if panel
            )
            for column in range(columns)
        ]
        heights = [max(panel.size[1] for panel in row.panels if panel) for row in sheet.rows]
        labels = sum(row.labelled for row in sheet.rows)
        left = MARGIN + (LABEL if any(row.label for row in sheet.rows) else 0)
        panels = sum(widths) + GAP * (columns - 1)
        width = max(left + panels + MARGIN, NARROWEST)
        title = textwrap.wrap(sheet.title, int((width - 2 * MARGIN) / TITLE_CHARACTER))
        note = textwrap.wrap(sheet.note, int((width - 2 * MARGIN) / NOTE_CHARACTER))
        top = MARGIN + TITLE_LINE * len(title) + NOTE_LINE * len(note)
        return cls(
            width=width, left=left + (width - left - MARGIN - panels) // 2,
            top=top, height=top + labels * LABEL + sum(heights) + GAP * (len(heights) - 1) + MARGIN,
            widths=widths, heights=heights, title=title, note=note,
        )  # fmt: skip

    def draw_heading(self, figure: Figure) -> None:
        """Draws title and note."""
        middle, top = self.width / 2, MARGIN
        for line in self.title:
            top += TITLE_LINE
            self.draw_text(figure, middle, top - 6, line, size=TITLE_FONT)
        for line in self.note:
            top += NOTE_LINE
            self.draw_text(figure, middle, top - 6, line, size=NOTE_FONT)

    def draw_text(
        self, figure: Figure, x: float, y: float, text: str, *, size: int, rotation: int = 0,
        va: str = "baseline",
    ) -> None:  # fmt: skip
        """Draws a line of text centred at x, without mathtext."""
        figure.text(
            x / self.width, 1 - y / self.height, text, fontsize=size, rotation=rotation, ha="center", va=va,
            parse_math=False,
        )  # fmt: skip

    def draw_panel(self, figure: Figure, panel: Panel, *, left: int, top: int, width: int) -> None:
        """Draws one panel in the middle of its column."""
        panel_width, panel_height = panel.size
        left += (width - panel_width) // 2
        box = (
            left / self.width, 1 - (top + panel_height) / self.height, panel_width / self.width,
            panel_height / self.height,
        )  # fmt: skip
        if isinstance(panel.drawing, torch.Tensor):
            axes: Any = figure.add_axes(box, projection="3d")
            draw_points(axes, panel.drawing, limits=MIXTURE_CUBE, size=3, zoom=1.25)
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.set_ticklabels([])
            return
        axes = figure.add_axes(box)
        axes.imshow(panel.drawing, interpolation="none", aspect="auto")
        axes.set_axis_off()


def _shortened(text: str, length: int) -> str:
    """The text, shortened to a length in pixels."""
    most = max(int(length / CHARACTER), 4)
    return text if len(text) <= most else text[: most - 1] + "…"
