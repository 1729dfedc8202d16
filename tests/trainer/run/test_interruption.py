"""Ctrl-C and a scheduler's signals to real processes: one line, the exit code, no leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from forked import Forked, begun
from paths import ROOT
from PIL import Image
from processes import environment
from run_folders import identical, log, status, whole
from small_recipes import small

from gancross.trainer.loop import train

PATIENCE = 120.0  # seconds to wait on a busy machine
MARK = "GANCROSS_TEST_OF_INTERRUPTIONS"
GANCROSS = ("-m", "gancross")
WITH_WORKERS = (str(ROOT / "tests" / "support" / "with_workers.py"),)
# Seconds of processor time: from the first imports, which take about two, into the work.
DELAYS = (0.1, 0.6, 2.0)
COMMANDS = {
    "train": "train mixture --set width=8 --steps 1000000 --checkpoint-every 50 --out run -q",
    "crosstest": "crosstest {model} -n 3000000 --device cpu --json record.json -q",
    "sample": "sample {model} -n 30000000 --device cpu --out samples.npz -q",
    "figure": "figure fig1 {run} {run} -n 3000000 --device cpu --out figure.png -q",
    "demo": "demo -q",
    "recipes": "recipes",
    "datasets": "datasets",
}
SHORT = ("recipes", "datasets")


@dataclass(frozen=True)
class Process:
    """A running command, and the environment mark of its descendants."""

    process: Forked | subprocess.Popen[bytes]
    mark: str
    complaints: Path
    begun: float

    def until(self, happened: Callable[[], bool]) -> None:
        """Waits until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not happened() and self.process.poll() is None:
            assert time.monotonic() < deadline, "timed out"
            time.sleep(0.005)

    def listens(self) -> bool:
        """Whether gancross has set its handlers; before, Python decides what Ctrl-C prints."""
        caught = Path(f"/proc/{self.process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def worked(self, seconds: float) -> bool:
        """Whether it has used so much processor time, or four times as much has passed on the clock."""
        used = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        late = time.monotonic() > self.begun + 4 * seconds
        return late or sum(map(int, used)) >= seconds * os.sysconf("SC_CLK_TCK")

    def end(self) -> tuple[int, list[str]]:
        """Exit code and lines on standard error after it and all its descendants have ended."""
        code = self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while self.descendants():
            assert time.monotonic() < deadline, f"left behind: {self.descendants()}"
            time.sleep(0.05)
        return code, self.complaints.read_text().splitlines()

    def descendants(self) -> list[str]:
        """Command lines of the processes that have the mark in their environment."""
        commands = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    commands.append((folder / "cmdline").read_text())
            except OSError:  # it ended meanwhile
                continue
        return commands


def start(
    folder: Path, *arguments: str, program: tuple[str, ...] = GANCROSS, fork: bool = True,
    by: tuple[str, ...] = (),
) -> Process:  # fmt: skip
    mark = uuid.uuid4().hex
    complaints = folder / "err"
    process = begun(
        [*program, *arguments], cwd=folder, env=environment(**{MARK: mark}), out=folder / "out",
        err=complaints, fork=fork, by=by,
    )  # fmt: skip
    return Process(process, mark, complaints, time.monotonic())


def arguments_of(command: str, checkpoints: dict[str, Path]) -> list[str]:
    model = checkpoints["mixture-plain"]
    return [part.format(model=model, run=model.parent) for part in COMMANDS[command].split()]


def interrupted_after(delays: list[float], command: str, folder: Path, arguments: list[str]) -> None:
    """Runs the command once per delay and sends Ctrl-C after so much processor time."""
    for number, delay in enumerate(delays):
        (folder / str(number)).mkdir()
        started = start(folder / str(number), *arguments, fork=False)
        started.until(started.listens)
        started.until(partial(started.worked, delay))
        started.process.send_signal(signal.SIGINT)
        code, lines = started.end()
        if command in SHORT and code == 0:  # it had ended before
            assert lines == []
            continue
        assert (code, len(lines)) == (130, 1), lines
        assert lines[0].startswith("Error: ")
        files = [path.name for path in (folder / str(number)).rglob("*") if path.is_file()]
        assert not [name for name in files if name.endswith(".tmp")]
        assert not {"record.json", "samples.npz", "figure.png"} & set(files)


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_during_imports_is_one_line(
    tmp_path: Path, checkpoints: dict[str, Path], command: str
) -> None:
    interrupted_after([0.0], command, tmp_path, arguments_of(command, checkpoints))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_at_any_moment_is_one_line(tmp_path: Path, checkpoints: dict[str, Path], command: str) -> None:
    delays = [step / 50 for step in range(10)] if command in SHORT else list(DELAYS)
    interrupted_after(delays, command, tmp_path, arguments_of(command, checkpoints))


SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}


def trained(folder: Path) -> Path:
    return train(small("digits", steps=150), folder, device="cpu", checkpoint_every=30, log_every=10)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    return trained(tmp_path_factory.mktemp("straight")).parent


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_during_training_saves_and_the_same_command_goes_on(
    tmp_path: Path, straight: Path, name: str
) -> None:
    arguments = ["train", "digits", "--set", "width=4", "--set", "batch_size=16", "--steps", "150"]
    arguments += ["--checkpoint-every", "30", "--log-every", "10", "--device", "cpu", "--out", "run", "-q"]
    started = start(tmp_path, *arguments)
    started.until((tmp_path / "run" / "last.pt").exists)
    started.process.send_signal(signal.Signals[name])
    code, lines = started.end()
    assert (code, len(lines)) == (SIGNALS[name], 1), lines
    assert lines[0].startswith("Error: stopped at step ") and whole(tmp_path / "run")
    assert status(tmp_path / "run") == ("interrupted" if name == "SIGINT" else "preempted")
    assert identical(trained(tmp_path / "run"), straight / "last.pt")
    assert log(tmp_path / "run") == log(straight)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_all_processes_of_a_run_spares_those_that_read(tmp_path: Path, name: str) -> None:
    """As a scheduler and a terminal send it: to the whole process group."""
    (tmp_path / "images").mkdir()
    for number in range(40):
        Image.new("L", (8, 8), number).save(tmp_path / "images" / f"{number}.png")
    arguments = ["train", "digits", "--data", "folder:images", "--workers", "2", "--steps", "100000", "--set"]
    arguments += ["width=4", "--set", "batch_size=16", "--checkpoint-every", "10", "--device", "cpu"]
    started = start(tmp_path, *arguments, "--out", "run", "-q", program=WITH_WORKERS)
    started.until((tmp_path / "run" / "last.pt").exists)
    assert len(started.descendants()) >= 3
    os.killpg(started.process.pid, signal.Signals[name])
    code, lines = started.end()
    assert (code, len(lines)) == (SIGNALS[name], 1), lines
    assert lines[0].startswith("Error: stopped at step ") and whole(tmp_path / "run")


@pytest.mark.slow
def test_a_signal_to_the_demonstration_stops_and_saves_both_runs(tmp_path: Path) -> None:
    started = start(tmp_path, "demo", "-q")
    runs = [tmp_path / "gancross-demo" / "runs" / variant for variant in ("unregularized", "regularized")]
    started.until(lambda: all((run / "last.pt").exists() for run in runs))
    started.process.send_signal(signal.SIGTERM)
    code, lines = started.end()
    assert (code, lines) == (SIGNALS["SIGTERM"], ["Error: stopped; the same command resumes"])
    assert [status(run) for run in runs] == ["preempted", "preempted"] and all(map(whole, runs))


def test_an_ignored_signal_stays_ignored(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    """A job in the background of a script does not end when its user interrupts another one."""
    deaf = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    started = start(tmp_path, "datasets", fork=False, by=deaf)
    started.until(started.listens)
    started.process.send_signal(signal.SIGINT)
    assert started.end() == (0, [])
