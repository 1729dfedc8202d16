"""Referees of a benchmark that see labels, as those of a cross-test of its checkpoints do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_folders import trained_here
from tiny_referees import use_tiny

from gancross import crosstest
from gancross.data.catalogue import DEFAULT_ROOT
from gancross.data.sets import DataSet
from gancross.errors import UsageError
from gancross.evaluator.judged_data import load_reals
from gancross.evaluator.referees.records import Referees
from gancross.workflow import benchmark as runner
from gancross.workflow.benchmark import contestant_of, run_benchmark
from gancross.workflow.execution import Execution
from gancross.workflow.spec import parse_spec

LABELLED: dict[str, Any] = {
    "name": "labelled", "recipe": "digits-projection", "set": {"width": 4, "batch_size": 16, "steps": 2},
    "variants": {"a": {"regularizer": "none"}, "b": {}},
    "crosstest": {
        "num_samples": 200, "norm_check": False, "controls": False, "referees": "quick",
        "referee_labels": True,
    },
}  # fmt: skip


def test_they_see_the_labels_as_in_a_cross_test_of_the_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "run_as_process", trained_here)
    use_tiny(monkeypatch, steps=4)
    spec = parse_spec(LABELLED)
    result = run_benchmark(spec, tmp_path / "out", execution=Execution(device="cpu")).result
    assert isinstance(result.referees, Referees)
    assert result.referees.protocol.options.num_classes == 10 and result.referees.controls.labels is not None
    again = crosstest(
        [contestant_of(tmp_path / "out", run) for run in spec.runs], data="digits", num_samples=200,
        norm_check=False, controls=False, referees="quick", referee_labels=True, device="cpu",
    )  # fmt: skip
    assert again.referees == result.referees


def test_data_without_labels_are_refused_before_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlabelled(*arguments: Any, **options: Any) -> DataSet:
        return replace(load_reals(*arguments, **options), labels=None)

    monkeypatch.setattr(runner, "load_reals", unlabelled)
    spec = parse_spec(LABELLED | {"recipe": "digits-acgan"})
    with pytest.raises(UsageError, match="data 'digits': have no labels, which referees shall see"):
        run_benchmark(spec, tmp_path / "out", execution=Execution(device="cpu", data_root=DEFAULT_ROOT))
    assert not (tmp_path / "out" / "runs").exists()
