"""Ctrl-C and a scheduler's signals to real processes: one line, the exit code, no leftovers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from data_sets import grey_folder
from paths import ROOT
from processes import Running, environment, running
from run_folders import identical, log, status, whole
from small_recipes import small

from gancross.trainer.loop import train
from gancross.trainer.run.interruption import stop_requests

PATIENCE = 120.0  # seconds to wait on a busy machine
GANCROSS = ("-m", "gancross")
WITH_WORKERS = (str(ROOT / "tests" / "support" / "with_workers.py"),)
# Seconds of processor time: from the first imports, which take about two, into the work.
DELAYS = (0.6, 2.0)
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
class Command:
    """A running command."""

    run: Running
    start: float

    def until(self, happened: Callable[[], bool]) -> None:
        """Waits until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not happened() and self.run.process.poll() is None:
            assert time.monotonic() < deadline, "timed out"
            time.sleep(0.005)

    def listens(self) -> bool:
        """Whether gancross has set its handlers; before, Python decides what Ctrl-C prints."""
        caught = Path(f"/proc/{self.run.process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def worked(self, seconds: float) -> bool:
        """Whether it has used so much processor time, or four times as much has passed on the clock."""
        used = Path(f"/proc/{self.run.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        late = time.monotonic() > self.start + 4 * seconds
        return late or sum(map(int, used)) >= seconds * os.sysconf("SC_CLK_TCK")

    def end(self) -> tuple[int, list[str]]:
        """Exit code and lines on standard error after it and all its descendants have ended."""
        code = self.run.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while left := self.run.descendants():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.05)
        return code, self.run.ended().err.splitlines()


@contextmanager
def started(
    folder: Path, *arguments: str, program: tuple[str, ...] = GANCROSS, fork: bool = True,
    by: tuple[str, ...] = (),
) -> Iterator[Command]:  # fmt: skip
    """`gancross *arguments` in a folder, until the block ends."""
    with running([*program, *arguments], cwd=folder, env=environment(), fork=fork, by=by) as run:
        yield Command(run, time.monotonic())


def arguments_of(command: str, checkpoints: dict[str, Path]) -> list[str]:
    model = checkpoints["mixture-plain"]
    return [part.format(model=model, run=model.parent) for part in COMMANDS[command].split()]


def interrupted_after(delays: list[float], command: str, folder: Path, arguments: list[str]) -> None:
    """Runs the command once per delay and sends Ctrl-C after so much processor time."""
    for number, delay in enumerate(delays):
        (folder / str(number)).mkdir()
        with started(folder / str(number), *arguments, fork=False) as process:
            process.until(process.listens)
            process.until(partial(process.worked, delay))
            process.run.process.send_signal(signal.SIGINT)
            code, lines = process.end()
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
    delays = [step / 25 for step in range(5)] if command in SHORT else list(DELAYS)
    interrupted_after(delays, command, tmp_path, arguments_of(command, checkpoints))


SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}


def longer_run(folder: Path) -> Path:
    return train(small("digits", steps=150), folder, device="cpu", checkpoint_every=30, log_every=10)


@pytest.fixture(scope="module")
def longer_straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    return longer_run(tmp_path_factory.mktemp("straight")).parent


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_during_training_saves_and_the_same_command_goes_on(
    tmp_path: Path, longer_straight: Path, name: str
) -> None:
    arguments = ["train", "digits", "--set", "width=4", "--set", "batch_size=16", "--steps", "150"]
    arguments += ["--checkpoint-every", "30", "--log-every", "10", "--device", "cpu", "--out", "run", "-q"]
    with started(tmp_path, *arguments) as process:
        process.until((tmp_path / "run" / "last.pt").exists)
        process.run.process.send_signal(signal.Signals[name])
        code, lines = process.end()
    assert (code, len(lines)) == (SIGNALS[name], 1), lines
    assert lines[0].startswith("Error: stopped at step ") and whole(tmp_path / "run")
    assert status(tmp_path / "run") == ("interrupted" if name == "SIGINT" else "preempted")
    assert identical(longer_run(tmp_path / "run"), longer_straight / "last.pt")
    assert log(tmp_path / "run") == log(longer_straight)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_all_processes_of_a_run_spares_those_that_read(tmp_path: Path, name: str) -> None:
    """As a scheduler and a terminal send it: to the whole process group."""
    arguments = [
        "train",
        "digits",
        "--data",
        grey_folder(tmp_path / "images"),
        "--workers",
        "2",
        "--steps",
        "100000",
        "--set",
    ]
    arguments += ["width=4", "--set", "batch_size=16", "--checkpoint-every", "10", "--device", "cpu"]
    with started(tmp_path, *arguments, "--out", "run", "-q", program=WITH_WORKERS) as process:
        process.until((tmp_path / "run" / "last.pt").exists)
        assert len(process.run.descendants()) >= 3
        os.killpg(process.run.process.pid, signal.Signals[name])
        code, lines = process.end()
    assert (code, len(lines)) == (SIGNALS[name], 1), lines
    assert lines[0].startswith("Error: stopped at step ") and whole(tmp_path / "run")


@pytest.mark.slow
def test_a_signal_to_the_demonstration_stops_and_saves_both_runs(tmp_path: Path) -> None:
    runs = [tmp_path / "gancross-demo" / "runs" / variant for variant in ("brief", "long")]
    with started(tmp_path, "demo", "-q") as process:
        process.until(lambda: all((run / "last.pt").exists() for run in runs))
        process.run.process.send_signal(signal.SIGTERM)
        code, lines = process.end()
    assert (code, lines) == (SIGNALS["SIGTERM"], ["Error: stopped; the same command resumes"])
    assert [status(run) for run in runs] == ["preempted", "preempted"] and all(map(whole, runs))


def test_an_ignored_signal_stays_ignored(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    """A job in the background of a script does not end when its user interrupts another one."""
    deaf = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    with started(tmp_path, "datasets", fork=False, by=deaf) as process:
        process.until(process.listens)
        process.run.process.send_signal(signal.SIGINT)
        assert process.end() == (0, [])


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_an_ignored_signal_does_not_stop_training(ignored: signal.Signals) -> None:
    """As `nohup`, a wrapper of a scheduler or a job in the background inherits it; another one does."""
    other = signal.SIGTERM if ignored == signal.SIGINT else signal.SIGINT
    before = signal.signal(ignored, signal.SIG_IGN)
    try:
        with stop_requests() as request:
            os.kill(os.getpid(), ignored)
            assert request.signal_number is None and signal.getsignal(ignored) is signal.SIG_IGN
            os.kill(os.getpid(), other)
            assert request.signal_number == other
        assert signal.getsignal(ignored) is signal.SIG_IGN
    finally:
        signal.signal(ignored, before)
