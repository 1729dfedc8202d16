"""The command line from Python's start to its end: exit codes, one-line errors, clean streams.

What only prepares or repeats something is forked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_line import call
from processes import Ended, environment, gancross

from gancross.evaluator.result.reading import load_result
from gancross.machine.threads import torch_threads
from gancross.version import __version__


def executed(*arguments: str | Path, cwd: Path | None = None) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "gancross", *map(str, arguments)], capture_output=True, cwd=cwd,
        encoding="utf-8", env=environment(), check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def test_train_then_crosstest(tmp_path: Path) -> None:
    small = ["--set", "width=4", "--set", "batch_size=16", "--steps", "5", "--device", "cpu"]
    for extra in ([], ["--regularizer", "none"]):
        done = gancross("train", "digits", *small, *extra, cwd=tmp_path)
        assert done.code == 0 and done.out == "", done.err
    runs = tmp_path / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["digits-seed0", "digits-unregularized-seed0"]
    models = [runs / "digits-seed0" / "last.pt", runs / "digits-unregularized-seed0" / "last.pt"]
    arguments = ["crosstest", *map(str, models), "-n", "600", "--device", "cpu"]
    printed = executed(*arguments, "--json", tmp_path / "result.json")
    assert printed.code == 0, printed.err
    assert "True condition" in printed.out and "Cross-testing: FP:" in printed.out
    only = gancross(*arguments, "--json", "-")
    on_screen, on_disk = json.loads(only.out), json.loads((tmp_path / "result.json").read_text())
    assert on_screen.pop("provenance") and on_disk.pop("provenance")
    assert on_screen == on_disk
    assert list(on_disk["confusion"]) == ["digits-seed0", "digits-unregularized-seed0"]
    method = set(on_disk["contestants"][1]["method"].split())
    assert method == {"digits", "width=4", "batch_size=16", "steps=5", "regularizer=none"}


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in gancross("crosstest", "missing.pt", "--debug", cwd=tmp_path).err


def test_verbose_says_who_computed_and_for_how_long(tmp_path: Path) -> None:
    tiny = ["--set", "width=4", "--steps", "1", "--device", "cpu"]
    done = gancross("train", "digits", *tiny, "-q", "-v", cwd=tmp_path)
    first, last = done.err.splitlines()
    assert f"gancross {__version__}" in first and "torch" in first
    assert "seconds, " in last and last.endswith("threads, 0 GPUs")
    assert gancross("train", "digits", *tiny, "-q", "--out", "x", cwd=tmp_path).err == ""


def test_threads_are_those_of_the_call_and_of_the_record(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default as many as torch has, but no more than there are cores."""
    monkeypatch.setattr("gancross.machine.threads.available_cores", lambda: 2)
    record = tmp_path / "r.json"
    line = ["crosstest", checkpoints["digits-plain"], "-n", 20, "--referees", "none", "--json", record, "-q"]
    with torch_threads(3):
        for given, expected in (([], 2), (["--threads", 1], 1)):
            assert call(*line, *given) == 0
            assert load_result(record).provenance.threads == expected
            assert torch.get_num_threads() == 3
    for count in (0, 129, 10**20):
        assert call(*line, "--threads", count) == 2


@pytest.mark.parametrize("name", ["crosstest", "referee", "sample", "trace", "check", "benchmark"])
def test_absurdly_many_threads_are_refused_before_they_start(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They ended the process, of libgomp, or others of the machine."""
    monkeypatch.setattr("gancross.machine.threads.available_cores", lambda: 2)
    option = "--crosstest-threads" if name == "benchmark" else "--threads"
    assert call(name, "missing", option, 129) == 2
    error = capsys.readouterr().err
    assert error.endswith("threads must be at least 1 and at most 128, 64 for each core, got 129\n")


def test_help_and_version() -> None:
    assert executed("--version").out.strip() == f"gancross, version {__version__}"
    assert "crosstest" in executed("--help").out
    assert executed().out == executed("--help").out
    listed = executed("recipes").out
    assert all(name in listed for name in ("mixture", "digits", "cifar10-dcgan"))
    assert "folder:PATH" in executed("datasets").out


def test_a_folder_of_images_end_to_end(tmp_path: Path) -> None:
    from PIL import Image

    from gancross.data.digits import images

    train, _ = images()
    (tmp_path / "my images").mkdir()
    for index, image in enumerate(train[:60]):
        Image.fromarray(image[0].numpy()).save(tmp_path / "my images" / f"{index}.png")
    data = f"folder:{tmp_path / 'my images'}"
    arguments = ["--set", "width=4", "--set", "batch_size=16", "--steps", "3", "--device", "cpu", "-q"]
    done = gancross("train", "digits", "--data", data, *arguments, "--out", tmp_path / "run")
    assert done.code == 0 and done.err == "", done.err
    refused = gancross("crosstest", tmp_path / "run" / "last.pt")
    assert refused.code == 2 and "give --data" in refused.err
    tested = gancross("crosstest", tmp_path / "run" / "last.pt", "--data", data, "-n", "50", "--json", "-")
    assert json.loads(tested.out)["protocol"]["data"]["num_real"] == 6
