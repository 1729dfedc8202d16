"""`--save-referees`: what the command line says, and what it refuses before long work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import call
from full_disks import largest_file
from referee_calls import image_folders, referee, unwrapped, use_small

from gancross import load_result
from gancross.evaluator.referees import work
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.referees.work import Task

Faulty = Callable[[Callable[[], object]], None]


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small(monkeypatch, tmp_path / "cache", steps=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folders(tmp_path_factory.mktemp("images"))


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
    assert referee(folders, "--save-referees", saved, models=("A",)) == 0
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


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Faulty:
    """Lets something happen while referees are trained, when the folder has been found in order."""

    def prepared(fault: Callable[[], object]) -> None:
        real, calls = work.trained_entry, iter(range(100))

        def trained(task: Task) -> bytes:
            if next(calls) == 0:
                fault()
            return real(task)

        monkeypatch.setattr(work, "trained_entry", trained)

    return prepared


def one_error(err: str) -> str:
    (line,) = (line for line in err.splitlines() if "Error" in line)
    return line


def test_a_full_disk_costs_neither_record_nor_reports_nor_screen(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The referees' files alone are longer than what can be written."""
    use_small(monkeypatch, tmp_path / "cache", steps=4, width=256)
    saved, record, page = (tmp_path / name for name in ("saved", "result.json", "page.html"))
    arguments = ("--save-referees", saved, "--json", record, "--html", page)
    with largest_file(200_000):
        assert referee(folders, *arguments) == 5
    printed = capsys.readouterr()
    line = one_error(printed.err)
    assert (
        line.startswith(f"Error: {saved}/A-") and ".referees.npz: cannot be written: File too large" in line
    )
    assert line.endswith(
        "no referees were saved; the same call, which trains what the cache lacks, saves them"
    )
    assert "are in" not in printed.err and page.exists() and list(saved.iterdir()) == []
    first = load_result(record)
    assert isinstance(first.referees, Referees)
    assert first.verdict.generator.reason.removeprefix("nobody") in " ".join(printed.out.split())
    assert referee(folders, *arguments, "-q") == 0
    second = load_result(record)
    cost = second.provenance.referees
    assert cost is not None and cost.trained == 0 and second.referees == first.referees
    assert len(list(saved.glob("*.referees.npz"))) == len(list(saved.iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden")
def test_a_folder_that_becomes_read_only_costs_no_record(
    folders: Path, tmp_path: Path, faulty: Faulty, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, record = tmp_path / "saved", tmp_path / "result.json"
    saved.mkdir()
    faulty(lambda: saved.chmod(0o500))
    try:
        assert referee(folders, "--save-referees", saved, "--json", record) == 5
    finally:
        saved.chmod(0o700)
    assert "cannot be written: Permission denied" in one_error(capsys.readouterr().err)
    assert isinstance(load_result(record).referees, Referees) and list(saved.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_costs_no_record(
    folders: Path, checkpoints: dict[str, Path], tmp_path: Path, faulty: Faulty,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """After a cross-test too; what was to be printed is, with `--json -` the whole record."""
    saved, record = tmp_path / "saved", tmp_path / "result.json"
    option = ("--save-referees", saved)
    faulty(lambda: saved.write_text("another program's"))
    assert referee(folders, *option, "--json", "-", "-q") == 5
    printed = capsys.readouterr()
    assert json.loads(printed.out)["referees"]["contestants"] and "File exists" in one_error(printed.err)
    assert saved.read_text() == "another program's"
    saved.unlink()
    faulty(lambda: saved.write_text("another program's"))
    models = [f"{name}={checkpoints[f'mixture-{name}']}" for name in ("plain", "regularized")]
    tested = ("crosstest", *models, "-n", 60, "--device", "cpu", "--referees", "quick")
    assert call(*tested, *option, "--json", record) == 5
    printed = capsys.readouterr()
    result = load_result(record)
    assert isinstance(result.referees, Referees) and "File exists" in one_error(printed.err)
    assert result.verdict.generator.reason.removeprefix("nobody") in " ".join(printed.out.split())


@pytest.mark.parametrize("output", ["--json", "--html", "--markdown", "--junit"])
@pytest.mark.parametrize("below", ["", "deep/down"])
def test_a_report_is_not_written_where_the_folder_will_be(
    folders: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], output: str, below: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(work, "trained_entry", None)
    place = tmp_path / "out"
    options = (output, place, "--save-referees", place / below)
    assert referee(folders, *options) == 2
    assert call("crosstest", checkpoints["mixture-plain"], "--referees", "quick", *options) == 2
    lines = capsys.readouterr().err.splitlines()
    expected = f"Error: --save-referees {place / below}: {place} will be a file, expected a folder"
    assert lines == [expected] * 2 and not place.exists()
