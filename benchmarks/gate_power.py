"""How often the gate of the quick benchmark fails good runs, and which planted faults it detects.

    python benchmarks/gate_power.py [--out FOLDER]      goes on if called again

*False alarms*: of many good runs, ten of each method are drawn as a baseline and three others as a result,
again and again; and the baseline of the repository is held against every draw of three new ones. *Detection*:
runs with a fault take the place of good ones of the same seeds, with the repository's baseline. Faults: the
penalty's sign flipped, γ × 100, a tenth of the steps. All runs are trained here, one thread each.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from environment import machine, versions

from gancross.checkpoint import file as checkpoint
from gancross.data.catalogue import DEFAULT_ROOT
from gancross.evaluator.crosstest import run_crosstest
from gancross.evaluator.gate.comparison import Gate, gate
from gancross.evaluator.judged_data import load_reals
from gancross.evaluator.result.reading import load_result
from gancross.evaluator.result.types import Result
from gancross.trainer.loop import train
from gancross.trainer.objective import weightings
from gancross.untrusted.strict_json import parsed
from gancross.workflow.benchmark import contestant_of
from gancross.workflow.plan import is_finished, run_folder
from gancross.workflow.spec import PlannedRun, Spec, load_spec

HERE = Path(__file__).parent
BASELINE = HERE / "results" / "quick-baseline.json"
METHODS = ("unregularized", "regularized")
GOOD_SEEDS = range(10, 30)  # the baseline's ten, and more
NEW_SEEDS = range(20, 30)
FAULTY_SEEDS = range(20, 25)
BASELINE_RUNS, RESULT_RUNS = 10, 3
DRAWS = 500
SIGN, GAMMA, STEPS = "penalty's sign flipped", "gamma x 100", "a tenth of the steps"
Draw = Mapping[str, Sequence[int]]


def runs_of(spec: Spec, method: str, seeds: Sequence[int], **changes: Any) -> list[PlannedRun]:
    """The runs of one method with these seeds, perhaps with a fault."""
    recipe = next(run.recipe for run in spec.runs if run.variant == method)
    return [
        PlannedRun(
            name=f"{method}-seed{seed}", variant=method, recipe=recipe.with_changes({"seed": seed, **changes})
        )
        for seed in seeds
    ]


def faulty_runs(spec: Spec) -> dict[str, list[PlannedRun]]:
    """By fault, the runs of every method that it touches."""
    first = {run.variant: run.recipe for run in spec.runs}
    steps = first["regularized"].steps // 10
    return {
        SIGN: runs_of(spec, "regularized", FAULTY_SEEDS),
        GAMMA: runs_of(spec, "regularized", FAULTY_SEEDS, gamma=100 * first["regularized"].gamma),
        STEPS: [run for method in METHODS for run in runs_of(spec, method, FAULTY_SEEDS, steps=steps)],
    }


@contextmanager
def flipped_sign() -> Iterator[None]:
    """Inside, the discriminator is rewarded for what it should pay for, however the gradient is found."""
    real, fake = weightings.JENSEN_SHANNON.real, weightings.JENSEN_SHANNON.fake
    assert real is not None and fake is not None
    negative = weightings.PenaltyWeights(real=lambda v: -real(v), fake=lambda v: -fake(v))
    with mock.patch.object(weightings, "JENSEN_SHANNON", negative):
        yield


def train_all(runs: Sequence[PlannedRun], out: Path) -> None:
    """Trains what is missing."""
    for run in runs:
        folder = run_folder(out, run)
        if not is_finished(run, folder):
            train(run.recipe, folder, device="cpu")


def check_fault(runs: Sequence[PlannedRun], out: Path, good: Path, *, negative: bool) -> None:
    """Every fault has reached the weights: none is the good run of the same seed; Ω has the planted sign."""
    for run in runs:
        faulty, sound = (checkpoint.load(run_folder(home, run) / "last.pt") for home in (out, good))
        assert any(
            not torch.equal(value, sound.discriminator_state[key])
            for key, value in faulty.discriminator_state.items()
        ), f"{run.name}: the planted fault changed nothing"
        last = (run_folder(out, run) / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        assert (parsed(last)["penalty"] < 0) == negative, f"{run.name}: the penalty has the wrong sign"


def crosstested(homes: Sequence[tuple[PlannedRun, Path]], spec: Spec, record: Path) -> Result:
    """One cross-test of all runs by the quick benchmark's protocol; its record is read where there is one."""
    if record.exists():
        return load_result(record)
    reals = load_reals("digits", data_root=DEFAULT_ROOT, image_size=None, seed=spec.protocol.seed)
    contestants = [contestant_of(home, run) for run, home in homes]
    result = run_crosstest(contestants, reals, spec.protocol, train=reals.train, device="cpu")
    result.save(record)
    return result


def part(result: Result, draw: Draw) -> Result:
    """The result of a cross-test of some of the contestants only, as far as a gate reads it.

    Samples depend on a contestant's name and every cell on its two models alone, so it is the same.
    """
    names = {f"{method}-seed{seed}" for method, seeds in draw.items() for seed in seeds}
    return replace(
        result,
        contestants=tuple(contestant for contestant in result.contestants if contestant.name in names),
        cross=tuple(cell for cell in result.cross if {cell.judge, cell.generator} <= names),
    )


def alarms(gates: Sequence[Gate]) -> dict[str, Any]:
    """How many gates failed, and by which figures."""
    regressions = [outcome.regressions for outcome in gates]
    figures = Counter(f"{change.metric} of {change.name}" for changes in regressions for change in changes)
    failed = sum(bool(changes) for changes in regressions)
    return {
        "gates": len(gates), "failed": failed, "rate": failed / len(gates),
        "by_figure": dict(figures.most_common()),
    }  # fmt: skip


def false_alarms(result: Result) -> dict[str, Any]:
    """Gates between random parts of the good runs."""
    random = np.random.default_rng(0)
    gates = []
    for _ in range(DRAWS):
        draw = {method: random.permutation(GOOD_SEEDS).tolist() for method in METHODS}
        old = {method: seeds[:BASELINE_RUNS] for method, seeds in draw.items()}
        new = {method: seeds[BASELINE_RUNS:][:RESULT_RUNS] for method, seeds in draw.items()}
        gates.append(gate(part(result, new), part(result, old)))
    return alarms(gates)


def against_baseline(result: Result, baseline: Result, seeds: Sequence[int]) -> dict[str, Any]:
    """Gates of threes of each method's runs, all or `DRAWS` of them, against the repository's baseline."""
    threes = list(product(combinations(seeds, RESULT_RUNS), repeat=len(METHODS)))
    random = np.random.default_rng(0)
    chosen = random.choice(len(threes), min(DRAWS, len(threes)), replace=False).tolist()
    draws = [dict(zip(METHODS, threes[number], strict=True)) for number in chosen]
    return alarms([gate(part(result, draw), baseline) for draw in draws])


def measured(out: Path) -> dict[str, Any]:
    """Trains, cross-tests and holds everything against everything."""
    spec, baseline = load_spec(HERE / "quick.toml"), load_result(BASELINE)
    good = [run for method in METHODS for run in runs_of(spec, method, GOOD_SEEDS)]
    train_all(good, out / "good")
    sound = crosstested([(run, out / "good") for run in good], spec, out / "good.json")
    record: dict[str, Any] = {
        "false_alarms": {
            "random_baselines": false_alarms(sound),
            "this_baseline": against_baseline(sound, baseline, NEW_SEEDS),
        },
        "detection": {},
    }
    for fault, runs in faulty_runs(spec).items():
        home = out / fault.replace(" ", "-").replace("'", "")
        with flipped_sign() if fault == SIGN else nullcontext():
            train_all(runs, home)
        check_fault(runs, home, out / "good", negative=fault == SIGN)
        touched = {run.name for run in runs}
        untouched_runs = [run for run in good if run.recipe.seed in FAULTY_SEEDS and run.name not in touched]
        homes = [(run, home) for run in runs] + [(run, out / "good") for run in untouched_runs]
        result = crosstested(homes, spec, home / "result.json")
        record["detection"][fault] = against_baseline(result, baseline, FAULTY_SEEDS)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gate-power"), help="folder of the runs")
    out: Path = parser.parse_args().out
    torch.set_num_threads(1)
    record = measured(out) | {
        "baseline_runs": BASELINE_RUNS, "result_runs": RESULT_RUNS, "good_runs": len(GOOD_SEEDS),
        "faulty_runs": len(FAULTY_SEEDS),
        "versions": versions("torch", "numpy"),
        "machine": machine(),
    }  # fmt: skip
    (HERE / "results" / "gate-power.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
