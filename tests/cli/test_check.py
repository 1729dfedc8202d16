"""`gancross check`: exit codes, the screen and the record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from referee_calls import image_folders

from gancross.data import catalogue
from gancross.errors import ModelFlagged


@pytest.fixture
def real_digits(tmp_path: Path) -> Path:
    """Digits as samples."""
    path = tmp_path / "reals.npz"
    np.savez(path, samples=catalogue.load("digits", root=tmp_path).held_out(0)[:300].numpy())
    return path


def test_a_sound_model_is_exit_code_0(real_digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", f"good={real_digits}", "--data", "digits", "--device", "cpu") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    first, *_, last = printed.out.splitlines()
    assert first == "good on digits, 256 samples of 1×8×8" and last == "Nothing is flagged."
    assert "given samples: no generator" in printed.out and "judges nobody" in printed.out


def test_a_flagged_model_is_exit_code_6_and_its_record_is_written(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its generator has hardly begun to learn, as its samples tell; the data are those of its recipe."""
    model, record = f"short={checkpoints['digits-plain']}", tmp_path / "check.json"
    assert call("check", model, "--device", "cpu", "--json", record) == 6
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"check: {record}", "Error: 'short': 1 flag"]
    assert "collapsed, or were its weights not loaded?" in " ".join(printed.out.split())
    assert "latents" in printed.out and "score_kind" in printed.out and "AUC of data" in printed.out
    assert call("check", model, "--device", "cpu", "--json", "-", "-q") == 6
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(record.read_text(encoding="utf-8"))
    assert found["name"] == "short" and found["data"] == "digits" and len(found["findings"]) == 1
    assert found["discriminator"]["probe"]["coupled"] is False
    assert found["generator"]["data_range"] == [-1.0, 1.0]


def test_folders_of_images_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = image_folders(tmp_path / "images")
    arguments = [f"folder:{folders / 'A'}", "--data", f"folder:{folders / 'A'}", "--device", "cpu"]
    assert call("check", *arguments) == 0
    assert capsys.readouterr().out.endswith("Nothing is flagged.\n")


def test_what_does_not_fit_is_exit_code_2(
    real_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check", real_digits, "--device", "cpu") == 2
    assert "give --data" in capsys.readouterr().err
    assert call("check", real_digits, "--data", "digits", "--json", real_digits) == 2
    assert call("check", real_digits, "--data", "mixture", "--device", "cpu") == 2
    assert "samples of shape" in capsys.readouterr().err
    assert ModelFlagged.exit_code == 6
