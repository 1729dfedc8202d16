"""`--save-referees`: what the command line says, and what it refuses before long work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import call
from tiny_referees import grains, save_images, use_tiny

from gancross.evaluator.referees import work


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    use_tiny(monkeypatch, steps=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real images R, generated ones A and B; a folder with a damaged file of referees."""
    root = tmp_path_factory.mktemp("images")
    for number, name in enumerate(("R/train", "R/test", "A", "B")):
        save_images(grains(40, seed=number), root / name)
    (root / "damaged").mkdir()
    (root / "damaged" / "a.referees.npz").write_bytes(b"damaged")
    return root


def referee(folders: Path, *more: object) -> int:
    models = [f"folder:{folders / 'A'}", f"folder:{folders / 'B'}"]
    return call("referee", *models, "--data", f"folder:{folders / 'R'}", "--device", "cpu", *more)


def unwrapped(text: str) -> str:
    """Without spaces, since a terminal's lines break at some of them."""
    return "".join(text.split())


def test_referees_are_saved_and_stand_by_in_the_next_call(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, record = tmp_path / "new" / "saved", tmp_path / "result.json"
    assert referee(folders, "--save-referees", saved) == 0
    notes = unwrapped(capsys.readouterr().err)
    assert unwrapped(f"The referees of 2 contestants are in {saved}") in notes and "notamong" not in notes
    files = sorted(path.name for path in saved.iterdir())
    assert [name.split("-")[0] for name in files] == ["A", "B"]
    assert referee(folders, "--seed", 1, "--save-referees", saved, "--json", record) == 0
    standing = json.loads(record.read_text())["referees"]["controls"]["standing"]
    assert [entry["file"] for entry in standing] == files and len(list(saved.iterdir())) == 4
    capsys.readouterr()
    alone = ("referee", f"folder:{folders / 'A'}", "--data", f"folder:{folders / 'R'}", "--device", "cpu")
    assert call(*alone, "--save-referees", saved) == 0
    notes = unwrapped(capsys.readouterr().err)
    assert unwrapped("not among the judges: they are the referees of 'A' in this call") in notes
    assert unwrapped(f"The referees of 1 contestant are in {saved}") in notes


@pytest.mark.parametrize(
    ("folder", "code", "complaint"),
    [
        ("A/0000.png", 2, "A/0000.png is a file, expected a folder"),
        ("damaged", 3, "damaged/a.referees.npz: is damaged, or holds no saved referees"),
    ],
)
def test_a_folder_that_cannot_serve_is_one_line(
    folders: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], folder: str, code: int, complaint: str,
) -> None:  # fmt: skip
    """Before anything is trained, and before the cross-test."""
    monkeypatch.setattr(work, "trained_entry", None)
    record, option = tmp_path / "result.json", ("--save-referees", folders / folder)
    assert referee(folders, *option, "--json", record) == code
    models = [f"{name}={checkpoints[f'mixture-{name}']}" for name in ("plain", "regularized")]
    assert call("crosstest", *models, "-n", 60, "--referees", "quick", *option, "--json", record) == code
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 2 and all(line.startswith("Error: ") and complaint in line for line in lines)
    assert printed.out == "" and not record.exists()


def test_why_there_are_no_referees_is_said(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one contestant no verdict would say it."""
    alone = ("referee", f"[A]=folder:{folders / 'A'}", "--data", f"folder:{folders / 'R'}", "--device", "cpu")
    assert call(*alone, "-n", 19, "--save-referees", tmp_path / "saved") == 0
    assert "No referees: '[A]': 19 samples, of which" in capsys.readouterr().err
    assert not (tmp_path / "saved").exists()


def test_a_cross_test_saves_its_referees_or_refuses_to(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [f"{name}={checkpoints[f'mixture-{name}']}" for name in ("plain", "regularized")]
    arguments = ("crosstest", *models, "-n", 60, "--device", "cpu", "--save-referees", tmp_path / "saved")
    assert call(*arguments, "--referees", "none") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Error: --save-referees: none are trained with --referees none"
    assert call(*arguments, "--referees", "quick") == 0
    assert unwrapped("The referees of 2 contestants") in unwrapped(capsys.readouterr().err)
    assert len(list((tmp_path / "saved").iterdir())) == 2
