"""The pictures of the page, drawn from its records and, for samples, from run folders."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gancross.files import write_atomically
from gancross.report.figure_runs import SavedRun, saved_run
from gancross.report.figures import Request, figure
from gancross.report.plots import COLOURS, MAP
from gancross.report.sheet import render
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import Spec
from reproduction import records

Plain = dict[str, Any]
PALETTE = 128
WIDTHS = (1600, 1300, 1050, 850)
LARGEST = 300_000
DPI = 90


def samples(spec: Spec, out: Path, target: Path) -> None:
    """The samples of the longest run of each method along the steps that these runs share, as in Fig. 1."""
    longest = max(run.recipe.steps for run in records.begun(spec, out))
    shown: dict[str, SavedRun] = {}
    for run in records.begun(spec, out):
        if run.recipe.steps == longest:
            text = records.label(run.recipe)
            shown.setdefault(text, saved_run(run_folder(out, run), text))
    several = next(iter(shown.values())).recipe.n_phi > 1
    sheet = figure(
        Request(name="fig6" if several else "fig1", runs=list(shown.values()), device=torch.device("cpu"))
    )
    _write(target, render(sheet, "png"))


def stability(record: Plain, target: Path) -> None:
    """The worst share of samples at a mode in each stretch of the log, and the margin, for every run."""
    drawn, (above, below) = _axes(2, width=9.0, height=6.2)
    for one, colour, text in _coloured(record["runs"]):
        curve = one["curves"]
        above.plot(curve["step"], curve["within_0.1"], color=colour, linewidth=1, label=text)
        below.plot(curve["step"], curve["margin"], color=colour, linewidth=1)
    above.set(ylabel="share within 0.1 of a mode,\nworst of each stretch", ylim=(-0.02, 1.02))
    below.set(ylabel="margin: mean score of reals\n− of samples", xlabel="step", yscale="symlog")
    _finish(drawn, above, target)


def against_time(record: Plain, target: Path) -> None:
    """The same share against the time that so many steps take, by the measured cost of one."""
    drawn, (axes,) = _axes(1, width=9.0, height=3.8)
    for one, colour, text in _coloured(record["runs"]):
        cost = sorted(record["costs"][one["variant"]]["milliseconds"])[1] / 1e3
        curve = one["curves"]
        axes.plot(
            [step * cost for step in curve["step"]],
            curve["within_0.1"],
            color=colour,
            linewidth=1,
            label=text,
        )
    axes.set(
        xlabel="seconds of training on one core", ylabel="share within 0.1 of a mode", ylim=(-0.02, 1.02)
    )
    axes.set_xscale("log")
    _finish(drawn, axes, target)


def heat_maps(record: Plain, target: Path) -> None:
    """FP of every shown step's samples (rows) under every shown step's discriminator (columns)."""
    snapshots = record["snapshots"]
    drawn = Figure(figsize=(5.0 * len(snapshots), 4.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    for place, (variant, cross) in enumerate(snapshots.items(), start=1):
        axes: Any = drawn.add_subplot(1, len(snapshots), place)
        axes.imshow(cross["fp"], cmap=MAP, vmin=0, vmax=1)
        for y, row in enumerate(cross["fp"]):
            for x, value in enumerate(row):
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7,
                          color="white" if value > 0.55 else "black")  # fmt: skip
        ticks = [f"{step / 1000:g}k" for step in cross["steps"]]
        axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
        axes.set_yticks(range(len(ticks)), ticks, fontsize=8)
        axes.set(xlabel="discriminator at step", ylabel="generator at step")
        axes.set_title(f"{variant}: share called real", fontsize=10)
    _save(drawn, target)


def gaps(record: Plain, target: Path) -> None:
    """How surely every run's discriminator tells training from test reals, along training."""
    drawn, (above, below) = _axes(2, width=9.0, height=6.2)
    for one, colour, text in _coloured(record["runs"]):
        found = one["along"]
        above.plot(found["step"], found["gap"], color=colour, linewidth=1, label=text)
        below.plot(found["step"], found["auc"], color=colour, linewidth=1)
    above.axhline(0, color="black", linewidth=0.6)
    below.axhline(0.5, color="black", linewidth=0.6)
    above.set(ylabel="TPR on training − on test reals")
    below.set(xlabel="step", ylabel="AUC, training against test reals")
    _finish(drawn, above, target)


def _coloured(runs: Sequence[Plain]) -> list[tuple[Plain, str, str | None]]:
    """Every run with the colour of its method, and the method's label where it comes first."""
    texts = list(dict.fromkeys(one["label"] for one in runs))
    seen: set[str] = set()
    made = []
    for one in runs:
        text = one["label"]
        made.append((one, COLOURS[texts.index(text) % len(COLOURS)], None if text in seen else text))
        seen.add(text)
    return made


def _axes(rows: int, *, width: float, height: float) -> tuple[Figure, list[Any]]:
    drawn = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn, list(drawn.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def _finish(drawn: Figure, axes: Any, target: Path) -> None:
    axes.legend(fontsize=8, ncols=2)
    _save(drawn, target)


def _save(drawn: Figure, target: Path) -> None:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    _write(target, buffer.getvalue())


def _write(target: Path, content: bytes) -> None:
    """With a palette, and as wide as a repository can bear."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    for width in WIDTHS:
        size = min(width, image.width)
        shown = image.resize((size, round(image.height * size / image.width)), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.quantize(PALETTE, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    write_atomically(target, buffer.getvalue())
