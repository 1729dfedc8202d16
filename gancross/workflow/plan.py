"""The state of a benchmark and the work left; nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gancross.data import catalogue
from gancross.errors import UsageError
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.run.step_files import checkpoint_path
from gancross.untrusted.strict_json import parsed
from gancross.workflow.spec import PlannedRun, Spec
from gancross.workflow.work import Work, estimated_work


@dataclass(frozen=True, kw_only=True)
class PlannedVariant:
    """All runs of one variant; `work` is None where the size of its images is unknown."""

    name: str
    method: str
    runs: int
    steps: int
    steps_left: int
    work: Work | None
    state: str


def planned_variants(spec: Spec, out: Path) -> list[PlannedVariant]:
    """The variants of a benchmark with the steps left of each.

    Raises:
        UsageError: networks and data of a variant do not fit together.
    """
    names = dict.fromkeys(run.variant for run in spec.runs)
    return [_planned([run for run in spec.runs if run.variant == name], out) for name in names]


def _planned(runs: list[PlannedRun], out: Path) -> PlannedVariant:
    recipe = runs[0].recipe
    left = {run.name: _steps_left(run, run_folder(out, run)) for run in runs}
    shape = catalogue.known_shape(recipe.data, image_size=recipe.image_size)
    states = Counter(
        "done" if steps == 0 else "new" if steps == recipe.steps else "begun" for steps in left.values()
    )
    return PlannedVariant(
        name=runs[0].variant, method=recipe.method, runs=len(runs), steps=recipe.steps,
        steps_left=sum(left.values()), work=None if shape is None else estimated_work(recipe, shape=shape),
        state=", ".join(f"{count} {state}" for state, count in states.items()),
    )  # fmt: skip


def _steps_left(run: PlannedRun, folder: Path) -> int:
    if is_finished(run, folder):
        return 0
    return max(1, run.recipe.steps - steps_done(folder))  # its last checkpoint may still be missing


def run_folder(out: Path, run: PlannedRun) -> Path:
    """The folder of a run of a benchmark."""
    return out / "runs" / run.name


def steps_done(folder: Path) -> int:
    """The step of the last complete line of a run's log; 0 without one."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return int(parsed(lines[-1])["step"])
    except (OSError, ValueError, OverflowError, IndexError, KeyError, TypeError):
        return 0


def is_finished(run: PlannedRun, folder: Path) -> bool:
    """Whether a run's last step is logged and its last checkpoint written."""
    milestone = checkpoint_path(folder, run.recipe.steps)
    return milestone.is_file() and (folder / "last.pt").is_file() and _same_recipe(run, folder)


def _same_recipe(run: PlannedRun, folder: Path) -> bool:
    """Whether the folder's recipe is the run's; if it is not, training there reports the difference."""
    try:
        return Recipe.from_dict(parsed((folder / "recipe.json").read_bytes())) == run.recipe
    except (OSError, ValueError, TypeError, AttributeError, UsageError):
        return False
