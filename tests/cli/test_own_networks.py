"""Networks of the user's own on the command line: trained, stopped, resumed, and read with the same code."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call
from paths import ROOT
from run_folders import identical, log, status

from gancross.checkpoint import file as checkpoint
from gancross.trainer import loop

TRUSTED = ("--networks", "my.py:pair", "--trust-code")
SHORT = ("--steps", "6", "--set", "batch_size=16", "--checkpoint-every", "2", "--log-every", "1")
TRAIN = ("train", "digits", *SHORT, "--device", "cpu", "-q")
OTHERS = """
from torch import nn
from my import Discriminator

def narrow(): return nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh()), Discriminator()
def flat(): return nn.Sequential(nn.Linear(16, 64), nn.Tanh()), Discriminator()
def alone(): return Discriminator()
def text(): return "generator", "discriminator"
def failing(recipe): raise KeyError(recipe.name)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the user's code, a whole run, and one that Ctrl-C stops after three steps."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(ROOT / "docs" / "examples" / "own_pair.py", folder / "my.py")
    (folder / "others.py").write_text(OTHERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call(*TRAIN, *TRUSTED, "--out", "whole") == 0
        algorithm_1 = loop.algorithm_1

        def stopped(run: Any, step: int, *batches: Any, **options: Any) -> Any:
            if step == 3:
                signal.raise_signal(signal.SIGINT)
            return algorithm_1(run, step, *batches, **options)

        patch.setattr(loop, "algorithm_1", stopped)
        assert call(*TRAIN, *TRUSTED, "--out", "stopped") == 130
    assert status(folder / "stopped") == "interrupted"
    return folder


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The whole run; the current folder has the code."""
    monkeypatch.chdir(home)
    return home / "whole"


def test_ctrl_c_then_the_same_command_is_one_run(run: Path, tmp_path: Path) -> None:
    stopped = shutil.copytree("stopped", tmp_path / "stopped")
    assert checkpoint.load(stopped / "last.pt").step == 3
    assert call(*TRAIN, *TRUSTED, "--out", stopped) == 0
    assert identical(stopped / "last.pt", run / "last.pt") and log(stopped) == log(run)


def test_the_same_seed_gives_the_same_initial_weights_and_another_seed_others(
    run: Path, tmp_path: Path
) -> None:
    assert call(*TRAIN, *TRUSTED, "--out", tmp_path / "same") == 0
    assert identical(tmp_path / "same" / "last.pt", run / "last.pt")
    assert call(*TRAIN, *TRUSTED, "--seed", "1", "--out", tmp_path / "seed-1") == 0
    assert not identical(tmp_path / "seed-1" / "last.pt", run / "last.pt")


def test_crosstest_and_report_read_it(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared, record = tmp_path / "shared.safetensors", tmp_path / "record.json"
    assert call("export", run / "last.pt", "--out", shared, "-q") == 0
    code = ("--arch", "ours=my.py:pair", "--arch", "shared=my.py:pair", "--trust-code")
    models = (f"ours={run / 'last.pt'}", shared, *code)
    assert call("crosstest", *models, "-n", "60", "--referees", "none", "--json", record, "-q") == 0
    ours, exported = json.loads(record.read_text())["contestants"]
    assert ours["arch"] == exported["arch"] == "my.py:pair"
    assert ours["recipe"] == exported["recipe"] and ours["recipe"]["network"] == "own"
    assert ours["step"] == 6 and ours["method"] == "digits batch_size=16 network=own steps=6"
    capsys.readouterr()
    assert call("report", record, "--markdown", "-") == 0
    assert "--arch ours=my.py:pair" in capsys.readouterr().out


def test_samples_are_those_of_the_trained_weights(run: Path, tmp_path: Path) -> None:
    first, last = tmp_path / "first.npz", tmp_path / "last.npz"
    for step, out in (("checkpoints/step-0000000002.pt", first), ("last.pt", last)):
        model = (f"m={run / step}", "--arch", "m=my.py:pair", "--trust-code")
        assert call("sample", *model, "-n", "4", "--out", out, "-q") == 0
    samples = [np.load(out)["samples"] for out in (first, last)]
    assert samples[0].shape == (4, 1, 8, 8) and not np.array_equal(*samples)


def test_trace_and_figure_read_its_folder(run: Path, tmp_path: Path) -> None:
    record = tmp_path / "trace.json"
    assert call("trace", run, *TRUSTED, "-n", "60", "--json", record, "-q") == 0
    assert [entry["step"] for entry in json.loads(record.read_text())["snapshots"]] == [2, 4, 6]
    assert call("figure", "fig2", run, *TRUSTED, "-n", "4", "--out", tmp_path / "figure.png", "-q") == 0
    assert (tmp_path / "figure.png").stat().st_size > 0


NOT_TRUSTED = "runs Python code on this machine with all your rights: add --trust-code"
REFUSED: dict[str, tuple[str, int, str]] = {
    "not trusted": ("train digits --networks my.py:pair --out new", 2, NOT_TRUSTED),
    "nothing to trust": ("train digits --trust-code --out new", 2, "--trust-code needs --networks"),
    "trace, not trusted": ("trace whole --networks my.py:pair", 2, NOT_TRUSTED),
    "figure, not trusted": ("figure fig2 whole --networks my.py:pair", 2, NOT_TRUSTED),
    "trace without": ("trace whole", 2, "name their code with --networks"),
    "figure without": ("figure fig2 whole", 2, "name their code with --networks"),
    "sample without": ("sample whole/last.pt --out new.png", 2, "name their code with --arch"),
    "resumed without": ("train digits --out whole", 2, "networks of your own"),
    "network=own without": ("train digits --set network=own --out new", 2, "give --networks module:pair"),
    "a family as well": (
        "train digits --set network=dcgan8 TRUSTED my.py:pair --out new", 2, "leave out --set"),
    "a width as well": ("train digits --set width=8 TRUSTED my.py:pair --out new", 2, "would do nothing"),
    "no function": ("train digits TRUSTED my.py:nothing --out new", 2, "has no function 'nothing'"),
    "no file": ("train digits TRUSTED none.py:pair --out new", 2, "no such file"),
    "other samples": ("train digits TRUSTED others.py:flat --out new", 2, "the data need (4, 1, 8, 8)"),
    "one module": ("train digits TRUSTED others.py:alone --out new", 2, "expected (generator, discri"),
    "no modules": ("train digits TRUSTED others.py:text --out new", 2, "got str as generator"),
    "failing": ("train digits TRUSTED others.py:failing --out new", 2, "KeyError at others.py:9: 'digits'"),
    "another pair": (" ".join([*TRAIN, "TRUSTED others.py:narrow --out whole"]), 3, "to other networks"),
    "read with another": (
        "sample m=whole/last.pt --arch m=others.py:narrow --trust-code --out new.png", 2, "do not fit"),
    "traced with another": ("trace whole TRUSTED others.py:narrow", 2, "do not fit the generator"),
}  # fmt: skip


@pytest.mark.parametrize(("command", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_errors_are_one_line(
    command: str, code: int, message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "last.pt").read_bytes(), log(run)
    assert call(*command.replace("TRUSTED", "--trust-code --networks").split(), "--device", "cpu") == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and message in errors[0]
    assert (before == ((run / "last.pt").read_bytes(), log(run))) and not Path("new").exists()
