"""The demonstration's path, shortened: two real processes, one record, a report, a second call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from run_folders import trained_here

from gancross.errors import GancrossError
from gancross.trainer.recipes.fields import Setting
from gancross.workflow import benchmark as demo


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = demo.demo_spec()
    changes: dict[str, Setting] = {"width": 2, "steps": 20}
    runs = tuple(replace(run, recipe=run.recipe.with_changes(changes)) for run in whole.runs)
    monkeypatch.setattr(demo, "demo_spec", lambda: replace(whole, runs=runs, referees="none"))


@pytest.mark.usefixtures("short")
def test_two_gans_are_trained_and_cross_tested(tmp_path: Path) -> None:
    progress: dict[str, int] = {}
    first = demo.demonstrate(tmp_path, progress=lambda what, done, of: progress.update({what: done}))
    assert first.result.names == ["unregularized", "regularized"]
    assert first.result.protocol.options.num_samples == 10_000
    assert "data:image/png" in first.html.read_text(encoding="utf-8")
    assert all(path.exists() for path in (first.record, first.markdown, *first.checkpoints.values()))
    assert {"training regularized", "training unregularized", "test data"} <= set(progress)
    again = demo.demonstrate(tmp_path)
    assert replace(again.result, provenance=first.result.provenance) == first.result


@pytest.mark.usefixtures("short")
def test_a_training_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_as_process", trained_here)
    (tmp_path / "runs" / "regularized").mkdir(parents=True)
    (tmp_path / "runs" / "regularized" / "mine.txt").write_text("mine")
    with pytest.raises(GancrossError, match=r"run 'regularized': .*not the folder of a run") as failed:
        demo.demonstrate(tmp_path)
    assert failed.value.exit_code == 2
