"""A folder of images from training to judging: what is held out stays so, and what is left out is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from PIL import Image

LEFT_OUT = "files were left out of images: 3 hidden, 1 without an image's suffix (.txt)"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty images in two classes, and four files that are none."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for folder in ("images/cats", "images/dogs", "images/.ipynb_checkpoints"):
        Path(folder).mkdir(parents=True)
    for number in range(30):
        pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(f"images/{('cats', 'dogs')[number % 2]}/{number:02}.png")
    for name in (".DS_Store", "cats/._00.png", ".ipynb_checkpoints/00-checkpoint.png", "labels.txt"):
        Path("images", name).touch()
    return tmp_path / "images"


def test_a_folder_from_training_to_judging(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--set", "width=2", "--set", "batch_size=9", "--steps", "2", "--device", "cpu", "--out", "run")
    assert call("train", "digits", "--data", "folder:images", *model) == 0
    assert LEFT_OUT in " ".join(capsys.readouterr().err.split())

    common = ("--device", "cpu", "-n", "12", "-q", "--json", "r.json")
    assert (
        call("crosstest", "a=run/last.pt", "--data", f"folder:{images}", "--referees", "none", *common) == 0
    )
    record = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert record["protocol"]["data"]["num_real"] == 3
    assert record["protocol"]["data"]["split"] == "fixed random 10% held out"
    assert record["generalisation_gap"]["a"]["value"] is not None
    assert (
        f"4 files were left out of {images}: 3 hidden, 1 without an image's suffix (.txt)" in record["flags"]
    )

    judged = ("a=run/last.pt", "b=folder:images", "--data", "folder:images/cats")
    assert call("crosstest", *judged, "--referees", "none", *common) == 0
    record = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert record["protocol"]["data"]["num_real"] == 15
    assert f"'b': 4 {LEFT_OUT}" in record["flags"]
    assert any(
        flag.startswith("test images of images/cats are training images of 'a'") for flag in record["flags"]
    )

    assert (
        call("trace", "run", "--data", "folder:images", "--device", "cpu", "-n", "5", "--json", "t.json") == 0
    )
    assert json.loads(Path("t.json").read_text(encoding="utf-8"))["protocol"]["num_real"] == 3
    assert LEFT_OUT in " ".join(capsys.readouterr().out.split())
    assert call("sample", "folder:images", "--out", "grid.png") == 0
    assert LEFT_OUT in " ".join(capsys.readouterr().err.split())
