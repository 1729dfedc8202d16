"""From the folder of a benchmark to the record of a section; runs may be unfinished."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from speed.timing import cpu_model

import gancross
from gancross.data import catalogue
from gancross.errors import UsageError
from gancross.evaluator.estimates import Figure, Missing, Proportion
from gancross.report.paper_figures.labels import regularization
from gancross.report.paper_figures.saved_runs import saved_run
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.status import read_status
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import PlannedRun, Spec
from gancross.workflow.trace import Snapshot, Trace, TraceRequest, trace
from reproduction import histories
from reproduction.permutation import permutation_p
from reproduction.tables import by

Plain = dict[str, Any]
CPU = torch.device("cpu")
DIGITS = 5  # significant ones of a record
SAMPLES = 10_000  # of every saved step
WATCHED = ("modes", "within_0.1")  # of the log
TRACED = (
    "step", "gamma", "fn", "fp", "margin", "spread", "modes", "within_3_std", "within_0.1", "plane_distance",
)  # fmt: skip


def label(recipe: Recipe) -> str:
    """A method in a few words: what keeps it in check, and how its generator learns."""
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


def begun(spec: Spec, out: Path) -> list[PlannedRun]:
    """The runs that have saved a step.

    Raises:
        UsageError: none has.
    """
    folders = {run.name: run_folder(out, run) for run in spec.runs}
    found = [
        run
        for run in spec.runs
        if (folders[run.name] / "last.pt").is_file()
        and any((folders[run.name] / "checkpoints").glob("step-*.pt"))
    ]
    if not found:
        raise UsageError(f"{out}: no run of '{spec.name}' has a checkpoint yet")
    return found


def first_runs(runs: Sequence[PlannedRun]) -> dict[str, PlannedRun]:
    """The first run of every variant, in the order of the variants."""
    found: dict[str, PlannedRun] = {}
    for run in runs:
        found.setdefault(run.variant, run)
    return found


def head(section: str, command: str, spec: Spec, out: Path) -> Plain:
    """What was asked for, and what of it is there."""
    runs = begun(spec, out)
    absent = [run for run in spec.runs if run not in runs]
    lost = [run for run in absent if diverged(run, out)]
    return {
        "section": section,
        "command": command,
        "missing": [run.name for run in absent if run not in lost],
        "lost": [{"name": run.name, "label": label(run.recipe)} for run in lost],
        "versions": {
            "gancross": gancross.__version__, "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "device": "cpu"},
    }  # fmt: skip


def diverged(run: PlannedRun, out: Path) -> bool:
    """Whether a run ended in figures that are not finite."""
    status = read_status(run_folder(out, run))
    return status is not None and status.status == "diverged"


def identity(run: PlannedRun, out: Path) -> tuple[Plain, list[Plain]]:
    """Who a run is and how far it got, and its log."""
    lines = histories.read_log(run_folder(out, run))
    recipe = run.recipe
    reached = max(saved_run(run_folder(out, run)).checkpoints)
    known = {
        "name": run.name, "variant": run.variant, "label": label(recipe), "seed": recipe.seed,
        "steps": recipe.steps, "reached": reached, "seconds": histories.seconds(lines, recipe.batch_size),
        "diverged": diverged(run, out),
    }  # fmt: skip
    return known, lines


def stability(spec: Spec, out: Path) -> Plain:
    """Runs on the mixture: their history, and every numbered checkpoint judged on fresh samples."""
    made = []
    for run in begun(spec, out):
        known, lines = identity(run, out)
        made.append(
            known
            | {"history": histories.history(lines), "late": histories.late(lines)}
            | {"curves": histories.curves(lines, WATCHED), "trace": columns(traced(out, run).snapshots)}
        )
    return {"runs": made}


def traced(out: Path, run: PlannedRun) -> Trace:
    """`gancross trace` of a run, at all of its saved steps."""
    request = TraceRequest(num_samples=SAMPLES, data_root=catalogue.DEFAULT_ROOT, device=CPU)
    return trace(saved_run(run_folder(out, run)), request)


def columns(snapshots: Sequence[Snapshot]) -> Plain:
    """Snapshots as one list for each figure; rates without their counts, of 10,000 samples all."""
    rows = [_row(snapshot) for snapshot in snapshots]
    return {key: [row[key] for row in rows] for key in TRACED if key in rows[0]}


def _row(snapshot: Snapshot) -> Plain:
    return {
        "step": snapshot.step, "gamma": snapshot.gamma, "fn": _value(snapshot.fn), "fp": _value(snapshot.fp),
        "margin": snapshot.margin, **snapshot.samples,
    }  # fmt: skip


def _value(figure: Figure) -> float | None:
    if isinstance(figure, Missing):
        return None
    return figure.rate if isinstance(figure, Proportion) else figure.value


def overfitted(spec: Spec, out: Path) -> Plain:
    """§6: how discriminators tell training from test reals, at the end and at every numbered checkpoint."""
    made = []
    for run in begun(spec, out):
        known, _ = identity(run, out)
        snapshots = traced(out, run).snapshots
        along = {
            "step": [snapshot.step for snapshot in snapshots],
            "gap": [_value(snapshot.generalisation_gap) for snapshot in snapshots],
            "auc": [_value(snapshot.training_auc) for snapshot in snapshots],
            "fn": [_value(snapshot.fn) for snapshot in snapshots],
        }
        last = snapshots[-1]
        gap = last.generalisation_gap
        assert not isinstance(gap, Missing)
        known |= {"gap": gap.value, "gap_ci95": list(gap.ci95), "auc": _value(last.training_auc)}
        made.append(known | {"along": along})
    return {"runs": made, "p": _p_of(made, "gap"), "auc_p": _p_of(made, "auc")}


def _p_of(runs: Sequence[Plain], key: str) -> float | None:
    """Of the difference between the two variants; None where there is only one yet."""
    sides = [[one[key] for one in some] for some in by(runs, "variant").values()]
    return permutation_p(*sides) if len(sides) == 2 else None


def rounded(value: Any) -> Any:
    """A record with floats of five significant digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
