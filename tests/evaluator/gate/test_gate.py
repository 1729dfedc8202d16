"""The gate: what it compares, refuses and decides; its false alarms under noise alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gancross.evaluator.result.result import Result

from gancross.checkpoint.file import load_contestant
from gancross.cli.gate import tolerance
from gancross.cli.main import main
from gancross.errors import UsageError
from gancross.evaluator.crosstest import crosstest
from gancross.evaluator.estimates import Proportion
from gancross.evaluator.gate.comparison import gate
from gancross.evaluator.gate.figures import METRICS
from gancross.evaluator.statistics.proportions import difference, wilson_interval

Plain = dict[str, Any]


@pytest.fixture(scope="module")
def two(checkpoints: dict[str, Path]) -> Plain:
    """A real result of two models."""
    contestants = [
        load_contestant(checkpoints[f"digits-{label}"], name=label) for label in ("plain", "regularized")
    ]
    found = crosstest(contestants, data="digits", num_samples=500, metrics=("fid",), norm_check=False)
    return found.to_dict()


def runs(two: Plain, values: dict[str, list[float]]) -> Result:
    """A result with one contestant per value, which is its FN and its Fréchet distance."""
    document = copy.deepcopy(two)
    first = document["contestants"][0]
    rate = document["confusion"][first["name"]]["fn"]
    names = [(f"{method}-{i}", method, fn) for method, fns in values.items() for i, fn in enumerate(fns)]
    document["contestants"] = [first | {"name": name, "method": method} for name, method, _ in names]
    document["confusion"] = {name: {"fn": rate | {"rate": fn}} for name, _, fn in names}
    document["fidelity"] = {name: {"frechet_distance[digits-cnn]": fn} for name, _, fn in names}
    document["cross"] = []
    return Result(document)


def changed(two: Plain, path: str, value: Any) -> Result:
    document = copy.deepcopy(two)
    inner = document
    *way, last = path.split("/")
    for key in way:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[last] = value
    return Result(document)


def test_a_result_passes_against_itself(two: Plain) -> None:
    found = gate(Result(two), Result(two))
    assert found.unit == "checkpoint" and not found.regressions
    assert {one.metric for one in found.comparisons} == {
        "fn", "auc", "cross-fp", "cross-auc", "fooled", "detected-auc", "fid",
    }  # fmt: skip
    assert all(one.decision == "within noise" and one.difference == 0 for one in found.comparisons)


def test_every_metric_has_one_direction(two: Plain) -> None:
    """Swapping result and baseline turns every regression into an improvement of the same size."""
    name = two["contestants"][0]["name"]
    worse = copy.deepcopy(two)
    for cell in worse["cross"]:
        if cell["judge"] == name and cell["generator"] != name:
            cell["fp"] |= {"count": cell["fp"]["n"], "rate": 1.0, "ci95": [0.99, 1.0]}
    forth, back = gate(Result(worse), Result(two)), gate(Result(two), Result(worse))
    assert [(one.name, one.metric) for one in forth.regressions] == [(name, "cross-fp")]
    turned = {"regression": "improvement", "improvement": "regression"}
    for one, other in zip(forth.comparisons, back.comparisons, strict=True):
        assert turned.get(one.decision, one.decision) == other.decision
        assert one.difference == -other.difference
    improved = {one.metric for one in forth.comparisons if one.decision == "improvement"}
    assert improved == {"fooled"}  # the same share, seen from the other model


def test_one_rate_alone_has_newcombes_interval(two: Plain) -> None:
    name = two["contestants"][0]["name"]
    old = two["confusion"][name]["fn"]
    share = Proportion(count=300, n=596)
    fresh = changed(
        two, f"confusion/{name}/fn", old | {"count": 300, "rate": share.rate, "ci95": wilson_interval(share)}
    )
    only_one = copy.deepcopy(two)
    only_one["contestants"] = only_one["contestants"][:1]
    fresh.document["contestants"] = fresh.document["contestants"][:1]
    (found,) = gate(fresh, Result(only_one), tolerances={"fn": 0.0}).comparisons
    expected = difference(share, Proportion(count=old["count"], n=old["n"]))
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("protocol/data/sha256", "0" * 64, "protocol.data.sha256 is '000"),
        ("protocol/num_fake", 400, "protocol.num_fake is 400, in the baseline 500"),
        ("protocol/norm", "batch", "protocol.norm is 'batch', in the baseline 'eval'"),
        ("protocol/quantize", False, "protocol.quantize is False"),
        ("protocol/fidelity/weights_sha256", "1" * 64, "protocol.fidelity.weights_sha256"),
        ("protocol/fidelity/fid_statistics_sha256", "1" * 64, "protocol.fidelity.fid_statistics_sha256"),
        ("contestants/0/name", "other", "of the baseline is not in the result"),
    ],
)
def test_what_cannot_be_compared_is_named(two: Plain, path: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match="not comparable") as refused:
        gate(changed(two, path, value), Result(two))
    assert said in str(refused.value)


def test_methods_need_five_runs_and_use_their_spread(two: Plain) -> None:
    few = runs(two, {"m": [0.1, 0.2, 0.3, 0.4]})
    with pytest.raises(UsageError, match="4 runs of method 'm'"):
        gate(few, few)
    baseline = runs(two, {"m": [0.10, 0.11, 0.12, 0.13, 0.14], "other": [0.5] * 5})
    fine = gate(runs(two, {"m": [0.14], "other": [0.5]}), baseline, tolerances={"fn": 0.0})
    assert fine.unit == "method" and not fine.regressions
    (bad,) = gate(runs(two, {"m": [0.3], "other": [0.5]}), baseline, tolerances={"fn": 0.0}).regressions
    assert (bad.name, bad.runs) == ("m", (5, 1)) and bad.interval is not None and bad.interval[0] > 0
    allowed = gate(runs(two, {"m": [0.3], "other": [0.5]}), baseline, tolerances={"fn": 0.2})
    assert [one.decision for one in allowed.comparisons] == ["within tolerance", "within noise"]
    assert "fid" in {one.metric for one in gate(baseline, baseline).comparisons}


def test_a_figure_without_an_interval_is_decided_by_the_tolerance_alone(two: Plain) -> None:
    name = two["contestants"][0]["name"]
    key, value = next(iter((k, v) for k, v in two["fidelity"][name].items() if k.startswith("frechet")))
    worse = changed(two, f"fidelity/{name}/{key}", value + 5)
    decisions = [
        {one.decision for one in gate(worse, Result(two), tolerances={"fid": allowed}).comparisons}
        for allowed in (0.0, 1.0, 9.0)
    ]
    assert decisions == [
        {"not decided", "within noise"}, {"regression", "within noise"}, {"within tolerance", "within noise"},
    ]  # fmt: skip


def test_false_alarms_under_noise_alone_are_as_rare_as_promised(two: Plain) -> None:
    """Ten comparisons with normal noise between runs: at most 5 % of gates see any change, either way."""
    random = np.random.default_rng(0)
    alarms, trials = 0, 400
    for _ in range(trials):
        old = runs(two, {"a": list(random.normal(size=6)), "b": list(random.normal(size=6))})
        new = runs(two, {"a": list(random.normal(size=2)), "b": list(random.normal(size=2))})
        found = gate(new, old, tolerances={"fn": 0.0})
        alarms += any(one.decision in ("regression", "improvement") for one in found.comparisons)
    # The binomial standard deviation is 0.011.
    assert 0.01 < alarms / trials < 0.085


def test_tolerances_are_checked(two: Plain) -> None:
    for given, said in [({"fdi": 1.0}, "did you mean 'fid'"), ({"fn": -1.0}, "≥ 0"), ({"kid": 1.0}, "'kid'")]:
        with pytest.raises(UsageError, match=said):
            gate(Result(two), Result(two), tolerances=given)
    assert tolerance("fid=0.5") == ("fid", 0.5)
    for text in ("fid", "fid=", "fid=x", "fid=nan"):
        with pytest.raises(UsageError, match="METRIC=VALUE"):
            tolerance(text)


def test_the_command_records_passes_and_fails(
    two: Plain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as left:
            main(["gate", *arguments])
        return int(left.value.code or 0)

    result, baseline = str(tmp_path / "result.json"), str(tmp_path / "baseline.json")
    Result(two).save(result)
    assert call(result, "--baseline", baseline) == 2
    assert call(result, "--baseline", baseline, "--record") == 0
    capsys.readouterr()
    assert call(result, "--baseline", baseline) == 0
    assert "Gate passed" in capsys.readouterr().out
    name = two["contestants"][0]["name"]
    rate = two["confusion"][name]["fn"] | {"rate": 0.99, "ci95": [0.98, 1.0]}
    changed(two, f"confusion/{name}/fn", rate).save(result)
    assert call(result, "--baseline", baseline, "--json") == 6
    shown = capsys.readouterr()
    assert not json.loads(shown.out)["passed"] and f"fn of '{name}'" in shown.err
    assert call(result, "--baseline", baseline, "--max-regression", "fn=0.999") == 0


def test_every_metric_says_what_it_is() -> None:
    assert all(metric.meaning for metric in METRICS.values())
