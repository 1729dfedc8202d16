"""Pictures of the page, from its records and, for samples, from run folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize

from gancross.report.paper_figures.labels import architecture
from gancross.report.paper_figures.layouts import Request, figure
from gancross.report.paper_figures.saved_runs import SavedRun, saved_run
from gancross.report.paper_figures.sheet import render
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import Spec
from reproduction import records
from reproduction.canvas import canvas, coloured, finish, save, stacked, write
from reproduction.record import Record
from reproduction.tables import by

SHEETS: dict[str, Callable[[Recipe], bool]] = {  # which runs each of the paper's figures shows
    "fig1": lambda recipe: recipe.n_phi == 1,
    "fig2": lambda recipe: recipe.regularizer != "none",
    "fig3": lambda recipe: recipe.learning_rate == 2e-4,
    "fig4": lambda recipe: recipe.noise == "none" or (recipe.noise_players == "both" and recipe.nsr == 4),
    "fig6": lambda recipe: recipe.n_phi > 1,
    "fig7": lambda recipe: recipe.regularizer == "none",
    "fig9": lambda recipe: recipe.noise != "none",
}

OF_METHODS = ("fig1", "fig6")  # whose rows are told apart by the whole method, the others by their own words


def samples(spec: Spec, out: Path, sheet: str, target: Path) -> None:
    """Writes one of the paper's figures from the first matching run of each method, if any matches."""
    runs = [run for run in records.started_runs(spec, out) if SHEETS[sheet](run.recipe)]
    if not runs:
        return
    longest = max(run.recipe.steps for run in runs)
    chosen: dict[str, SavedRun] = {}
    for run in runs:
        if run.recipe.steps == longest:
            method = records.label(run.recipe)
            saved = saved_run(run_folder(out, run), method if sheet in OF_METHODS else None)
            chosen.setdefault(f"{architecture(run.recipe)}, {method}", saved)
    sheet_figure = figure(Request(name=sheet, runs=list(chosen.values()), device=records.CPU))
    write(target, render(sheet_figure, "png"))


def stability(record: Record, target: Path) -> None:
    """A strip for every run along training: fraction of samples at a mode, and margin."""
    runs = [run for group in by(record["runs"], "label").values() for run in group]
    picture = canvas(11.0, 1.3 + 0.27 * len(runs))
    quality, margins = picture.subplots(1, 2, sharey=True)
    scales = (
        (quality, "within_0.1", "share of samples within 0.1 of a mode", Normalize(0, 1), "viridis"),
        (margins, "margin", "margin: mean score of reals − of samples", LogNorm(0.01, 30), "magma_r"),
    )  # fmt: skip
    for axes, key, title, scale, colours in scales:
        for row, run in enumerate(runs):
            edges, height = [0, *run["curves"]["step"]], [row - 0.42, row + 0.42]
            values = [[max(value, 0.01) for value in run["curves"][key]]]  # lower ones have no logarithm
            axes.pcolormesh(edges, height, values, norm=scale, cmap=colours)
        axes.set(xlabel="step", ylim=(len(runs) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k")
        axes.set_title(title, fontsize=10)
        picture.colorbar(ScalarMappable(norm=scale, cmap=colours), ax=axes, pad=0.02)
    quality.set_yticks(range(len(runs)), [f"{run['label']}, seed {run['seed']}" for run in runs], fontsize=8)
    save(picture, target)


def against_time(record: Record, target: Path) -> None:
    """The same fraction against time, by the measured cost of a step."""
    picture, (axes,) = stacked(1, width=9.0, height=3.8)
    for run, colour, text in coloured(record["runs"]):
        cost = sorted(record["costs"][run["variant"]]["milliseconds"])[1] / 1e3
        curve = run["curves"]
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
    finish(picture, axes, target)


def lives(record: Record, target: Path) -> None:
    """Distance from the data and margin along training, a column for every network or rate."""
    facets = list(dict.fromkeys(run["facet"] for run in record["runs"]))
    picture = canvas(3.1 * len(facets) + 0.8, 5.4)
    grid: Any = picture.subplots(2, len(facets), sharex="col", sharey="row", squeeze=False)
    for run, colour, text in coloured(record["runs"]):
        above, below = grid[:, facets.index(run["facet"])]
        above.plot(
            run["trace"]["step"], run["trace"]["coarse"], "o-", color=colour, linewidth=1, markersize=3
        )
        below.plot(run["curves"]["step"], run["curves"]["margin"], color=colour, linewidth=1, label=text)
    for column, facet in enumerate(facets):
        grid[0, column].axhline(record["protocol"]["alive_below"], color="black", linewidth=0.6)
        grid[0, column].set(yscale="log", title=facet)
        grid[1, column].set(yscale="symlog", xlabel="step")
    grid[0, 0].set_ylabel("coarse distance")
    grid[1, 0].set_ylabel("margin")
    picture.legend(loc="outside lower center", ncols=4, fontsize=8)
    save(picture, target)


def gaps(record: Record, target: Path) -> None:
    """How well every run's discriminator separates training from test reals, along training."""
    picture, (above, below) = stacked(2, width=9.0, height=6.2)
    for run, colour, text in coloured(record["runs"]):
        curve = run["along"]
        above.plot(curve["step"], curve["gap"], color=colour, linewidth=1, label=text)
        below.plot(curve["step"], curve["auc"], color=colour, linewidth=1)
    above.axhline(0, color="black", linewidth=0.6)
    below.axhline(0.5, color="black", linewidth=0.6)
    above.set(ylabel="TPR on training − on test reals")
    below.set(xlabel="step", ylabel="AUC, training against test reals")
    finish(picture, above, target)
