"""Disks that fill up, turn read-only or never could be written: one line, and nothing old is lost."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import call
from full_disks import largest_file
from report_documents import documents
from run_folders import identical, log, status, trained, whole
from small_recipes import small

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.errors import ResourceError
from gancross.evaluator.crosstest import crosstest
from gancross.trainer.loop import train
from gancross.trainer.run.tracking import TensorBoard


def goes_on(folder: Path, straight: Path) -> bool:
    return identical(trained(folder), straight / "last.pt") and log(folder) == log(straight) and whole(folder)


@pytest.mark.parametrize(
    ("name", "file", "room"),
    [
        ("digits", "step-0000000004.pt", lambda log: 4096),
        ("digits", "log.jsonl", lambda log: log + 20),  # half a line
        ("mixture", "step-0000000004.png", lambda log: 30_000),  # above its checkpoints
    ],
)
def test_a_full_disk_leaves_the_old_checkpoint_whole(
    tmp_path: Path, name: str, file: str, room: Callable[[int], int]
) -> None:
    """The disk fills after step 2; the file is the first one that does not fit."""
    options = {"device": "cpu", "checkpoint_every": 2, "log_every": 1}
    folder, whole_run = tmp_path / "run", tmp_path / "whole run"

    def fill(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 2:
            size = room((folder / "log.jsonl").stat().st_size)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with (
        largest_file(1 << 30),
        pytest.raises(ResourceError, match=f"{file}: cannot be written: File too large"),
    ):
        train(small(name), folder, progress=fill, **options)  # type: ignore[arg-type]
    assert checkpoint.load(folder / "last.pt").step == 2 and whole(folder) and status(folder) == "failed"
    assert (folder / "log.jsonl").read_text().endswith("\n") == (file != "log.jsonl")
    straight = train(small(name), whole_run, **options)  # type: ignore[arg-type]
    assert identical(train(small(name), folder, **options), straight)  # type: ignore[arg-type]
    assert log(folder) == log(whole_run) and whole(folder)


def test_a_disk_that_is_full_from_the_start_is_one_line(tmp_path: Path, straight: Path) -> None:
    with (
        largest_file(10),
        pytest.raises(ResourceError, match=r"recipe\.json: cannot be written: File too large"),
    ):
        trained(tmp_path)
    assert goes_on(tmp_path, straight)


def test_a_full_disk_stops_tensorboard_with_one_line_too(tmp_path: Path) -> None:
    folder = tmp_path / "tensorboard"
    with (
        TensorBoard(folder) as board,
        largest_file(1500),
        pytest.raises(ResourceError, match=r"tensorboard: cannot be written: File too large"),
    ):
        trained(tmp_path, observers=[board], checkpoint_every=6)
    assert status(tmp_path) == "failed"
    with TensorBoard(folder) as board:
        trained(tmp_path, observers=[board])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in read.Scalars("gamma")] == [1, 2, 3, 4, 5, 6]


def test_a_log_on_a_device_that_is_full(tmp_path: Path) -> None:
    def swap(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            (tmp_path / "run" / "log.jsonl").unlink()
            (tmp_path / "run" / "log.jsonl").symlink_to("/dev/full")

    with pytest.raises(ResourceError, match=r"log\.jsonl: cannot be written: No space left on device"):
        trained(tmp_path / "run", progress=swap)
    assert checkpoint.load(tmp_path / "run" / "last.pt").step == 2 and status(tmp_path / "run") == "failed"


def test_a_full_disk_leaves_the_old_record_of_a_cross_test(
    tmp_path: Path, checkpoints: dict[str, Path]
) -> None:
    contestants = [load_contestant(checkpoints["mixture-plain"])]
    result = crosstest(contestants, data="mixture", num_samples=50, device="cpu", controls=False)
    result.save(tmp_path / "result.json")
    before = (tmp_path / "result.json").read_bytes()
    with largest_file(2000), pytest.raises(ResourceError, match=r"result\.json: cannot be written"):
        result.save(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("folder", ["checkpoints", "samples"])
def test_a_file_where_a_folder_must_be(tmp_path: Path, folder: str) -> None:
    def swap(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 2:
            (tmp_path / folder).rename(tmp_path / "moved")
            (tmp_path / folder).write_text("in the way")

    with pytest.raises(ResourceError, match=f"{folder}/step-0000000004.* cannot be written"):
        trained(tmp_path, progress=swap)
    assert checkpoint.load(tmp_path / "last.pt").step == 2 and whole(tmp_path)


@pytest.mark.parametrize("call", ["open", "replace", "fsync"])
def test_a_disk_that_turns_read_only(
    tmp_path: Path, straight: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions do not stop root, who may be running this; the calls fail as they would."""
    full = OSError(errno.EROFS, os.strerror(errno.EROFS))

    def refuse(*arguments: object, **named: object) -> None:
        raise full

    def turn(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            owner = Path if call == "open" else os
            monkeypatch.setattr(owner, call, refuse)

    with pytest.raises(ResourceError, match="cannot be written: Read-only file system"):
        trained(tmp_path, progress=turn)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "last.pt").step == 2 and whole(tmp_path)
    assert goes_on(tmp_path, straight)


def test_a_place_where_nobody_may_write_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Not even root makes folders there."""
    assert call("train", "digits", "--out", "/sys/gancross", "-q") == 5
    assert capfd.readouterr().err.startswith("Error: /sys/gancross: cannot be written: ")


def test_standard_output_that_is_full_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gancross", "recipes"], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 5
    assert done.stderr == "Error: standard output: cannot be written: No space left on device\n"


def test_standard_output_that_is_full_costs_no_report(tmp_path: Path) -> None:
    documents()["two"].save(tmp_path / "result.json")
    outputs = ["--markdown", "-", "--html", "report.html", "--junit", "junit.xml"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gancross", "report", "result.json", *outputs], cwd=tmp_path, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 5 and "No space left on device" in done.stderr
    assert all((tmp_path / name).stat().st_size > 0 for name in ("report.html", "junit.xml"))
