"""The pictures of the page, drawn from its records and, for samples, from run folders."""

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
from reproduction.tables import by

Plain = dict[str, Any]
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
    """One of the paper's figures, from the first run of each method that belongs there; none if none does."""
    begun = [run for run in records.begun(spec, out) if SHEETS[sheet](run.recipe)]
    if not begun:
        return
    longest = max(run.recipe.steps for run in begun)
    shown: dict[str, SavedRun] = {}
    for run in begun:
        if run.recipe.steps == longest:
            method = records.label(run.recipe)
            saved = saved_run(run_folder(out, run), method if sheet in OF_METHODS else None)
            shown.setdefault(f"{architecture(run.recipe)}, {method}", saved)
    drawn = figure(Request(name=sheet, runs=list(shown.values()), device=records.CPU))
    write(target, render(drawn, "png"))


def stability(record: Plain, target: Path) -> None:
    """A strip for every run along training: how many samples lie at a mode, and the margin."""
    runs = [one for some in by(record["runs"], "label").values() for one in some]
    drawn = canvas(11.0, 1.3 + 0.27 * len(runs))
    left, right = drawn.subplots(1, 2, sharey=True)
    scales = (
        (left, "within_0.1", "share of samples within 0.1 of a mode", Normalize(0, 1), "viridis"),
        (right, "margin", "margin: mean score of reals − of samples", LogNorm(0.01, 30), "magma_r"),
    )  # fmt: skip
    for axes, key, title, scale, colours in scales:
        for place, one in enumerate(runs):
            edges, height = [0, *one["curves"]["step"]], [place - 0.42, place + 0.42]
            values = [[max(value, 0.01) for value in one["curves"][key]]]  # lower ones have no logarithm
            axes.pcolormesh(edges, height, values, norm=scale, cmap=colours)
        axes.set(xlabel="step", ylim=(len(runs) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k")
        axes.set_title(title, fontsize=10)
        drawn.colorbar(ScalarMappable(norm=scale, cmap=colours), ax=axes, pad=0.02)
    left.set_yticks(range(len(runs)), [f"{one['label']}, seed {one['seed']}" for one in runs], fontsize=8)
    save(drawn, target)


def against_time(record: Plain, target: Path) -> None:
    """The same share against the time that so many steps take, by the measured cost of one."""
    drawn, (axes,) = stacked(1, width=9.0, height=3.8)
    for one, colour, text in coloured(record["runs"]):
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
    finish(drawn, axes, target)


def lives(record: Plain, target: Path) -> None:
    """Distance from the data and margin along training, a column for every network or rate."""
    facets = list(dict.fromkeys(one["facet"] for one in record["runs"]))
    drawn = canvas(3.1 * len(facets) + 0.8, 5.4)
    grid: Any = drawn.subplots(2, len(facets), sharex="col", sharey="row", squeeze=False)
    for one, colour, text in coloured(record["runs"]):
        above, below = grid[:, facets.index(one["facet"])]
        above.plot(
            one["trace"]["step"], one["trace"]["coarse"], "o-", color=colour, linewidth=1, markersize=3
        )
        below.plot(one["curves"]["step"], one["curves"]["margin"], color=colour, linewidth=1, label=text)
    for place, facet in enumerate(facets):
        grid[0, place].axhline(record["protocol"]["alive_below"], color="black", linewidth=0.6)
        grid[0, place].set(yscale="log", title=facet)
        grid[1, place].set(yscale="symlog", xlabel="step")
    grid[0, 0].set_ylabel("coarse distance")
    grid[1, 0].set_ylabel("margin")
    drawn.legend(loc="outside lower center", ncols=4, fontsize=8)
    save(drawn, target)


def gaps(record: Plain, target: Path) -> None:
    """How surely every run's discriminator tells training from test reals, along training."""
    drawn, (above, below) = stacked(2, width=9.0, height=6.2)
    for one, colour, text in coloured(record["runs"]):
        found = one["along"]
        above.plot(found["step"], found["gap"], color=colour, linewidth=1, label=text)
        below.plot(found["step"], found["auc"], color=colour, linewidth=1)
    above.axhline(0, color="black", linewidth=0.6)
    below.axhline(0.5, color="black", linewidth=0.6)
    above.set(ylabel="TPR on training − on test reals")
    below.set(xlabel="step", ylabel="AUC, training against test reals")
    finish(drawn, above, target)
