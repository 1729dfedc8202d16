"""The command line as real processes: exit codes, one-line errors, clean streams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gancross


def gancross_command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gancross", *map(str, arguments)], capture_output=True, text=True, cwd=cwd,
        encoding="utf-8", check=False,
    )  # fmt: skip


def test_train_then_crosstest(tmp_path: Path) -> None:
    small = ["--set", "width=4", "--set", "batch_size=16", "--steps", "5", "--device", "cpu"]
    for extra in ([], ["--regularizer", "none"]):
        done = gancross_command("train", "digits", *small, *extra, cwd=tmp_path)
        assert done.returncode == 0 and done.stdout == "", done.stderr
    runs = tmp_path / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["digits-seed0", "digits-unregularized-seed0"]
    models = [runs / "digits-seed0" / "last.pt", runs / "digits-unregularized-seed0" / "last.pt"]
    arguments = ["crosstest", *models, "-n", "600", "--device", "cpu"]
    printed = gancross_command(*arguments, "--json", tmp_path / "result.json")
    assert printed.returncode == 0, printed.stderr
    assert "True condition" in printed.stdout and "Cross-testing: FP:" in printed.stdout
    only = gancross_command(*arguments, "--json", "-")
    on_screen, on_disk = json.loads(only.stdout), json.loads((tmp_path / "result.json").read_text())
    assert on_screen.pop("provenance") and on_disk.pop("provenance")
    assert on_screen == on_disk
    assert list(on_disk["confusion"]) == ["digits-seed0", "digits-unregularized-seed0"]
    method = set(on_disk["contestants"][1]["method"].split())
    assert method == {"digits", "width=4", "batch_size=16", "steps=5", "regularizer=none"}


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in gancross_command("crosstest", "missing.pt", "--debug", cwd=tmp_path).stderr


def test_help_and_version() -> None:
    assert gancross_command("--version").stdout.strip() == f"gancross, version {gancross.__version__}"
    assert "crosstest" in gancross_command("--help").stdout
    assert gancross_command().stdout == gancross_command("--help").stdout
    listed = gancross_command("recipes").stdout
    assert all(name in listed for name in ("mixture", "digits", "cifar10-dcgan"))
    assert "folder:PATH" in gancross_command("datasets").stdout


def test_a_folder_of_images_end_to_end(tmp_path: Path) -> None:
    from PIL import Image

    from gancross.data.digits import images

    train, _ = images()
    (tmp_path / "my images").mkdir()
    for index, image in enumerate(train[:60]):
        Image.fromarray(image[0].numpy()).save(tmp_path / "my images" / f"{index}.png")
    data = f"folder:{tmp_path / 'my images'}"
    arguments = ["--set", "width=4", "--set", "batch_size=16", "--steps", "3", "--device", "cpu", "-q"]
    done = gancross_command("train", "digits", "--data", data, *arguments, "--out", tmp_path / "run")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    refused = gancross_command("crosstest", tmp_path / "run" / "last.pt")
    assert refused.returncode == 2 and "give --data" in refused.stderr
    judged = gancross_command(
        "crosstest", tmp_path / "run" / "last.pt", "--data", data, "-n", "50", "--json", "-"
    )
    assert json.loads(judged.stdout)["protocol"]["data"]["num_real"] == 6
