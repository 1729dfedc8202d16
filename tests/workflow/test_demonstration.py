"""The demonstration's path, shortened: two real processes, one record, a report, a second call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from forked import fork_runs
from run_folders import trained_here

from gancross.cli.main import cli
from gancross.errors import GancrossError
from gancross.trainer.recipes.fields import Setting
from gancross.workflow import benchmark as demo


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = demo.demo_spec()
    changes: dict[str, Setting] = {"width": 2}
    runs = tuple(
        replace(run, recipe=run.recipe.with_changes(changes | {"steps": steps}))
        for run, steps in zip(whole.runs, (10, 20), strict=True)
    )
    monkeypatch.setattr(demo, "demo_spec", lambda: replace(whole, runs=runs, referees="none"))


@pytest.mark.usefixtures("short")
def test_two_gans_are_trained_and_cross_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork_runs(monkeypatch)
    progress: dict[str, int] = {}
    first = demo.demonstrate(tmp_path, progress=lambda what, done, of: progress.update({what: done}))
    assert first.result.names == ["brief", "long"]
    assert first.result.protocol.options.num_samples == 10_000
    assert "data:image/png" in first.html.read_text(encoding="utf-8")
    assert all(path.exists() for path in (first.record, first.markdown, *first.checkpoints.values()))
    assert {"training brief", "training long", "test data"} <= set(progress)
    again = demo.demonstrate(tmp_path)
    assert replace(again.result, provenance=first.result.provenance) == first.result


@pytest.mark.usefixtures("short")
def test_a_training_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_as_process", trained_here)
    (tmp_path / "runs" / "long").mkdir(parents=True)
    (tmp_path / "runs" / "long" / "mine.txt").write_text("mine")
    with pytest.raises(GancrossError, match=r"run 'long': .*not the folder of a run") as failed:
        demo.demonstrate(tmp_path)
    assert failed.value.exit_code == 2


@pytest.mark.usefixtures("short")
def test_a_second_call_says_what_it_reuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_as_process", trained_here)
    runner, arguments = CliRunner(), ["demo", "--out", str(tmp_path / "demo")]
    first, second = (runner.invoke(cli, arguments, catch_exceptions=False) for _ in range(2))
    assert "reused" not in first.stderr
    assert "Trained before, reused: brief, long\n" in second.stderr
    report = str(tmp_path / "demo" / "report.html")
    assert [result.stdout.rstrip().replace("\n", "").endswith(report) for result in (first, second)] == [
        True
    ] * 2
