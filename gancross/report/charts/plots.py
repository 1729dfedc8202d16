"""A result's pictures as matplotlib figures, for papers and notebooks; no pyplot, no global state."""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Any

from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.types import Result
from gancross.machine.files import slug
from gancross.machine.garbage import cycles_collected
from gancross.report import formatting
from gancross.report.charts.chart_data import (
    COLOURS,
    NOBODY_JUDGES,
    REAL_COLOUR,
    Line,
    chosen_judge,
    histogram_lines,
    roc_lines,
    threshold,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY, _ = REAL_COLOUR
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v")
MAP = "Blues"
LONGEST_NAME = 28
DARK = 0.55  # of the map, beyond which its numbers are white
FORMATS: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}}  # equal results give equal bytes


def plot_matrix(result: Result) -> Figure:
    """The share of every generator's samples that each judge calls real, as a heat map with intervals.

    Raises:
        UsageError: nobody judges.
    """
    rows, columns = result.names, result.judges
    if not columns:
        raise UsageError(NOBODY_JUDGES)
    axes = _axes(width=2.4 + 1.45 * len(columns), height=1.5 + 0.75 * len(rows))
    grid = [[result.cells[judge, name] for judge in columns] for name in rows]
    rates = [[math.nan if isinstance(cell.fp, Missing) else cell.fp.rate for cell in row] for row in grid]
    axes.imshow(rates, cmap=MAP, vmin=0, vmax=1, aspect="auto")
    axes.set_facecolor("#e8ebee")
    for y, row in enumerate(grid):
        for x, cell in enumerate(row):
            text = f"{formatting.figure(cell.fp)}\n{formatting.interval(cell.fp)}".strip()
            axes.text(
                x, y, text, ha="center", va="center", fontsize=8,
                color="white" if rates[y][x] > DARK else "black", weight="normal" if cell.is_own else "bold",
            )  # fmt: skip
    axes.set_xticks(range(len(columns)), [_short(name) for name in columns], parse_math=False)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows], parse_math=False)
    axes.set(xlabel="judge", ylabel="samples of")
    axes.set_title("Share called real (FP); bold: cross-testing", fontsize=10)
    figure: Figure = axes.figure
    return figure


def plot_histograms(result: Result, judge: str | None = None) -> Figure:
    """A judge's scores of the test data and of every generator's samples, with τ.

    Args:
        judge: whose; the only one where there is one.

    Raises:
        UsageError: no such judge, or several to choose from.
    """
    judge = chosen_judge(result, judge)
    axes = _axes(width=6.0, height=3.8)
    for line in histogram_lines(result, judge):
        xs, ys = zip(*line.points, strict=True)
        if line.style is None:
            axes.fill_between(xs, ys, color=GREY, alpha=0.3, linewidth=0)
        axes.plot(xs, ys, label=_label(line), **_style(line))
    tau = threshold(result, judge)
    if tau is not None:
        axes.axvline(tau, color="black", linewidth=1.2, label=f"τ = {tau:g}")
    axes.set(xlabel="score, high means real", ylabel="share of samples in a bin", ylim=(0, None))
    return _with_legend(axes, judge)


def plot_roc(result: Result, judge: str | None = None) -> Figure:
    """A judge's ROC curves, test data against every generator's samples.

    Args:
        judge: whose; the only one where there is one.

    Raises:
        UsageError: no such judge, or several to choose from.
    """
    judge = chosen_judge(result, judge)
    axes = _axes(width=4.6, height=4.6)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for line in roc_lines(result, judge):
        xs, ys = zip(*line.points, strict=True)
        area = formatting.figure(result.cells[judge, line.label].auc)
        number = line.style or 0
        axes.plot(
            xs, ys, label=f"{_label(line)}, AUC {area}", marker=MARKERS[number % len(MARKERS)],
            markevery=(3 * number + 5, 20), markersize=4, **_style(line),
        )  # fmt: skip
    axes.set(xlabel="FPR", ylabel="TPR", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return _with_legend(axes, judge)


@cycles_collected()
def pictures(result: Result, file_format: str) -> dict[str, bytes]:
    """All pictures of a result by file name, safe for any name of a judge; format `png` or `svg`."""
    figures: dict[str, Figure] = {"matrix": plot_matrix(result)} if result.judges else {}
    for number, judge in enumerate(result.judges, start=1):
        figures[f"histograms-{number:02d}-{slug(judge)}"] = plot_histograms(result, judge)
        figures[f"roc-{number:02d}-{slug(judge)}"] = plot_roc(result, judge)
    return {f"{name}.{file_format}": _saved(figure, file_format) for name, figure in figures.items()}


def _saved(figure: Figure, file_format: str) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    fixed = matplotlib.rc_context({"svg.hashsalt": "gancross", "svg.fonttype": "none"})
    with fixed, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the file's own text has it.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format=file_format, dpi=150, metadata=FORMATS[file_format])
    return buffer.getvalue()


def _axes(*, width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _style(line: Line) -> dict[str, Any]:
    if line.style is None:
        return {"color": GREY, "linewidth": 1.2}
    colour, _ = COLOURS[line.style % len(COLOURS)]
    if line.own:
        return {"color": colour, "linestyle": "-", "linewidth": 2.0}
    dash = DASHES[(line.style + line.style // len(COLOURS)) % len(DASHES)]
    return {"color": colour, "linestyle": dash, "linewidth": 1.5}


def _label(line: Line) -> str:
    return formatting.REAL if line.style is None else _short(line.label) + (" (own)" if line.own else "")


def _short(name: str) -> str:
    """A name short enough for a picture, on one line."""
    line = " ".join(formatting.clean(name).split())
    line = line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
    return f" {line}" if line.startswith("_") else line  # a legend leaves out what begins with "_"


def _with_legend(axes: Any, judge: str) -> Figure:
    axes.set_title(f"Judge {_short(judge)}", fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure: Figure = axes.figure
    return figure
