"""Does `update=simultaneous` train as well as Algorithm 1? Figures of runs that `gancross benchmark` made.

    gancross benchmark benchmarks/simultaneous/mixture.toml --device cpu
    gancross benchmark benchmarks/simultaneous/digits.toml --device cpu
    python benchmarks/simultaneous.py            reads runs/simultaneous-…, writes results/simultaneous.json

By method: mean and standard deviation over runs of the Fréchet distance (lower is better), of what the last
line of the log says of the samples, and of the share of its own generator's samples and of test data that
each discriminator calls real; with the two-sided exact permutation test of every difference of means.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from environment import machine, versions
from reproduction.permutation import permutation_p

from gancross.evaluator.estimates import Missing
from gancross.evaluator.result.reading import load_result
from gancross.evaluator.result.types import Result
from gancross.workflow.spec import Spec, load_spec

HERE = Path(__file__).parent
OUT = HERE / "results" / "simultaneous.json"
LOGGED = ("modes", "within_3_std", "within_0.1", "spread")


def figures(spec: Spec, folder: Path) -> dict[str, dict[str, list[float]]]:
    """By figure and method, one number a run."""
    result = load_result(folder / "result.json")
    by_figure: dict[str, dict[str, list[float]]] = {}
    for run in spec.runs:
        log = (folder / "runs" / run.name / "log.jsonl").read_text(encoding="utf-8").splitlines()
        last = json.loads(log[-1])
        matrix = result.confusion[run.name]
        assert not isinstance(matrix, Missing)
        of_run = frechet_distance(result, run.name) | {key: last[key] for key in LOGGED if key in last}
        of_run |= {"fn": matrix.fn.rate, "fp": matrix.fp.rate}
        for key, value in of_run.items():
            by_figure.setdefault(key, {}).setdefault(run.variant, []).append(value)
    return by_figure


def frechet_distance(result: Result, name: str) -> dict[str, float]:
    """The distance of a contestant's samples under its key of the record, which names the features."""
    assert not isinstance(result.fidelity, Missing)
    measured = result.fidelity[name].figures
    key, distance = next((key, value) for key, value in measured.items() if key.startswith("frechet"))
    assert not isinstance(distance, Missing)
    return {key: distance.value}


def compared(spec: Spec, folder: Path) -> dict[str, Any]:
    """Mean, standard deviation and runs by method, and p, of every figure."""
    comparisons: dict[str, Any] = {}
    for key, methods in figures(spec, folder).items():
        comparisons[key] = {
            method: {"mean": statistics.fmean(values), "sd": statistics.stdev(values), "runs": values}
            for method, values in methods.items()
        }
        comparisons[key]["permutation_p"] = permutation_p(*methods.values())
    return comparisons


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of both benchmarks")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    record: dict[str, Any] = {"versions": versions("torch", "numpy"), "machine": machine()}
    for data in ("mixture", "digits"):
        spec = load_spec(HERE / "simultaneous" / f"{data}.toml")
        if (arguments.runs / spec.name / "result.json").exists():
            record[data] = {
                "steps": spec.runs[0].recipe.steps, "recipe": spec.runs[0].recipe.method,
                "figures": compared(spec, arguments.runs / spec.name),
            }  # fmt: skip
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for data in ("mixture", "digits"):
        for key, entry in record.get(data, {}).get("figures", {}).items():
            words = "  ".join(
                f"{method} {summary['mean']:.4g} ± {summary['sd']:.2g}"
                for method, summary in entry.items() if method != "permutation_p"
            )  # fmt: skip
            print(f"{data}: {key}: {words}  p = {entry['permutation_p']:.3f}")


if __name__ == "__main__":
    main()
