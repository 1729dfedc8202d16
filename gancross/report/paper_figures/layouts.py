"""The layout of each of the paper's figures: run folders → sheet of panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from gancross.data import mixture
from gancross.errors import UsageError, unknown_name
from gancross.pictures import grid_pixels
from gancross.random_streams import Stream
from gancross.report.paper_figures.labels import (
    architecture,
    by_caption,
    by_strength,
    labels,
    noise,
    regularization,
)
from gancross.report.paper_figures.names import FIGURES
from gancross.report.paper_figures.saved_runs import SavedRun, common_steps
from gancross.report.paper_figures.sheet import Panel, Row, Sheet
from gancross.trainer.recipes.recipe import Recipe

POINTS = 5120
IMAGES = 64
LARGE_GRID, LARGE_COLUMNS = 128, 16
ROW_LENGTH = 4
FIG5_SPREAD = 10.0  # times the standard deviation, so that the modes are visible
FIG5_SIDE = 480
KDE_NOTE = "coloured by density (Gaussian KDE, Scott's rule)"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """The inputs of a figure.

    Attributes:
        steps: steps to show; None: the figure's default.
        num_samples: samples per panel; None: the figure's default.
        seed: of the latents, and of the samples of fig5.
        progress: called after every panel with (panels done, panels in all).
    """

    name: str
    runs: Sequence[SavedRun]
    steps: Sequence[int] | None = None
    num_samples: int | None = None
    seed: int = 0
    device: torch.device
    progress: Progress | None = None

    def samples(self, run: SavedRun, step: int, default: int) -> torch.Tensor:
        """Canonical samples of a run at a step."""
        return run.samples(step, num_samples=self.num_samples or default, seed=self.seed, device=self.device)

    def advance(self, done: int, panels: int) -> None:
        """Reports the number of finished panels."""
        if self.progress is not None:
            self.progress(done, panels)


def figure(request: Request) -> Sheet:
    """The requested figure as a sheet.

    Raises:
        UsageError: unknown figure; runs or steps do not fit it.
        CheckpointError: a checkpoint is refused.
    """
    if request.name not in LAYOUTS:
        raise unknown_name("figure", request.name, LAYOUTS)
    if request.num_samples is not None and request.num_samples < 1:
        raise UsageError(f"the number of samples must be at least 1, got {request.num_samples}")
    if request.name != "fig5" and not request.runs:
        raise UsageError(f"{request.name} shows {FIGURES[request.name]}: give the folders of runs")
    sheet = LAYOUTS[request.name](request)
    return replace(sheet, title=f"Fig. {request.name.removeprefix('fig')}: {sheet.title}")


def over_steps(request: Request) -> Sheet:
    """Figs. 1 and 6: a row for every run, a column for every step."""
    for run in request.runs:
        _require(request, run, run.vectors, "makes images: this figure shows the mixture")
        fits = (run.recipe.n_phi == 1) == (request.name == "fig1")
        alternative = "fig6" if request.name == "fig1" else "fig1"
        _require(request, run, fits, f"has n_phi={run.recipe.n_phi}: {alternative} shows such runs")
    runs = by_strength(request.runs)
    steps = common_steps(runs, request.steps)
    rows = []
    for number, (run, row_label) in enumerate(zip(runs, labels(runs, regularization), strict=True)):
        panels = []
        for column, step in enumerate(steps):
            above = f"step {step:,}" if number == 0 else ""
            panels.append(Panel(label=above, drawing=request.samples(run, step, POINTS)))
            request.advance(number * len(steps) + column + 1, len(runs) * len(steps))
        rows.append(Row(label=row_label, panels=panels))
    n_phi = ", ".join(map(str, sorted({run.recipe.n_phi for run in runs})))
    return Sheet(
        title=f"2-D submanifold mixture, n_φ = {n_phi}",
        note=f"{request.num_samples or POINTS:,} samples; {KDE_NOTE}",
        rows=rows,
    )


def target(request: Request) -> Sheet:
    """Fig. 5: the mixture, ten times as wide as in the experiments."""
    if request.runs or request.steps is not None:
        raise UsageError("fig5 shows the mixture itself: it takes no run and no --steps")
    n = request.num_samples or POINTS
    points = mixture.samples(Stream(request.seed, "real", "figure"), 0, n, std=FIG5_SPREAD * mixture.STD)
    return Sheet(
        title="the 2-D submanifold mixture",
        note=f"{n:,} samples; {FIG5_SPREAD:g} times the standard deviation of the experiments; {KDE_NOTE}",
        rows=[Row(label="", panels=[Panel(label="", drawing=points, points_side=FIG5_SIDE)])],
    )


def by_architecture(request: Request) -> Sheet:
    """Figs. 2 and 7: a grid for every architecture, regularized (2) or not (7)."""
    for run in request.runs:
        regularized = run.recipe.regularizer != "none"
        alternative = "fig7" if request.name == "fig2" else "fig2"
        problem = f"is {regularization(run.recipe)}: {alternative} shows such runs"
        _require(request, run, regularized == (request.name == "fig2"), problem)
    runs = by_caption(request.runs)
    kinds = {regularization(run.recipe) for run in runs}
    if len(kinds) == 1:
        return _side_by_side(request, runs, architecture, f"several architectures, {kinds.pop()}")
    return _side_by_side(request, runs, _both, "several architectures")


def by_regularization(request: Request) -> Sheet:
    """Figs. 3 and 4: a grid for every level of γ or of noise, unregularized first."""
    topic = "the level of regularization" if request.name == "fig3" else "regularization and noise"
    return _side_by_side(request, by_strength(request.runs), regularization, topic)


def large_grid(request: Request) -> Sheet:
    """Fig. 8: one run, every pixel."""
    if len(request.runs) != 1:
        raise UsageError(f"{request.name} shows one run, got {len(request.runs)}")
    (run,) = request.runs
    _require_images(request, run)
    step = _single_step(request)
    samples = request.samples(run, step, LARGE_GRID)
    request.advance(1, 1)
    label = run.label or _both(run.recipe)
    grid = grid_pixels(samples, columns=LARGE_COLUMNS)
    return Sheet(
        title=label,
        note=_grids_note(request.runs, step, len(samples)),
        rows=[Row(label="", panels=[Panel(label="", drawing=grid)])],
    )


def by_noise(request: Request) -> Sheet:
    """Fig. 9: a row for every level of noise and the players that see it, a column for every NSR."""
    cells: dict[tuple[tuple[str, float, str], int], SavedRun] = {}
    for run in request.runs:
        recipe = run.recipe
        _require_images(request, run)
        _require(request, run, recipe.noise != "none", "has no explicit noise")
        key = ((recipe.noise_players, recipe.noise_variance, recipe.noise), recipe.nsr)
        if key in cells:
            raise UsageError(
                f"{request.name}: {cells[key].folder} and {run.folder} are both {noise(recipe)}:"
                " leave one out"
            )
        cells[key] = run
    step = _single_step(request)
    ratios = sorted({ratio for _, ratio in cells})
    rows, done = [], 0
    for kind in sorted({kind for kind, _ in cells}):
        panels: list[Panel | None] = []
        for ratio in ratios:
            cell = cells.get((kind, ratio))
            panels.append(None)
            if cell is not None:
                drawing = grid_pixels(request.samples(cell, step, IMAGES))
                panels[-1] = Panel(label=cell.label or f"NSR {ratio}", drawing=drawing)
                done += 1
                request.advance(done, len(cells))
        players, variance, distribution = kind
        audience = "both" if players == "both" else "D only"
        laplacian = "Laplacian, " if distribution == "laplacian" else ""
        rows.append(Row(label=f"γ = {variance:g}, {laplacian}{audience}", panels=panels))
    return Sheet(
        title="explicit noise of variance γ for both players, or for D only",
        note=_grids_note(request.runs, step, request.num_samples or IMAGES),
        rows=rows,
    )


LAYOUTS: dict[str, Callable[[Request], Sheet]] = {
    "fig1": over_steps,
    "fig2": by_architecture,
    "fig3": by_regularization,
    "fig4": by_regularization,
    "fig5": target,
    "fig6": over_steps,
    "fig7": by_architecture,
    "fig8": large_grid,
    "fig9": by_noise,
}


def _side_by_side(
    request: Request, runs: Sequence[SavedRun], describe: Callable[[Recipe], str], topic: str
) -> Sheet:
    """A labelled grid for every run, four per row."""
    for run in runs:
        _require_images(request, run)
    step = _single_step(request)
    panels: list[Panel] = []
    for run, label in zip(runs, labels(runs, describe), strict=True):
        panels.append(Panel(label=label, drawing=grid_pixels(request.samples(run, step, IMAGES))))
        request.advance(len(panels), len(runs))
    return Sheet(
        title=topic,
        note=_grids_note(runs, step, request.num_samples or IMAGES),
        rows=[
            Row(label="", panels=panels[start : start + ROW_LENGTH])
            for start in range(0, len(panels), ROW_LENGTH)
        ],
    )  # fmt: skip


def _require(request: Request, run: SavedRun, fits: bool, problem: str) -> None:
    if not fits:
        raise UsageError(f"{run.folder}: does not fit {request.name}: it {problem}")


def _require_images(request: Request, run: SavedRun) -> None:
    _require(request, run, not run.vectors, "makes vectors: this figure shows images")


def _single_step(request: Request) -> int:
    """The step that a figure of grids shows."""
    if request.steps is not None and len(request.steps) != 1:
        raise UsageError(f"{request.name} shows one step, got {len(request.steps)} in --steps")
    return common_steps(request.runs, request.steps, most=1)[0]


def _both(recipe: Recipe) -> str:
    return f"{architecture(recipe)}, {regularization(recipe)}"


def _grids_note(runs: Sequence[SavedRun], step: int, n: int) -> str:
    """Data, step and number of samples."""
    data = ", ".join(sorted({run.recipe.data for run in runs}))
    return f"{data}, {n:,} samples after {step:,} generator updates"
