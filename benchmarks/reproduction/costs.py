"""§5.3: the cost of a step, and the time until samples are good."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from pathlib import Path

from gancross.trainer.loop import train
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.spec import Spec
from reproduction import records
from reproduction.record import Record

ROUNDS = 3
STEPS = 300


def timed(spec: Spec, out: Path, *, steps: int = STEPS) -> Record:
    """The record of `records.stability`, with the measured cost of a step of each method."""
    recipes = {variant: run.recipe for variant, run in records.first_runs(spec.runs).items()}
    rounds = [{name: step_seconds(recipe, steps) for name, recipe in recipes.items()} for _ in range(ROUNDS)]
    costs = {
        name: {
            "label": records.label(recipe), "milliseconds": [1e3 * round[name] for round in rounds],
            "ratio": [round[name] / round["unregularized"] for round in rounds],
        }
        for name, recipe in recipes.items()
    }  # fmt: skip
    return {"costs": costs, "timed_steps": steps, **records.stability(spec, out)}


def step_seconds(recipe: Recipe, steps: int) -> float:
    """The median time of a generator update with its n_φ discriminator updates, without log or checkpoint."""
    stamps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            recipe.with_changes({"steps": steps}), Path(folder) / "run", device="cpu", log_every=steps,
            checkpoint_every=steps, progress=lambda step, of, figures: stamps.append(time.perf_counter()),
        )  # fmt: skip
    durations = [after - before for before, after in itertools.pairwise(stamps)]
    return statistics.median(durations[:-1])  # the last one logs and saves
