"""The GPU's rows: every measurement runs, on the CPU in a small form; without CUDA one line says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu
import pytest
import torch
from gpu_rows import waits as watched_loops
from gpu_rows.measurements import Bench, random_inception
from gpu_rows.record import LEFT, Record
from gpu_rows.size import SMALL
from simulated_gpu import GPU, simulated_gpu

from gancross import recipe
from gancross.errors import ResourceError, UsageError
from gancross.trainer import loop

SECTIONS = ["waits", *(f"training {name}" for name in (
    "mixture width=8 batch_size=32", "cifar10-dcgan width=2 batch_size=8",
)), "cross-test", "fid", "referees 3", "layout cifar10-dcgan width=2 batch_size=8",
    "compiled mixture width=8 batch_size=32",
]  # fmt: skip


@pytest.fixture(autouse=True)
def few_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """One recipe of many, without its picture; and no compiler, which takes half a minute."""
    name = "Ω_JS in closed form"
    monkeypatch.setattr(watched_loops, "RECIPES", {name: watched_loops.RECIPES[name]})
    monkeypatch.setattr(loop, "save_sample_picture", lambda *arguments: None)
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: None)  # imports a compiler


def run(out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and record."""
    with pytest.raises(SystemExit) as end:
        gpu.main(["--device", "cpu", "--small", "--out", str(out), *options])
    assert isinstance(end.value.code, int)
    return end.value.code, json.loads(out.read_text(encoding="utf-8"))


def test_every_row_is_measured_beside_what_flop_expect_and_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(bench: Bench) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")

    out = tmp_path / "gpu.json"
    with monkeypatch.context() as patch:
        patch.setattr(Bench, "cross_test", fails)
        code, document = run(out)
    assert code == 1 and "RuntimeError: CUDA error: unspecified launch failure |" in capsys.readouterr().out
    assert list(document["failed"]) == ["cross-test"]
    assert list(document["sections"]) == [name for name in SECTIONS if name != "cross-test"]
    for name in ("training", "fid", "referees", "layout", "compiled"):
        monkeypatch.setattr(Bench, name, fails)  # what is there is not measured again
    code, document = run(out)
    assert code == 0 and not document["failed"] and sorted(document["sections"]) == sorted(SECTIONS)
    table = capsys.readouterr().out.splitlines()[2:]
    loops = document["sections"].pop("waits")
    assert loops and not any(row["seen"] or row["where"] for row in loops)
    rows = [row for section in document["sections"].values() for row in section]
    assert len(table) == len(rows) + len(loops)
    assert all(row["measured"]["median"] > 0 and row["flop"] > 0 and row["rounds"] == 1 for row in rows)
    ratios, seconds = ([row for row in rows if row["unit"] == unit] for unit in ("", "s"))
    # Two networks' forward and backward passes; a regularized D takes some more passes.
    regularized = [row for row in ratios if "regularized" in row["work"]]
    assert len(regularized) == 2 and all(1 < row["expected"] < 2 for row in regularized)
    assert [row["work"].partition("training, ")[2] for row in ratios if row not in regularized] == [
        "channels-last / contiguous", "compiled / eager", "compiled with CUDA graphs / eager",
    ]  # fmt: skip
    assert len(seconds) == 3 and all(row["expected"] > 0 for row in seconds)


def test_when_the_time_is_over_what_is_left_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(tmp_path / "gpu.json", "--minutes", "0")
    assert code == gpu.UNFINISHED and not document["sections"]
    assert document["failed"] == dict.fromkeys(SECTIONS, LEFT)
    said = f"the same command measures the other {len(SECTIONS)}"
    assert capsys.readouterr().err.splitlines()[-1] == f"{LEFT}: {said}"


@pytest.mark.parametrize(
    ("failed", "where", "code"),
    [({}, "", 0), ({"fid": LEFT}, "", gpu.UNFINISHED), ({"fid": LEFT, "waits": "RuntimeError"}, "", 1),
     ({}, "trainer/loop.py:1", 1), ({"fid": LEFT}, "trainer/loop.py:1", 1)],
    ids=["all", "left", "failed-and-left", "waits", "waits-and-left"],
)  # fmt: skip
def test_the_exit_code_tells_what_failed_from_what_is_left(
    failed: dict[str, str], where: str, code: int
) -> None:
    sections: dict[str, Any] = {"waits": [{"loop": "x", "where": where, "seen": True}]}
    record = Record(path=Path("unused"), setting={}, sections=sections, failed=failed)
    assert gpu.exit_code(record) == code


@pytest.mark.parametrize("wrong", [False, True], ids=["no-compiler", "other-gradients"])
def test_a_compiled_step_is_not_timed_where_it_is_none_or_another(
    wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiler(function: Callable[..., Any], **options: object) -> Callable[..., Any]:
        if not wrong:
            raise RuntimeError("no C++ compiler")
        return lambda *batches: function(*(2 * batch for batch in batches))

    monkeypatch.setattr(torch, "compile", compiler)
    said = "a gradient of D is not that of the eager step" if wrong else "no working compiler"
    with pytest.raises(RuntimeError, match=f"^compiled: .*{said}"):
        Bench(torch.device("cpu"), SMALL, lambda: 9.0).compiled(recipe("mixture", width=4, batch_size=8), {})


def test_a_round_that_would_not_end_in_time_is_not_begun() -> None:
    calls = list[int]()

    def measured(left: float) -> tuple[int, int]:
        calls.clear()
        bench = Bench(torch.device("cpu"), SMALL, lambda: left)
        times, rounds = bench._turns({"": lambda: calls.append(1)}, 3)
        return len(times[""]), rounds

    assert measured(100.0) == (3, 3) and len(calls) == 4
    assert measured(-1.0) == (1, 0) and len(calls) == 1


def test_another_devices_record_is_not_continued(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    setting = {"device": "NVIDIA H100"}
    out.write_text(json.dumps({"setting": setting, "sections": {}}))
    for content in (out.read_text(), "[]", "{"):
        out.write_text(content)
        with pytest.raises(SystemExit) as end:
            gpu.main(["--device", "cpu", "--small", "--out", str(out)])
        assert end.value.code == UsageError.exit_code and out.read_text() == content
    assert run(out, "--again", "--minutes", "0")[0] == gpu.UNFINISHED


def test_loops_that_wait_are_named_and_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(optimizer: torch.optim.Optimizer, *arguments: object, **options: object) -> None:
        float(optimizer.param_groups[0]["params"][0].detach().sum())

    loops = watched_loops.loops(GPU)
    quick = {name: each for name, each in loops.items() if not name.startswith("cross-test")}
    monkeypatch.setattr(watched_loops, "loops", lambda device: quick)
    with simulated_gpu() as device:
        found = list(watched_loops.waits(GPU, lambda strict: setattr(device, "strict", strict)))
        assert [loop.where for loop in found] == [""] * 7 and all(loop.seen for loop in found)
        monkeypatch.setattr(loop, "follow_schedule", reads)
        first, second, *_ = watched_loops.waits(GPU, lambda strict: setattr(device, "strict", strict))
    assert first.where.startswith("trainer/loop.py:") and "called a synchronizing operation" in first.where
    assert not second.where


def test_random_inception_weights_are_what_the_extractor_takes(tmp_path: Path) -> None:
    from gancross.evaluator.fidelity.extractor import INCEPTION, load_extractor

    weights = random_inception(tmp_path)
    extractor = load_extractor(INCEPTION, shape=(3, 32, 32), weights=weights, device=torch.device("cpu"))
    features, _ = extractor.apply(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert features.shape == (1, 2048) and bool(features.isfinite().all())


def test_without_cuda_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SystemExit) as end:
        gpu.main([])
    assert end.value.code == ResourceError.exit_code == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "0 CUDA devices" in line


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '"sections": []', '"sections": {"waits": 5}', '"sections": {"waits": [{"loop": "a"}]}'],
    ids=["text", "list", "no-table", "no-rows", "half-a-row"],
)
def test_a_record_that_is_none_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gpu.json"
    path.write_text(f'{{"setting": {{}}, {content}}}' if content.startswith('"') else content)
    with pytest.raises(UsageError, match="no record of gpu"):
        Record.opened(path, {}, again=False)


@pytest.mark.parametrize("minutes", ["nan", "-1"])
def test_minutes_that_never_end_are_refused(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        gpu.main(["--device", "cpu", "--small", f"--minutes={minutes}"])
    assert end.value.code == 2 and "--minutes must be at least 0" in capsys.readouterr().err
