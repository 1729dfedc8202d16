"""The gate: what it compares, refuses and decides; its false alarms under noise alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_results import changed, matrix_of, with_cells, with_contestants, with_fn
from command_line import call

from gancross import Result
from gancross.checkpoint.file import load_contestant
from gancross.cli.gate import tolerance
from gancross.errors import UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.estimates import Measurement, Missing, Proportion
from gancross.evaluator.fidelity.figures import FidelityFigures
from gancross.evaluator.gate.comparison import gate
from gancross.evaluator.statistics.proportions import difference

FRECHET = "frechet_distance[digits-cnn]"


@pytest.fixture(scope="module")
def two(checkpoints: dict[str, Path]) -> Result:
    """A real result of two models."""
    contestants = [
        load_contestant(checkpoints[f"digits-{label}"], name=label) for label in ("plain", "regularized")
    ]
    return crosstest(contestants, data="digits", num_samples=500, metrics=("fid",), norm_check=False)


def distance(value: float) -> Measurement:
    return Measurement(value=value, ci95=Missing("not estimated"))


def runs(two: Result, distances: Mapping[str, Sequence[float]]) -> Result:
    """A result with one contestant per value, which is its Fréchet distance; by method."""
    values = {f"{method}-{i}": value for method, row in distances.items() for i, value in enumerate(row)}
    methods = {method: [f"{method}-{i}" for i in range(len(row))] for method, row in distances.items()}
    return replace(
        with_contestants(two, methods),
        fidelity={
            name: FidelityFigures(n=500, figures={FRECHET: distance(value)}) for name, value in values.items()
        },
    )


def test_a_result_passes_against_itself(two: Result) -> None:
    outcome = gate(two, two)
    assert outcome.unit == "checkpoint" and not outcome.regressions
    assert {change.metric for change in outcome.comparisons} == {
        "fn", "auc", "cross-fp", "cross-auc", "fooled", "detected-auc", "fid",
    }  # fmt: skip
    assert all(change.decision == "within noise" and change.difference == 0 for change in outcome.comparisons)


def test_every_metric_has_one_direction(two: Result) -> None:
    """Swapping result and baseline turns every regression into an improvement of the same size."""
    name = two.names[0]
    fooled = {
        place: replace(cell, fp=Proportion(count=500, n=500))
        for place, cell in two.cells.items()
        if cell.judge == name and not cell.is_own
    }
    worse = with_cells(two, fooled)
    forth, back = gate(worse, two), gate(two, worse)
    assert [(change.name, change.metric) for change in forth.regressions] == [(name, "cross-fp")]
    turned = {"regression": "improvement", "improvement": "regression"}
    for change, reverse in zip(forth.comparisons, back.comparisons, strict=True):
        assert turned.get(change.decision, change.decision) == reverse.decision
        assert change.difference == -reverse.difference
    improved = {change.metric for change in forth.comparisons if change.decision == "improvement"}
    assert improved == {"fooled"}  # the same proportion, seen from the other model


def test_one_rate_alone_has_newcombes_interval(two: Result) -> None:
    only = replace(two, contestants=two.contestants[:1])
    (name,) = only.names
    old, new = matrix_of(two, name).fn, Proportion(count=300, n=596)
    (change,) = gate(with_fn(only, name, new), only, tolerances={"fn": 0.0}).comparisons
    assert change.interval == pytest.approx(difference(new, old).ci95, abs=1e-6)


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("protocol.data", {"sha256": "0" * 64}, "protocol.data.sha256 is '000"),
        ("protocol.options", {"num_samples": 400}, "protocol.num_fake is 400, in the baseline 500"),
        ("protocol.options", {"norm": "batch"}, "protocol.norm is 'batch', in the baseline 'eval'"),
        ("protocol.options", {"quantize": False}, "protocol.quantize is False"),
        ("protocol.fidelity", {"weights_sha256": "1" * 64}, "protocol.fidelity.weights_sha256"),
        ("protocol.fidelity", {"fid_statistics_sha256": "1" * 64}, "protocol.fidelity.fid_statistics_sha256"),
    ],
)
def test_what_cannot_be_compared_is_named(
    two: Result, path: str, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match="not comparable") as refused:
        gate(changed(two, path, **fields), two)
    assert reason in str(refused.value)


def test_every_contestant_of_the_baseline_must_be_there(two: Result) -> None:
    renamed = replace(two.contestants[0], name="new")
    with pytest.raises(UsageError, match="not comparable: 'plain' of the baseline is not in the result"):
        gate(replace(two, contestants=(renamed, two.contestants[1])), two)


def test_methods_need_five_runs_and_use_their_spread(two: Result) -> None:
    few = runs(two, {"m": [0.1, 0.2, 0.3, 0.4]})
    with pytest.raises(UsageError, match="4 runs of method 'm'"):
        gate(few, few)
    baseline = runs(two, {"m": [0.10, 0.11, 0.12, 0.13, 0.14], "other": [0.5] * 5})
    fine = gate(runs(two, {"m": [0.14], "other": [0.5]}), baseline, tolerances={"fid": 0.0})
    assert fine.unit == "method" and not fine.regressions
    (bad,) = gate(runs(two, {"m": [0.3], "other": [0.5]}), baseline, tolerances={"fid": 0.0}).regressions
    assert (bad.name, bad.runs) == ("m", (5, 1)) and bad.interval is not None and bad.interval[0] > 0
    allowed = gate(runs(two, {"m": [0.3], "other": [0.5]}), baseline, tolerances={"fid": 0.2})
    assert [change.decision for change in allowed.comparisons] == ["within tolerance", "within noise"]
    assert {change.metric for change in gate(baseline, baseline).comparisons} == {"fid"}


def test_a_method_is_compared_by_its_rates_too(two: Result) -> None:
    methods = {"m": [f"m{i}" for i in range(5)], "other": [f"o{i}" for i in range(5)]}
    baseline = with_contestants(two, methods)
    matrix = matrix_of(two, two.names[0])
    rates = {name: Proportion(count=40 + i % 5, n=400) for i, name in enumerate(baseline.names)}
    baseline = replace(baseline, confusion={name: replace(matrix, fn=fn) for name, fn in rates.items()})
    worse = baseline
    for name in methods["m"]:
        worse = with_fn(worse, name, Proportion(count=120, n=400))
    (bad,) = gate(worse, baseline, tolerances={"fn": 0.0}).regressions
    assert (bad.name, bad.metric, bad.runs) == ("m", "fn", (5, 5))
    assert bad.difference == pytest.approx(0.3 - 0.105)


def test_a_figure_without_an_interval_is_decided_by_the_tolerance_alone(two: Result) -> None:
    name = two.names[0]
    assert not isinstance(two.fidelity, Missing)
    measured = two.fidelity[name]
    old = measured.figures[FRECHET]
    assert isinstance(old, Measurement)
    figures = {**measured.figures, FRECHET: distance(old.value + 5)}
    fidelity = {**two.fidelity, name: replace(measured, figures=figures)}
    worse = replace(two, fidelity=fidelity)
    decisions = [
        {change.decision for change in gate(worse, two, tolerances={"fid": allowed}).comparisons}
        for allowed in (0.0, 1.0, 9.0)
    ]
    assert decisions == [
        {"not decided", "within noise"}, {"regression", "within noise"}, {"within tolerance", "within noise"},
    ]  # fmt: skip


def test_false_alarms_under_noise_alone_are_as_rare_as_promised(two: Result) -> None:
    """Two comparisons with normal noise between runs: at most 5 % of gates see any change, either way."""
    random = np.random.default_rng(0)
    alarms, trials = 0, 400
    for _ in range(trials):
        old = runs(two, {"a": random.normal(size=6).tolist(), "b": random.normal(size=6).tolist()})
        new = runs(two, {"a": random.normal(size=2).tolist(), "b": random.normal(size=2).tolist()})
        outcome = gate(new, old, tolerances={"fid": 0.0})
        alarms += any(change.decision in ("regression", "improvement") for change in outcome.comparisons)
    # The binomial standard deviation is 0.011.
    assert 0.01 < alarms / trials < 0.085


def test_tolerances_are_checked(two: Result) -> None:
    wrong = [({"fdi": 1.0}, "did you mean 'fid'"), ({"fn": -1.0}, "≥ 0"), ({"kid": 1.0}, "'kid'")]
    for tolerances, reason in wrong:
        with pytest.raises(UsageError, match=reason):
            gate(two, two, tolerances=tolerances)
    assert tolerance("fid=0.5") == ("fid", 0.5)
    for text in ("fid", "fid=", "fid=x", "fid=nan"):
        with pytest.raises(UsageError, match="METRIC=VALUE"):
            tolerance(text)


def test_the_command_records_passes_and_fails(
    two: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, baseline = str(tmp_path / "result.json"), str(tmp_path / "baseline.json")
    two.save(result)
    assert call("gate", result, "--baseline", baseline) == 2
    assert call("gate", result, "--baseline", baseline, "--record") == 0
    capsys.readouterr()
    assert call("gate", result, "--baseline", baseline) == 0
    assert "Gate passed" in capsys.readouterr().out
    name = two.names[0]
    n = matrix_of(two, name).fn.n
    with_fn(two, name, Proportion(count=n - 1, n=n)).save(result)
    assert call("gate", result, "--baseline", baseline, "--json") == 6
    captured = capsys.readouterr()
    assert not json.loads(captured.out)["passed"] and f"fn of '{name}'" in captured.err
    assert call("gate", result, "--baseline", baseline, "--max-regression", "fn=0.999") == 0


def test_a_figure_that_the_result_lacks_is_said(two: Result, tmp_path: Path, capsys: Any) -> None:
    """In one line, whichever contestants lack it; on request the gate fails."""
    less = replace(two, fidelity=Missing("not asked for"))
    for name, result in {"old": two, "new": less}.items():
        (tmp_path / f"{name}.json").write_text(result.to_json())
    outcome = gate(less, two)
    assert outcome.passed and {entry.metric for entry in outcome.lacking} == {"fid"}
    assert not gate(two, less).lacking and gate(two, two, require_all=True).passed
    arguments = ["gate", tmp_path / "new.json", "--baseline", tmp_path / "old.json"]
    line = "The result lacks figures of the baseline: fid of 'plain', 'regularized'."
    assert call(*arguments) == 0
    assert line in " ".join(capsys.readouterr().out.split())
    assert call(*arguments, "--require-all") == 6
    assert "lacks 2 figures of the baseline. fid of 'plain', 'regularized'" in capsys.readouterr().err
    assert call(*arguments, "--json", "--require-all") == 6
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_a_method_that_lacks_a_figure(two: Result) -> None:
    rows = {"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [2.0] * 5}
    old, new = runs(two, rows), replace(runs(two, rows), fidelity=Missing("not asked for"))
    assert [(entry.name, entry.metric) for entry in gate(new, old).lacking] == [("a", "fid"), ("b", "fid")]
