"""Figures of referees in the gate: read with their intervals, of one protocol alone, never censored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_results import changed, with_contestants
from command_line import call
from grey_models import REALS, Brightness, ConstantGrey, model
from referee_records import referee_record, refereed, referees_of
from rich.console import Console
from scipy.stats import t

from gancross import Result, crosstest
from gancross.errors import UsageError
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.gate.comparison import Comparison, gate
from gancross.evaluator.gate.figures import METRICS, Reading
from gancross.evaluator.gate.protocols import NOT_DECIDING
from gancross.evaluator.referees.contestant_records import HalfDetectionNoise, RefereedContestant
from gancross.evaluator.referees.records import RefereeProtocolRecord
from gancross.report.text.gate import gate_json, gate_table

BOTH = {"detectability": 0.0, "half-detection-noise": 0.0}
Noise = tuple[float, float, float]


@cache
def template() -> Result:
    models = [model(name, ConstantGrey(0.0), Brightness(0.0)) for name in ("a", "b")]
    return refereed(crosstest(models, data=REALS, num_samples=30), [1.5, 3.0], n=60)


def with_figures(result: Result, figures: Mapping[str, RefereedContestant]) -> Result:
    return replace(result, referees=replace(referees_of(result), contestants=figures))


def figures(
    d: float = 0.5, half: Noise | str = (1.0, 0.8, 1.3), *, reach: float = 0.01
) -> RefereedContestant:
    """D with that reach, and σ½ with its limits, or on which side of the ladder it lies."""
    first = next(iter(referees_of(template()).contestants.values()))
    if isinstance(half, str):
        ends = first.rungs[0].sigma, first.rungs[-1].sigma
        side: Any = half
        noise = HalfDetectionNoise(value=Missing(f"G is {half}"), ci95=ends, censored=side)
    else:
        noise = HalfDetectionNoise(value=half[0], ci95=half[1:], censored=None)
    return replace(
        first, detectability=Estimate(value=d, low=d - reach, high=d + reach), half_detection_noise=noise
    )


def two(*of_a: Any, **options: Any) -> Result:
    """The template with these figures of a."""
    return with_figures(template(), {"a": figures(*of_a, **options), "b": figures()})


def change(new: Result, old: Result, metric: str) -> Comparison:
    (found,) = (entry for entry in gate(new, old, tolerances={metric: 0.0}).comparisons if entry.name == "a")
    return found


def test_figures_are_read_with_their_intervals() -> None:
    result = two(0.5, (2.0, 1.5, 2.7), reach=0.25)
    assert METRICS["detectability"].read(result, "a", ()) == Reading(value=0.5, interval=(0.25, 0.75))
    assert METRICS["half-detection-noise"].read(result, "a", ()) == Reading(value=2.0, interval=(1.5, 2.7))
    without = replace(result, referees=Missing("none"))
    assert METRICS["detectability"].read(without, "a", ()) is None
    assert METRICS["half-detection-noise"].read(without, "a", ()) is None


def test_what_is_told_more_surely_is_a_regression() -> None:
    old, worse = two(0.4, (1.0, 0.9, 1.1)), two(0.6, (3.0, 2.8, 3.3))
    for metric in BOTH:
        assert change(worse, old, metric).decision == "regression"
        assert change(old, worse, metric).decision == "improvement"
        assert change(old, old, metric).decision == "within noise"


def test_a_limit_at_an_end_of_the_ladder_limits_nothing() -> None:
    finest, coarsest = (referees_of(template()).contestants["a"].rungs[i].sigma for i in (0, -1))
    old = two(0.5, (10.0, 8.0, coarsest))
    within = change(two(0.5, (20.0, 19.0, 21.0)), old, "half-detection-noise")
    assert within.decision == "within noise" and within.interval is not None
    assert within.interval[0] == -math.inf and math.isfinite(within.interval[1])
    # The other end is known, so that a figure that became better is heard still.
    assert change(two(0.5, (2.0, 1.5, 2.5)), old, "half-detection-noise").decision == "improvement"
    low = two(0.5, (0.02, finest, 0.04))
    assert METRICS["half-detection-noise"].read(low, "a", ()) == Reading(value=0.02, interval=(0.0, 0.04))
    (entry, *_) = json.loads(gate_json(gate(two(0.5, (20.0, 19.0, 21.0)), old, tolerances=BOTH)))[
        "comparisons"
    ][1:]
    assert entry["metric"] == "half-detection-noise" and entry["interval"][0] is None


@pytest.mark.parametrize(("side", "where"), [("beyond", "in the baseline"), ("below", "in the result")])
def test_a_censored_figure_is_not_gated_and_says_why(side: str, where: str) -> None:
    censored, whole = two(0.5, side), two(0.5)
    sides = (whole, censored) if where == "in the baseline" else (censored, whole)
    outcome = gate(*sides)
    (entry,) = outcome.not_gated
    assert (entry.name, entry.metric, entry.reason) == ("a", "half-detection-noise", f"{where} G is {side}")
    compared = {(found.name, found.metric) for found in outcome.comparisons}
    assert ("a", "half-detection-noise") not in compared and ("b", "half-detection-noise") in compared
    with (console := Console(width=200)).capture() as captured:
        console.print(gate_table(outcome))
    assert f"half-detection-noise of a is not gated: {where} G is {side}." in captured.get()
    assert json.loads(gate_json(outcome))["not_gated"] == [
        {"name": "a", "metric": "half-detection-noise", "reason": f"{where} G is {side}"}
    ]


def test_a_metric_that_is_censored_for_all_cannot_be_asked_for() -> None:
    censored = with_figures(template(), dict.fromkeys("ab", figures(0.5, "beyond")))
    with pytest.raises(
        UsageError, match=r"'half-detection-noise' of 'a' cannot be compared: in the baseline G"
    ):
        gate(censored, censored, tolerances={"half-detection-noise": 1.0})
    assert {entry.name for entry in gate(censored, censored).not_gated} == {"a", "b"}


# Protocols


def other(value: Any) -> Any:
    """Another value of its kind."""
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1) if value else (1.0,)
    if isinstance(value, str):
        return "f" * 64 if len(value) == 64 else f"{value}!"
    return 7 if value is None else value + 1


PROTOCOL = referee_record({"a": 1.0}, n=40)[0].protocol
DECIDING = [key for key in vars(PROTOCOL) if key not in NOT_DECIDING]


def with_protocol(result: Result, protocol: RefereeProtocolRecord) -> Result:
    return changed(result, "referees", protocol=protocol)


@pytest.mark.parametrize("key", [*DECIDING, *(f"options.{key}" for key in vars(PROTOCOL.options))])
def test_results_of_different_referee_protocols_are_not_comparable(key: str) -> None:
    path, _, name = key.rpartition(".")
    record = referees_of(template()).protocol
    part = record.options if path else record
    different = with_protocol(template(), changed(record, path, **{name: other(getattr(part, name))}))
    with pytest.raises(UsageError, match=rf"gate: not comparable: referees\.protocol\.{name} is ") as refused:
        gate(different, template())
    assert "\n" not in str(refused.value) and "in the baseline" in str(refused.value)
    assert not gate(different, template(), tolerances={"fn": 0.0}).regressions  # not of referees


def test_what_decides_nothing_may_differ() -> None:
    record = referees_of(template()).protocol
    words = replace(record, spread=record.spread * 2, lowered_by=("b",), reals="those of another folder")
    assert not gate(with_protocol(template(), words), template()).regressions


def test_a_baseline_without_referees_is_compared_by_the_rest() -> None:
    before = replace(template(), referees=Missing("recorded before there were referees"))
    metrics = {entry.metric for entry in gate(template(), before).comparisons}
    assert "fn" in metrics and not metrics & set(BOTH)
    with pytest.raises(UsageError, match="metric 'detectability' is not in both results"):
        gate(template(), before, tolerances={"detectability": 0.0})


def test_the_command_ends_with_2_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline, result = tmp_path / "old.json", tmp_path / "new.json"
    template().save(baseline)
    changed(template(), "referees.protocol.options", steps=3200).save(result)
    assert call("gate", result, "--baseline", baseline) == 2
    message = capsys.readouterr().err.strip()
    assert "referees.protocol.steps is 3200, in the baseline 600" in " ".join(message.split())
    assert call("gate", baseline, "--baseline", baseline) == 0


# Methods


def runs(values: Mapping[str, Sequence[RefereedContestant]]) -> Result:
    """A result with a run for each of these figures, by method."""
    methods = {method: [f"{method}{i}" for i in range(len(row))] for method, row in values.items()}
    by_name = {
        name: entry
        for method, row in values.items()
        for name, entry in zip(methods[method], row, strict=True)
    }
    record = replace(referees_of(template()), contestants=by_name)
    return replace(with_contestants(template(), methods), referees=record)


def test_methods_are_compared_by_the_spread_of_their_runs() -> None:
    old, new = [0.40, 0.42, 0.44, 0.46, 0.48], [0.47, 0.49]
    sides = (runs({"m": [figures(d, reach=1e-4) for d in side]}) for side in (new, old))
    (found,) = gate(*sides, tolerances={"detectability": 0.0}).comparisons
    reach = t.ppf(0.975, 4) * np.std(old, ddof=1) * math.sqrt(1 / 5 + 1 / 2)
    assert found.runs == (5, 2) and found.scale == "linear"
    assert found.interval == pytest.approx((0.04 - reach, 0.04 + reach), abs=1e-6)


def test_half_detection_noises_of_runs_are_compared_by_their_logarithms() -> None:
    def side(values: Sequence[float]) -> Result:
        return runs({"m": [figures(0.5, (v, 0.999 * v, 1.001 * v)) for v in values]})

    outcome = gate(
        side([8.0, 9.0]), side([1.0, 1.1, 1.2, 0.9, 0.8]), tolerances={"half-detection-noise": 0.0}
    )  # fmt: skip
    (found,) = outcome.comparisons
    assert found.scale == "log" and found.decision == "regression"
    assert found.new == pytest.approx(math.sqrt(72))


def test_a_censored_run_is_not_left_out_of_a_mean() -> None:
    whole = runs({"m": [figures()] * 5})
    one = runs({"m": [figures()] * 4 + [figures(0.9, "beyond")]})
    outcome = gate(one, whole)
    assert [found.metric for found in outcome.comparisons] == ["detectability"]
    (entry,) = outcome.not_gated
    assert entry.reason == "in the result G is beyond, of 1 of 5 runs"
