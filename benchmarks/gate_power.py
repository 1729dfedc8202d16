"""How often the gate of the quick benchmark rings for nothing, and which planted faults it hears.

    python benchmarks/gate_power.py [--out FOLDER]      goes on if called again

*False alarms*: of many good runs, ten of each method are drawn as a baseline and three others as a result,
again and again. *Detection*: three faulty runs of a method take the place of good ones, every choice of
three; the baseline is the one in the repository. Faults: the penalty's sign flipped, γ × 100, a tenth of the
steps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.gate import Gate, gate
from gancross.evaluator.result import Result, load_result
from gancross.trainer import step
from gancross.trainer.loop import train
from gancross.workflow.execution import Execution
from gancross.workflow.plan import is_finished, run_folder
from gancross.workflow.runner import contestant_of, train_all
from gancross.workflow.spec import PlannedRun, Spec, load_spec

HERE = Path(__file__).parent
METHODS = ("unregularized", "regularized")
GOOD_SEEDS = range(10, 26)
FAULTY_SEEDS = range(100, 105)
BASELINE_RUNS, RESULT_RUNS = 10, 3
SPLITS = 1000


def good_runs(spec: Spec) -> list[PlannedRun]:
    """Sixteen runs of each method, the baseline's ten among them."""
    return [run for variant in METHODS for run in _runs(spec, variant, GOOD_SEEDS, {})]


def faulty_runs(spec: Spec) -> dict[str, list[PlannedRun]]:
    """By fault, five runs of every method that it touches."""
    first = {run.variant: run.recipe for run in spec.runs}
    steps = {"steps": first["regularized"].steps // 10}
    return {
        "penalty's sign flipped": _runs(spec, "regularized", FAULTY_SEEDS, {}),
        "gamma x 100": _runs(spec, "regularized", FAULTY_SEEDS, {"gamma": 100 * first["regularized"].gamma}),
        "a tenth of the steps": [
            run for variant in METHODS for run in _runs(spec, variant, FAULTY_SEEDS, steps)
        ],
    }


def _runs(spec: Spec, variant: str, seeds: Sequence[int], changes: dict[str, Any]) -> list[PlannedRun]:
    recipe = next(run.recipe for run in spec.runs if run.variant == variant)
    return [
        PlannedRun(
            name=f"{variant}-seed{seed}",
            variant=variant,
            recipe=recipe.with_changes({"seed": seed, **changes}),
        )
        for seed in seeds
    ]


@contextmanager
def flipped_sign() -> Any:
    """Inside, the discriminator is rewarded for what it should pay for."""
    real = step.scored

    def flipped(*arguments: Any) -> Any:
        scores, penalty = real(*arguments)
        return scores, -penalty

    with mock.patch.object(step, "scored", flipped):
        yield


def judged(runs: Sequence[PlannedRun], folders: Callable[[PlannedRun], Path], spec: Spec) -> Result:
    """One cross-test of all runs by the quick benchmark's protocol."""
    asked = spec.crosstest
    contestants = [contestant_of(folders(run), run) for run in runs]
    return crosstest(
        contestants, data="digits", num_samples=asked.num_samples, seed=asked.seed, controls=asked.controls,
        norm_check=asked.norm_check, metrics=asked.metrics, device="cpu",
    )  # fmt: skip


def part(result: Result, names: Collection[str]) -> Result:
    """The result of a cross-test of some of the contestants only, as far as a gate reads it.

    Samples depend on a contestant's name and every cell on its two models alone, so it is the same.
    """
    document = dict(result.document)
    document["contestants"] = [one for one in document["contestants"] if one["name"] in names]
    document["cross"] = [
        cell for cell in document["cross"] if cell["judge"] in names and cell["generator"] in names
    ]
    return Result(document)


def false_alarms(result: Result) -> dict[str, Any]:
    """Gates between random parts of the good runs."""
    random = np.random.default_rng(0)
    rang, rung = 0, Counter[str]()
    for _ in range(SPLITS):
        old, new = [], []
        for method in METHODS:
            drawn = random.permutation(GOOD_SEEDS)
            old += [f"{method}-seed{seed}" for seed in drawn[:BASELINE_RUNS]]
            new += [f"{method}-seed{seed}" for seed in drawn[BASELINE_RUNS : BASELINE_RUNS + RESULT_RUNS]]
        found = gate(part(result, new), part(result, old))
        rang += bool(found.regressions)
        rung.update(_rung(found))
    return {"gates": SPLITS, "failed": rang, "rate": rang / SPLITS, "by_figure": dict(rung.most_common())}


def detection(result: Result, baseline: Result, faulty: Sequence[str]) -> dict[str, Any]:
    """Gates of every choice of three faulty runs per method against the baseline."""
    methods = sorted({name.rsplit("-", 1)[0] for name in faulty})
    untouched = [f"{method}-seed{seed}" for method in METHODS if method not in methods
                 for seed in list(GOOD_SEEDS)[BASELINE_RUNS : BASELINE_RUNS + RESULT_RUNS]]  # fmt: skip
    rang, rung, gates = 0, Counter[str](), 0
    for seeds in combinations(FAULTY_SEEDS, RESULT_RUNS):
        names = [f"{method}-seed{seed}" for method in methods for seed in seeds] + untouched
        found = gate(part(result, names), baseline)
        gates += 1
        rang += bool(found.regressions)
        rung.update(_rung(found))
    return {"gates": gates, "failed": rang, "rate": rang / gates, "by_figure": dict(rung.most_common())}


def _rung(found: Gate) -> list[str]:
    return [f"{one.metric} of {one.name}" for one in found.regressions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gate-power"), help="folder of the runs")
    out: Path = parser.parse_args().out
    began = time.perf_counter()
    spec = load_spec(HERE / "quick.toml")
    execution = Execution(device="cpu")
    good = good_runs(spec)
    baseline = load_result(HERE / "results" / "quick-baseline.json")
    train_all(good, out / "good", execution=execution)
    found: dict[str, Any] = {"false_alarms": false_alarms(judged(good, lambda run: out / "good", spec))}
    found["detection"] = {}
    spare = [run for run in good if run.recipe.seed in list(GOOD_SEEDS)[BASELINE_RUNS:]]
    for fault, runs in faulty_runs(spec).items():
        folder = out / fault.replace(" ", "-")
        if "sign" in fault:
            with flipped_sign():
                for run in runs:
                    if not is_finished(run, run_folder(folder, run)):
                        train(run.recipe, run_folder(folder, run), device="cpu")
        else:
            train_all(runs, folder, execution=execution)
        touched = {run.variant for run in runs}
        others = [run for run in spare if run.variant not in touched][:RESULT_RUNS]
        homes = {run.name: folder for run in runs} | {run.name: out / "good" for run in others}
        result = judged([*runs, *others], lambda run, homes=homes: homes[run.name], spec)  # type: ignore[misc]
        found["detection"][fault] = detection(result, baseline, [run.name for run in runs])
    record = {
        **found,
        "baseline_runs": BASELINE_RUNS, "result_runs": RESULT_RUNS, "good_runs": len(GOOD_SEEDS),
        "faulty_runs": len(FAULTY_SEEDS), "seconds": round(time.perf_counter() - began, 1),
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
    }  # fmt: skip
    (HERE / "results" / "gate-power.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
