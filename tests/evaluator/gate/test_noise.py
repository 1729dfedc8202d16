"""The noise between methods is at least that of sampling, and of skewed figures that of their logarithms."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from changed_results import matrix_of, with_contestants
from rich.console import Console
from scipy.stats import t
from simulated import gate as simulated

from gancross import Result
from gancross.evaluator.estimates import Measurement, Missing, Proportion
from gancross.evaluator.fidelity.figures import FidelityFigures
from gancross.evaluator.gate.comparison import Comparison, gate
from gancross.evaluator.gate.figures import METRICS
from gancross.evaluator.gate.runs import RunFigures
from gancross.evaluator.gate.spread import noise_interval, sampling_interval
from gancross.evaluator.statistics.proportions import difference
from gancross.report.text.gate import gate_json, gate_table

LEVEL = 0.95
FRECHET = "frechet_distance[identity]"


def rates(counts: Sequence[Sequence[int]], n: int, *, samples_of_opponents: bool = False) -> RunFigures:
    """Shares of n samples, run by opponent."""
    proportions = [[Proportion(count=count, n=n) for count in row] for row in counts]
    limits = np.array([[(p.rate, *p.ci95) for p in row] for row in proportions])
    values, low, high = np.moveaxis(limits, -1, 0)
    return RunFigures(
        values={"b": values}, low={"b": low}, high={"b": high}, samples_of_opponents=samples_of_opponents
    )


def width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def result(fn: Mapping[str, Sequence[int]], distances: Mapping[str, Sequence[float]] = {}) -> Result:
    """Runs of methods with these counts of FN in 10,000, and perhaps with these Fréchet distances."""
    template = simulated.template()
    matrix = matrix_of(template, "x")
    counts = {f"{method}{i}": count for method, row in fn.items() for i, count in enumerate(row)}
    values = {f"{method}{i}": value for method, row in distances.items() for i, value in enumerate(row)}
    fidelity = {
        name: FidelityFigures(n=9, figures={FRECHET: Measurement(value=value, ci95=Missing("none"))})
        for name, value in values.items()
    }
    return replace(
        with_contestants(template, {m: [f"{m}{i}" for i in range(len(row))] for m, row in fn.items()}),
        confusion={name: replace(matrix, fn=Proportion(count=n, n=10_000)) for name, n in counts.items()},
        fidelity=fidelity or Missing("none"),
    )


def distance_change(old: Sequence[float], new: Sequence[float], allowed: float = 0.0) -> Comparison:
    sides = (result({"m": [1] * len(side)}, {"m": side}) for side in (new, old))
    (change,) = gate(*sides, tolerances={"fid": allowed}).comparisons
    return change


# At least the noise of sampling


def test_of_one_run_a_side_the_sampling_interval_is_newcombes() -> None:
    old, new = Proportion(count=3, n=400), Proportion(count=40, n=400)
    interval = sampling_interval(rates([[3]], 400), rates([[40]], 400), level=LEVEL)
    assert interval == pytest.approx(difference(new, old).ci95, abs=1e-6)


def test_samples_that_all_judges_share_are_counted_once() -> None:
    """Own samples: a new set with every run. Those of an opponent: the same, however many judges."""
    one, five = [[40]], [[40]] * 5
    own = [width(sampling_interval(rates(c, 400), rates(c, 400), level=LEVEL)) for c in (one, five)]
    shared = [
        rates(counts, 400, samples_of_opponents=True) for counts in (one, five, [[40] * 5])
    ]  # one judge, five judges, one judge of five opponents
    theirs = [width(sampling_interval(side, side, level=LEVEL)) for side in shared]
    assert own[0] / own[1] == pytest.approx(math.sqrt(5))
    assert theirs[0] == pytest.approx(theirs[1]) and theirs[0] / theirs[2] == pytest.approx(math.sqrt(5))


def test_the_noise_is_never_less_than_either_spread_or_sampling() -> None:
    alike, apart = rates([[40]] * 5, 400).values, rates([[0], [40], [80], [120], [160]], 400).values
    sampled = rates([[40]] * 5, 400)
    of_sampling = width(sampling_interval(sampled, sampled, level=LEVEL))
    figures = (replace(sampled, values={None: side["b"]}, low=side, high=side) for side in (alike, apart))
    few, many = (
        replace(side, low={None: sampled.low["b"]}, high={None: sampled.high["b"]}) for side in figures
    )
    assert width(noise_interval(few, few, level=LEVEL)) == pytest.approx(of_sampling)
    assert width(noise_interval(many, few, level=LEVEL)) > 5 * of_sampling


def test_one_error_more_of_perfect_judges_is_no_regression_and_twenty_are_one() -> None:
    baseline = result({"a": [0] * 5, "b": [7] * 5})
    decisions = [
        gate(result({"a": new, "b": [7] * 5}), baseline, tolerances={"fn": 0.0}).comparisons[0].decision
        for new in ([0] * 5, [1, 0, 0, 0, 0], [1] * 5, [20] * 5)
    ]
    assert decisions == ["within noise", "within noise", "within noise", "regression"]


@pytest.mark.parametrize(("claim", "draws"), [("gate-rare-errors", 6), ("gate-planted-changes", 2)])
def test_simulated_gates_ring_as_often_as_promised(claim: str, draws: int) -> None:
    for finding in simulated.CLAIMS[claim][0](draws):
        assert finding.within_target(errors=3), finding


# Skewed figures


def test_distances_are_compared_by_their_logarithms() -> None:
    old, new = [10.0, 30.0, 15.0, 40.0, 12.0], [25.0, 35.0]
    change = distance_change(old, new)
    middle = np.log(new).mean() - np.log(old).mean()
    scale = np.log(old).std(ddof=1) * math.sqrt(1 / 5 + 1 / 2)
    ratios = np.exp(t.interval(LEVEL, 4, loc=middle, scale=scale))
    assert (change.old, change.new) == pytest.approx((np.exp(np.log(old).mean()), math.sqrt(25 * 35)))
    assert change.scale == "log" and change.interval == pytest.approx(change.old * (ratios - 1))


def test_what_a_gate_says_of_a_distance_does_not_depend_on_its_unit() -> None:
    old, new = [10.0, 30.0, 15.0, 40.0, 12.0], [300.0, 500.0]
    changes = [distance_change([c * x for x in old], [c * x for x in new]) for c in (1.0, 1000.0)]
    assert {change.decision for change in changes} == {"regression"}
    assert changes[1].interval == pytest.approx([1000 * x for x in changes[0].interval or ()])


def test_the_tolerance_of_a_distance_is_in_its_own_unit() -> None:
    old, new = [10.0, 10.1, 9.9, 10.0, 10.0], [20.0, 20.0]
    decisions = [distance_change(old, new, allowed).decision for allowed in (0.0, 9.0, 11.0)]
    assert decisions == ["regression", "regression", "within tolerance"]


def test_a_distance_of_zero_is_compared_as_it_is() -> None:
    change = distance_change([0.0, 1.0, 2.0, 3.0, 4.0], [5.0])
    assert change.scale == "linear" and (change.old, change.new) == (2.0, 5.0)


def test_the_scale_follows_from_the_range() -> None:
    scales = {name for name, metric in METRICS.items() if metric.scale == "log"}
    assert scales == {"fid", "half-detection-noise"}


def test_ratios_are_shown_in_per_cent() -> None:
    sides = (result({"m": [1] * len(side)}, {"m": side}) for side in ([20.0] * 2, [10.0, 10.1, 9.9, 10, 10]))
    outcome = gate(*sides)
    with (console := Console(width=120)).capture() as captured:
        console.print(gate_table(outcome))
    text = captured.get()
    assert "+100 %" in text and "geometric means" in text
    scales = {change["metric"]: change["scale"] for change in json.loads(gate_json(outcome))["comparisons"]}
    assert scales == {"fn": "linear", "fid": "log"}
