"""The record of a section from the folder of a benchmark; runs may be unfinished."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from environment import machine

import gancross
from gancross.data import catalogue
from gancross.errors import UsageError
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.report.paper_figures.labels import regularization
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.status import read_status
from gancross.trainer.run.step_files import numbered_checkpoints
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import PlannedRun, Spec
from gancross.workflow.trace import Snapshot, TraceRequest, trace
from reproduction import histories
from reproduction.permutation import permutation_p
from reproduction.record import Record
from reproduction.tables import by

CPU = torch.device("cpu")
DIGITS = 5  # significant ones of a record
SAMPLES = 10_000  # of every saved step
WATCHED = ("modes", "within_0.1")  # of the log
TRACED = (
    "step", "gamma", "fn", "fp", "margin", "spread", "modes", "within_3_std", "within_0.1", "plane_distance",
)  # fmt: skip


def label(recipe: Recipe) -> str:
    """A method in a few words: its stabilisation, and its generator's loss."""
    words = [regularization(recipe)]
    if recipe.objective == "wgan-gp":
        words.append(f"learning rate {recipe.learning_rate:g}")
    if recipe.generator_loss == "saturating":
        words.append("saturating loss")
    if recipe.regularize_generator and recipe.regularize_generator_from == 1:
        words.append("generator too")
    elif recipe.regularize_generator:
        words.append(f"generator too from step {recipe.regularize_generator_from:,}")
    return ", ".join(words)


def started_runs(spec: Spec, out: Path) -> list[PlannedRun]:
    """The runs that have saved a step.

    Raises:
        UsageError: none has.
    """
    folders = [run_folder(out, run) for run in spec.runs]
    runs = [
        run
        for run, folder in zip(spec.runs, folders, strict=True)
        if (folder / "last.pt").is_file() and numbered_checkpoints(folder)
    ]
    if not runs:
        raise UsageError(f"{out}: no run of '{spec.name}' has a checkpoint yet")
    return runs


def first_runs(runs: Sequence[PlannedRun]) -> dict[str, PlannedRun]:
    """The first run of every variant, in the order of the variants."""
    runs_by_variant: dict[str, PlannedRun] = {}
    for run in runs:
        runs_by_variant.setdefault(run.variant, run)
    return runs_by_variant


def head(section: str, command: str, spec: Spec, out: Path) -> Record:
    """Command, missing and diverged runs, versions and machine."""
    runs = started_runs(spec, out)
    absent = [run for run in spec.runs if run not in runs]
    diverged_runs = [run for run in absent if diverged(run, out)]
    return {
        "section": section,
        "command": command,
        "missing": [run.name for run in absent if run not in diverged_runs],
        "lost": [{"name": run.name, "label": label(run.recipe)} for run in diverged_runs],
        "versions": {
            "gancross": gancross.__version__, "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": machine() | {"device": "cpu"},
    }  # fmt: skip


def diverged(run: PlannedRun, out: Path) -> bool:
    """Whether a run ended with values that are not finite."""
    status = read_status(run_folder(out, run))
    return status is not None and status.status == "diverged"


def identity(run: PlannedRun, out: Path) -> tuple[Record, list[Record]]:
    """Identity and progress of a run, and the lines of its log."""
    lines = histories.read_log(run_folder(out, run))
    recipe = run.recipe
    reached = max(saved_run(run_folder(out, run)).checkpoints)
    description = {
        "name": run.name, "variant": run.variant, "label": label(recipe), "seed": recipe.seed,
        "steps": recipe.steps, "reached": reached, "seconds": histories.seconds(lines, recipe.batch_size),
        "diverged": diverged(run, out),
    }  # fmt: skip
    return description, lines


def stability(spec: Spec, out: Path) -> Record:
    """Runs on the mixture: their history, and every numbered checkpoint evaluated on fresh samples."""
    descriptions = []
    for run in started_runs(spec, out):
        description, lines = identity(run, out)
        snapshots = traced(out, run)
        descriptions.append(
            description
            | {"history": histories.history(lines), "late": histories.late(lines)}
            | {"curves": histories.curves(lines, WATCHED), "trace": columns(snapshots)}
        )
    return {"runs": descriptions}


def traced(out: Path, run: PlannedRun) -> Sequence[Snapshot]:
    """`gancross trace` of a run, at all of its saved steps."""
    request = TraceRequest(num_samples=SAMPLES, data_root=catalogue.DEFAULT_ROOT, device=CPU)
    return trace(saved_run(run_folder(out, run)), request).snapshots


def columns(snapshots: Sequence[Snapshot]) -> Record:
    """Snapshots as one list per figure; rates without their counts, all of 10,000 samples."""
    rows = [
        {
            "step": snapshot.step, "gamma": snapshot.gamma, "fn": _rate(snapshot.fn),
            "fp": _rate(snapshot.fp), "margin": snapshot.margin, **snapshot.samples,
        }
        for snapshot in snapshots
    ]  # fmt: skip
    return {key: [row[key] for row in rows] for key in TRACED if key in rows[0]}


def _rate(figure: Proportion | Missing) -> float | None:
    return figure.rate if isinstance(figure, Proportion) else None


def _estimate(figure: Estimate | Missing) -> Estimate:
    """The estimate.

    Raises:
        UsageError: it is missing.
    """
    if isinstance(figure, Missing):
        raise UsageError(f"the section needs this figure, which is missing: {figure.reason}")
    return figure


def overfitted(spec: Spec, out: Path) -> Record:
    """§6: how discriminators tell training from test reals, at the end and at every numbered checkpoint."""
    descriptions = []
    for run in started_runs(spec, out):
        description, _ = identity(run, out)
        snapshots = traced(out, run)
        gaps = [_estimate(snapshot.generalisation_gap) for snapshot in snapshots]
        aucs = [_estimate(snapshot.training_auc).value for snapshot in snapshots]
        along = {
            "step": [snapshot.step for snapshot in snapshots],
            "gap": [gap.value for gap in gaps],
            "auc": aucs,
            "fn": [_rate(snapshot.fn) for snapshot in snapshots],
        }
        description |= {"gap": gaps[-1].value, "gap_ci95": list(gaps[-1].ci95), "auc": aucs[-1]}
        descriptions.append(description | {"along": along})
    return {"runs": descriptions, "p": _p_of(descriptions, "gap"), "auc_p": _p_of(descriptions, "auc")}


def _p_of(runs: Sequence[Record], key: str) -> float | None:
    """Of the difference between the two variants; None where there is only one yet."""
    sides = [[run[key] for run in group] for group in by(runs, "variant").values()]
    return permutation_p(*sides) if len(sides) == 2 else None


def rounded(value: Any) -> Any:
    """A record with floats of five significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
