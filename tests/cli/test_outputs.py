"""No output takes the place of an input, of another output, or of what is no result."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from report_documents import documents


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, samples, a result, and a second way to all of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(checkpoints["mixture-plain"], "a.pt")
    np.save("s.npy", np.zeros((30, 3), np.float32))
    np.savez("s.npz", samples=np.zeros((30, 3), np.float32))
    documents()["two"].save("r.json")
    Path("linked.pt").symlink_to("a.pt")
    Path("up").symlink_to(".")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("crosstest a.pt --json a.pt", "a.pt: is read"),
        ("crosstest linked.pt --html a.pt", "a.pt: is read"),
        ("crosstest a.pt s=s.npy --json up/s.npy", "up/s.npy: is read"),
        ("crosstest a.pt --json x.json --html up/x.json", "x.json: two outputs"),
        ("crosstest a.pt --metrics fid --json x.json --save-fid-statistics up/x.json", "two outputs"),
        ("crosstest a.pt --json x.json --html x-samples", "x-samples: two outputs"),
        ("crosstest a.pt --json /dev/fd/99", "was given no such open file"),
        ("referee a.pt s=s.npy --json s.npy", "s.npy: is read"),
        ("report r.json --html up/r.json", "up/r.json: is read"),
        ("sample s.npz --out up/s.npz", "s.npz: is read"),
    ],
)
def test_an_output_in_the_place_of_another_file_is_refused(
    folder: Path, arguments: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert call(*arguments.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_link_is_replaced_and_what_it_leads_to_stays(folder: Path) -> None:
    Path("x.json").symlink_to("s.npy")
    before = Path("s.npy").read_bytes()
    assert call("crosstest", "a.pt", "-n", 20, "-q", "--json", "x.json") == 0
    assert Path("s.npy").read_bytes() == before and not Path("x.json").is_symlink()


def test_a_baseline_takes_the_place_of_a_result_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("a.pt").read_bytes()
    assert call("gate", "r.json", "--baseline", "a.pt", "--record") == 3
    assert "a.pt" in capsys.readouterr().err and Path("a.pt").read_bytes() == before
    for _ in range(2):
        assert call("gate", "r.json", "--baseline", "b.json", "--record") == 0
