"""The folder of a run: its lock, its status, and resuming from damaged files."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest
import torch
from command_line import call
from paths import SUPPORT
from run_folders import identical, log, status, trained, whole

from gancross.checkpoint import file as checkpoint
from gancross.errors import CheckpointError, DivergenceError, GancrossError, Interrupted, ResourceError
from gancross.trainer.run.status import locked

HOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from small_recipes import small
from gancross.trainer.loop import train
def wait(step, steps, figures):
    if step == 3:
        print("at work", flush=True)
        sys.stdin.read()
train(small("digits"), sys.argv[1], device="cpu", checkpoint_every=2, log_every=1, progress=wait)
"""


def resumed(folder: Path, notes: list[str]) -> Path:
    """`notes` receives the messages about resuming, not those about gradient and threads."""

    def record(text: str) -> None:
        if not text.startswith(("the regularizer", "threads")):
            notes.append(text)

    return trained(folder, note=record)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run that was stopped after step 5: numbered checkpoints of steps 2 and 4."""

    def stop(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 4:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted):
        trained(tmp_path, progress=stop)
    return tmp_path


def test_a_second_run_is_refused_and_a_killed_one_does_not_block(tmp_path: Path, straight: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), str(SUPPORT)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "at work\n"
        before = (tmp_path / "last.pt").read_bytes()
        with pytest.raises(ResourceError, match=rf"in use by another run \(process {holder.pid}\)"):
            trained(tmp_path)
        assert (tmp_path / "last.pt").read_bytes() == before
    finally:
        holder.kill()
        holder.communicate()
    assert status(tmp_path) == "running"  # a killed process cannot change it
    assert identical(trained(tmp_path), straight / "last.pt")
    assert log(tmp_path) == log(straight) and status(tmp_path) == "done"


def test_a_holder_on_another_machine_is_named(stopped: Path) -> None:
    record = json.loads((stopped / "status.json").read_text())
    record |= {"status": "running", "pid": 17, "host": "elsewhere"}
    (stopped / "status.json").write_text(json.dumps(record))
    with locked(stopped), pytest.raises(ResourceError, match=r"\(process 17 on elsewhere\)"):
        trained(stopped)
    for damaged in ("", "{", "[]", '{"status": "running"}'):
        (stopped / "status.json").write_text(damaged)
        with locked(stopped), pytest.raises(ResourceError, match="in use by another run; wait"):
            trained(stopped)
    trained(stopped)


def nothing() -> None:
    """The run ends normally."""


def fails() -> None:
    raise RuntimeError("an observer's bug")


def diverges() -> None:
    raise DivergenceError("diverged")


def preempted() -> None:
    signal.raise_signal(signal.SIGUSR1)


def terminated() -> None:
    signal.raise_signal(signal.SIGTERM)


def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("event", "expected", "code"),
    [
        (nothing, "done", None),
        (fails, "failed", None),
        (diverges, "diverged", 4),
        (preempted, "preempted", 143),
        (terminated, "preempted", 143),
        (interrupted, "interrupted", 130),
    ],
)
def test_every_end_is_reported_and_releases_the_lock(
    tmp_path: Path, straight: Path, event: Callable[[], None], expected: str, code: int | None
) -> None:
    def happen(step: int, steps: int, figures: dict[str, float] | None) -> None:
        if step == 3:
            assert status(tmp_path) == "running"
            event()

    context = contextlib.nullcontext() if expected == "done" else pytest.raises((RuntimeError, GancrossError))
    with context as caught:
        trained(tmp_path, progress=happen)
    if code is not None:
        assert caught is not None and caught.value.exit_code == code  # type: ignore[attr-defined]
    record = json.loads((tmp_path / "status.json").read_text())
    assert record["status"] == expected and (record["pid"], record["host"]) == (os.getpid(), platform.node())
    assert record["step"] == checkpoint.load(tmp_path / "last.pt").step and record["steps"] == 6
    with locked(tmp_path):
        pass
    assert identical(trained(tmp_path), straight / "last.pt") and log(tmp_path) == log(straight)


def test_leftovers_of_a_kill_before_the_first_file_count_as_an_empty_folder(
    tmp_path: Path, straight: Path
) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".recipe.json.17-0123abcd.tmp").write_text("{")
    assert identical(trained(tmp_path, resume=False), straight / "last.pt")
    assert whole(tmp_path)


def test_unfinished_files_of_killed_runs_are_removed_and_others_stay(stopped: Path, straight: Path) -> None:
    of_the_run = [".last.pt.17-0123abcd.tmp", "checkpoints/.step-0000000004.pt.17-0123abcd.tmp"]
    of_others = ["samples/.step-0000000004-samples.png.17-0123abcd.tmp", ".mine.tmp", "figure.png.tmp"]
    for name in of_the_run + of_others:
        (stopped / name).write_text("half")
    trained(stopped)
    assert not any((stopped / name).exists() for name in of_the_run)
    assert all((stopped / name).exists() for name in of_others)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda good: good[: len(good) // 2],
    "one bit": lambda good: good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
    "empty": lambda good: b"",
    "zeros at the end": lambda good: good[:-4096] + bytes(4096),
    "NaN": lambda good: hostile.resaved(
        good, lambda loaded: next(iter(loaded["generator_state"].values())).fill_(torch.nan)
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("numbered_too", [False, True])
def test_a_damaged_checkpoint_costs_only_steps(
    stopped: Path, straight: Path, damage: Callable[[bytes], bytes], numbered_too: bool
) -> None:
    damaged = [stopped / "last.pt"]
    if numbered_too:
        damaged.append(stopped / "checkpoints" / "step-0000000004.pt")
    for path in damaged:
        path.write_bytes(damage(path.read_bytes()))
    bad = (stopped / "last.pt").read_bytes()
    notes: list[str] = []
    assert identical(resumed(stopped, notes), straight / "last.pt")
    assert log(stopped) == log(straight)
    (note,) = notes
    came_from = "step-0000000002.pt" if numbered_too else "step-0000000004.pt"
    assert "refused" in note and note.endswith(came_from) and "\n" not in note
    assert (stopped / "last.pt.refused").read_bytes() == bad
    assert whole(stopped)


def test_refused_files_are_never_overwritten(stopped: Path) -> None:
    for text in ("first", "second", "third"):
        (stopped / "last.pt").write_text(text)
        trained(stopped)
    renamed = {path.name: path.read_text() for path in stopped.glob("last.pt.refused*")}
    assert renamed == {
        "last.pt.refused": "first",
        "last.pt.refused-2": "second",
        "last.pt.refused-3": "third",
    }
    assert checkpoint.load(stopped / "last.pt").step == 6  # restored for a finished run, too


def test_a_missing_or_older_last_checkpoint_is_replaced_by_a_numbered_one(
    stopped: Path, straight: Path
) -> None:
    last, notes = stopped / "last.pt", list[str]()
    shutil.copy(stopped / "checkpoints" / "step-0000000002.pt", last)
    assert identical(resumed(stopped, notes), straight / "last.pt") and log(stopped) == log(straight)
    last.unlink()
    assert identical(resumed(stopped, notes), straight / "last.pt") and log(stopped) == log(straight)
    assert [note.split(": ", 1)[1].split(";")[0] for note in notes] == [
        "older than the last numbered checkpoint",
        "missing",
    ]


def test_without_any_good_checkpoint_nothing_is_touched(stopped: Path) -> None:
    paths = [stopped / "last.pt", *(stopped / "checkpoints").iterdir()]
    for path in paths:
        path.write_text("damaged")
    with pytest.raises(CheckpointError, match=r"last\.pt: refused: .*; no numbered checkpoint"):
        trained(stopped)
    (stopped / "last.pt").unlink()
    with pytest.raises(CheckpointError, match=r"step-0000000004\.pt: refused: .*; no numbered checkpoint"):
        trained(stopped)
    assert all(path.read_text() == "damaged" for path in paths[1:])
    assert not list(stopped.glob("*.refused*"))


@pytest.mark.parametrize("name", ["last.pt", "checkpoints/step-0000000004.pt"])
def test_a_newer_format_is_refused_and_left_alone(stopped: Path, name: str) -> None:
    newer = hostile.resaved(
        (stopped / name).read_bytes(), lambda loaded: loaded.update(format="gancross.checkpoint/99")
    )
    (stopped / name).write_bytes(newer)
    if name != "last.pt":
        (stopped / "last.pt").unlink()
    with pytest.raises(CheckpointError, match=r"checkpoint/99"):
        trained(stopped)
    assert (stopped / name).read_bytes() == newer and not list(stopped.glob("*.refused*"))


@pytest.mark.parametrize("quiet", [False, True])
def test_the_command_names_the_checkpoint_from_which_it_resumes(
    stopped: Path, quiet: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    (stopped / "last.pt").write_text("damaged")
    arguments = ["train", "digits", "--set", "width=4", "--set", "batch_size=16", "--steps", "6"]
    assert call(*arguments, "--device", "cpu", "--out", stopped, *(["-q"] if quiet else [])) == 0
    stderr = " ".join(capfd.readouterr().err.split())
    assert ("resumes from" in stderr) != quiet and (not quiet or stderr == "")


@pytest.mark.parametrize(
    "tail", [b'{"step": 6, "gam', b"\x00" * 50, b"\xff\xfe\n", b"17\n", b'{"step": Infinity}\n']
)
def test_damaged_lines_of_the_log_are_removed(stopped: Path, straight: Path, tail: bytes) -> None:
    lines = (stopped / "log.jsonl").read_bytes().splitlines(keepends=True)
    (stopped / "log.jsonl").write_bytes(b"".join([*lines[:2], b'{"half\n', *lines[2:], tail]))
    trained(stopped)
    assert log(stopped) == log(straight)
