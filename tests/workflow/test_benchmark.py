"""Benchmarks from a file: what it may say, what runs, what resumes, what a cluster does."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import call
from forked import fork_runs
from paths import ROOT
from PIL import Image
from processes import LIMIT, environment, running
from run_folders import identical, trained_here

from gancross import load_result
from gancross.checkpoint.file import load
from gancross.errors import GancrossError, ResourceError, UsageError
from gancross.machine.crew import most_threads
from gancross.machine.devices import shared_devices
from gancross.machine.threads import torch_threads
from gancross.trainer.loop import train
from gancross.trainer.run.interruption import StopRequest
from gancross.trainer.run.status import locked
from gancross.workflow import benchmark as runner
from gancross.workflow.benchmark import BenchmarkResult, run_benchmark, train_all, train_one
from gancross.workflow.execution import Execution, RunOutcome, command, run_as_process
from gancross.workflow.plan import is_finished, planned_variants, run_folder
from gancross.workflow.spec import PlannedRun, Spec, load_spec, parse_spec

TINY: dict[str, Any] = {
    "name": "tiny",
    "recipe": "digits",
    "set": {"width": 4, "batch_size": 16, "steps": 4},
    "seeds": 2,
    "variants": {"plain": {"regularizer": "none"}, "regularized": {"gamma": 0.5, "seeds": [7]}},
    "crosstest": {"num_samples": 60, "norm_check": False, "controls": False},
}
TWO_RUNS = TINY | {"variants": {"plain": {"regularizer": "none"}}}


def test_a_specification_becomes_runs() -> None:
    spec = parse_spec(TINY)
    assert [run.name for run in spec.runs] == ["plain-seed0", "plain-seed1", "regularized"]
    assert [run.recipe.seed for run in spec.runs] == [0, 1, 7]
    assert {run.recipe.width for run in spec.runs} == {4}
    assert spec.runs[0].recipe.regularizer == "none" and spec.runs[2].recipe.gamma == 0.5
    assert spec.protocol.num_samples == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": {}}, "did you mean 'variants'"),
        ({"variants": {}}, "at least one"),
        ({"variants": {"a": {"gama": 1.0}}}, "variants.a: unknown recipe key 'gama': did you mean 'gamma'"),
        ({"variants": {"a": {"gamma": "much"}}}, "variants.a: gamma must be"),
        ({"variants": {"../a": {}}}, "letters, digits"),
        ({"variants": {"a": 1}}, "must be a table"),
        ({"variants": {"a": {}, "b": {}}}, "are the same run"),
        ({"variants": {"a": {"seed": 3}}}, "seeds = "),
        ({"variants": {"a": {"seeds": [1, 1]}}}, "twice"),
        ({"seeds": 0}, "their number"),
        ({"seeds": [-1]}, "integers"),
        ({"recipe": "digts"}, "did you mean 'digits'"),
        ({"crosstest": {"samples": 3}}, "num_samples"),
        ({"crosstest": {"num_samples": True}}, "must be a int"),
        ({"crosstest": {"norm": "both"}}, "'eval' or 'batch'"),
        ({"crosstest": {"num_samples": 0}}, "crosstest: the number of samples must be at least 1"),
        ({"crosstest": {"seed": -1}}, "crosstest: seed must be"),
        ({"crosstest": {"metrics": ["fdi"]}}, "crosstest: unknown metric 'fdi': did you mean 'fid'"),
        ({"crosstest": {"kid_subset_size": 1}}, "kid_subset_size"),
        ({"name": "a/b"}, "letters, digits"),
        ({"crosstest": {"referee_labels": True}}, "referee_labels: no referees are trained; set referees"),
        (
            {"crosstest": {"referee_labels": True, "referees": "quick"}},
            "samples of run 'plain-seed0' will have no labels, which referees shall see: set conditional",
        ),
        ({"crosstest": {"referee_labels": 1, "referees": "quick"}}, "must be a bool"),
    ],
)
def test_what_a_specification_may_not_say(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_spec(TINY | change)


def test_files_are_read_or_named(tmp_path: Path) -> None:
    path = tmp_path / "gamma.toml"
    path.write_text('recipe = "digits"\n[variants.a]\ngamma = 0.5\n')
    assert load_spec(path).name == "gamma"
    path.write_text("recipe = \n")
    with pytest.raises(UsageError, match=r"gamma.toml: not TOML"):
        load_spec(path)
    with pytest.raises(UsageError, match="no such file"):
        load_spec(tmp_path / "missing.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").rglob("*.toml")))
def test_the_projects_own_specifications_are_sound(path: Path, tmp_path: Path) -> None:
    assert all(variant.steps_left > 0 for variant in planned_variants(load_spec(path), tmp_path))


def test_a_dry_run_touches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "s.toml"
    spec.write_text('recipe = "cifar10-dcgan"\nseeds = 3\n[variants.a]\n[variants.b]\nregularizer = "none"\n')
    assert call("benchmark", spec, "--dry-run", "--out", tmp_path / "out") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]
    output = capsys.readouterr().out
    assert "6 runs" in output and "3 new" in output


def test_what_is_missing_is_trained_and_what_is_there_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_runs(monkeypatch)
    spec = parse_spec(TWO_RUNS)
    out = tmp_path / "out"
    half = run_folder(out, spec.runs[1])
    train(spec.runs[1].recipe.with_changes({"steps": 2}), half, device="cpu", checkpoint_every=1)
    execution = Execution(jobs=2, device="cpu", log_every=1)
    steps: dict[str, int] = {}
    outcome = run_benchmark(
        spec, out, execution=execution, progress=lambda what, done, n: steps.update({what: done})
    )
    assert all(is_finished(run, run_folder(out, run)) for run in spec.runs)
    assert steps["training plain-seed1"] == 4
    assert outcome.record.is_file() and outcome.markdown.is_file() and "<html" in outcome.html.read_text()
    result = load_result(outcome.record)
    methods = {contestant.name: contestant.method for contestant in result.contestants}
    assert methods == {"plain-seed0": "plain", "plain-seed1": "plain"}
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")}
    again = run_benchmark(spec, out, execution=execution)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")} == before
    assert again.result.to_dict() | {"provenance": 0} == result.to_dict() | {"provenance": 0}
    options = TWO_RUNS["crosstest"] | {"resize": 12, "chunk": 40}
    larger = run_benchmark(parse_spec(TWO_RUNS | {"crosstest": options}), out, execution=execution).result
    assert larger.protocol.data.shape == (1, 12, 12) and larger.protocol.chunk == 40
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")} == before
    alone = train(spec.runs[1].recipe, tmp_path / "alone", device="cpu")
    assert identical(alone, half / "last.pt"), "a resumed run ends as an unbroken one"


def test_runs_divide_the_cores_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executions: list[Execution] = []

    def pretend(run: PlannedRun, folder: Path, execution: Execution, request: StopRequest) -> RunOutcome:
        executions.append(execution)
        return RunOutcome(name=run.name)

    monkeypatch.setattr(runner, "run_as_process", pretend)
    monkeypatch.setattr(runner, "available_cores", lambda: 7)
    runs = parse_spec(TINY | {"seeds": 3}).runs
    for jobs, cores in ((None, 1), (2, 3), (1, 7), (3, 2), (9, 1)):
        executions.clear()
        train_all(runs, tmp_path, execution=Execution(device="cpu", jobs=jobs))
        assert {execution.cores for execution in executions} == {cores}, jobs
    assert "--threads" not in command(runs[0], tmp_path, Execution())
    assert "--threads 4" in " ".join(command(runs[0], tmp_path, Execution(threads=4)))


def test_the_cross_test_has_threads_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancross.machine.threads.available_cores", lambda: 3)
    seen: list[tuple[int, int | None]] = []

    def pretend(spec: Spec, out: Path, *, execution: Execution, progress: object) -> BenchmarkResult:
        seen.append((most_threads(), execution.threads))
        raise ResourceError("enough")

    monkeypatch.setattr(runner, "run_benchmark", pretend)
    spec = tmp_path / "s.toml"
    spec.write_text('recipe = "digits"\n[variants.a]\n')
    with torch_threads(2):
        for options in ([], ["--crosstest-threads", 3], ["--crosstest-threads", 1, "--threads", 2]):
            assert call("benchmark", spec, "--out", tmp_path / "out", *options) == ResourceError.exit_code
    assert seen == [(2, None), (3, None), (1, 2)]


def test_runs_divide_the_gpus_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    at_work: dict[str, str] = {}
    most = []

    def pretend(run: PlannedRun, folder: Path, execution: Execution, request: StopRequest) -> RunOutcome:
        assert execution.device not in at_work.values(), "two runs on one GPU while another is free"
        at_work[run.name] = execution.device
        most.append(len(at_work))
        time.sleep(0.02)
        del at_work[run.name]
        return RunOutcome(name=run.name)

    monkeypatch.setattr(runner, "run_as_process", pretend)
    runs = parse_spec(TINY | {"seeds": 3}).runs
    for name, expected in {"auto": ["cuda:0", "cuda:1"], "cuda": ["cuda:0", "cuda:1"], "cuda:1": ["cuda:1"],
                           "cpu": ["cpu"]}.items():  # fmt: skip
        assert shared_devices(name) == expected
    train_all(runs, tmp_path, execution=Execution(device="cuda"))
    assert len(most) == len(runs) and max(most) <= 2
    most.clear()
    train_all(runs, tmp_path, execution=Execution(device="cuda:1"))
    assert most == [1] * len(runs)


def test_one_failing_run_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork_runs(monkeypatch)
    spec = parse_spec(TWO_RUNS)
    occupied = run_folder(tmp_path, spec.runs[0])
    occupied.mkdir(parents=True)
    (occupied / "thesis.txt").write_text("keep me")
    with pytest.raises(GancrossError, match=r"run 'plain-seed0': .*not the folder of a run") as failed:
        run_benchmark(spec, tmp_path, execution=Execution(jobs=1, device="cpu"))
    assert failed.value.exit_code == 2
    assert all(is_finished(run, run_folder(tmp_path, run)) for run in spec.runs[1:])
    assert (occupied / "thesis.txt").read_text() == "keep me"


def test_variants_on_different_data_need_to_be_told(tmp_path: Path) -> None:
    document = TINY | {"variants": {"a": {}, "b": {"recipe": "mixture"}}}
    spec = parse_spec(document | {"set": {"width": 4, "batch_size": 16, "steps": 2}, "seeds": 1})
    with pytest.raises(UsageError, match=r"different data \(digits, mixture\)"):
        run_benchmark(spec, tmp_path, execution=Execution(jobs=1, device="cpu"))


def test_what_the_cross_test_needs_is_looked_for_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    (tmp_path / "images").mkdir()
    for number in range(12):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    for data, message in (("cifar10", "download"), (f"folder:{tmp_path / 'images'}", "Inception weights")):
        spec = parse_spec({
            "recipe": "cifar10-dcgan", "set": {"data": data}, "variants": {"a": {}},
            "crosstest": {"metrics": ["fid"]},
        })  # fmt: skip
        with pytest.raises(ResourceError, match=message):
            run_benchmark(
                spec, tmp_path / "out", execution=Execution(jobs=1, device="cpu", data_root=tmp_path / "none")
            )
    few = parse_spec(TINY | {"crosstest": {"num_samples": 60, "metrics": ["kid"]}})
    with pytest.raises(UsageError, match="'plain-seed0': 60 samples, metric 'kid' needs at least 1000"):
        run_benchmark(few, tmp_path / "out", execution=Execution(jobs=1, device="cpu"))
    vectors = parse_spec(TINY | {"recipe": "mixture", "variants": {"a": {}}, "crosstest": {"resize": 8}})
    with pytest.raises(UsageError, match=r"data 'mixture': samples of shape .* are no images"):
        run_benchmark(vectors, tmp_path / "out", execution=Execution(jobs=1, device="cpu"))
    assert not (tmp_path / "out").exists()


def test_absurdly_many_threads_are_refused_before_training_and_by_a_clusters_worker(tmp_path: Path) -> None:
    execution = Execution(device="cpu", threads=1_000_000)
    with pytest.raises(UsageError, match="64 for each core, got 1,000,000"):
        run_benchmark(parse_spec(TINY), tmp_path / "out", execution=execution)
    assert not (tmp_path / "out").exists()
    outcome = train_one(parse_spec(TINY).runs[0], tmp_path / "run", execution)
    assert outcome.exit_code == 2 and "got 1,000,000" in outcome.message


def test_a_second_benchmark_in_a_folder_is_turned_away(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ResourceError, match="in use by another run"):
        run_benchmark(parse_spec(TINY), tmp_path, execution=Execution(jobs=1, device="cpu"))
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_talkative_run_ends_and_its_last_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a pipe holds, as a download's progress bar writes."""
    talk = "import sys; sys.stderr.write('x' * 200_000 + '\\nError: disk full'); sys.exit(5)"
    monkeypatch.setattr("gancross.workflow.execution.command", lambda *_: [sys.executable, "-c", talk])
    run = parse_spec(TINY).runs[0]
    ended = run_as_process(run, tmp_path, Execution(device="cpu"), StopRequest())
    assert ended == RunOutcome(name=run.name, exit_code=5, message="disk full")


def test_a_cluster_needs_an_address_that_answers(tmp_path: Path) -> None:
    runs = parse_spec(TINY).runs
    with pytest.raises(UsageError, match="--backend dask"):
        train_all(runs, tmp_path, execution=Execution(backend="dask"))
    with pytest.raises(UsageError, match="--scheduler"):
        train_all(runs, tmp_path, execution=Execution(scheduler="tcp://127.0.0.1:1"))
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(ResourceError, match=f"Ray cluster {address}: does not answer: .*refused"):
            train_all(runs, tmp_path, execution=Execution(backend="ray", scheduler=address))
    for address in ("node1", "node1:", ":6379", "node1:99999"):
        with pytest.raises(UsageError, match="HOST:PORT"):
            train_all(runs, tmp_path, execution=Execution(backend="ray", scheduler=address))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_real_dask_cluster_trains_the_same_runs(tmp_path: Path) -> None:
    program = f"""
import json, sys
from pathlib import Path
from distributed import LocalCluster
from gancross.workflow.benchmark import train_all
from gancross.workflow.execution import Execution
from gancross.workflow.spec import parse_spec

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        execution = Execution(backend="dask", scheduler=cluster.scheduler_address, device="cpu")
        spec = parse_spec(json.loads({json.dumps(TWO_RUNS)!r}))
        train_all(spec.runs, Path(sys.argv[1]), execution=execution)
"""
    script = tmp_path / "cluster.py"
    script.write_text(program)
    with running([str(script), str(tmp_path / "dask")], env=environment()) as cluster:
        assert cluster.process.wait(LIMIT) == 0, cluster.ended().err[-2000:]
    spec = parse_spec(TWO_RUNS)
    assert all(is_finished(run, run_folder(tmp_path / "dask", run)) for run in spec.runs)
    train_all(spec.runs[:1], tmp_path / "here", execution=Execution(jobs=1, device="cpu"))
    cluster_s, own = (run_folder(tmp_path / place, spec.runs[0]) / "last.pt" for place in ("dask", "here"))
    assert identical(cluster_s, own)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_saves_every_run_and_each_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'recipe = "digits"\nseeds = 2\n[set]\nwidth = 4\nbatch_size = 16\nsteps = {}\n[variants.a]\n'
    spec, out = tmp_path / "s.toml", tmp_path / "out"
    spec.write_text(text.format(100_000))
    arguments = ["benchmark", str(spec), "--out", str(out), "--device", "cpu", "--log-every", "1"]
    logs = [out / "runs" / f"a-seed{seed}" / "log.jsonl" for seed in (0, 1)]
    with running(["-m", "gancross", *arguments], env=environment()) as parent:
        deadline = time.monotonic() + 120
        while not all(map(steps_of, logs)):
            assert parent.process.poll() is None and time.monotonic() < deadline, parent.ended().err
            time.sleep(0.05)
        os.killpg(parent.process.pid, signal.SIGINT)
        assert parent.process.wait(LIMIT) == 130, parent.ended().err
        complaint = parent.ended().err
    assert complaint.strip().splitlines()[-1] == "Error: stopped; the same command resumes"
    saved = [load(log.parent / "last.pt").step for log in logs]
    assert [steps_of(log) for log in logs] == [list(range(1, step + 1)) for step in saved]
    spec.write_text(text.format(max(saved) + 2))
    monkeypatch.setattr(runner, "run_as_process", trained_here)
    train_all(load_spec(spec).runs, out, execution=Execution(jobs=1, device="cpu", log_every=1))
    assert [steps_of(log) for log in logs] == [list(range(1, max(saved) + 3))] * 2


def steps_of(log: Path) -> list[int]:
    """Steps of the complete lines of a log that may not exist yet."""
    text = log.read_text() if log.exists() else ""
    return [json.loads(line)["step"] for line in text.splitlines(keepends=True) if line.endswith("\n")]
