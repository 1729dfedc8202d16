"""The command line as real processes: exit codes, one-line errors, clean streams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

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


@pytest.fixture(scope="module")
def files(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("files")
    good = checkpoints["mixture-plain"].read_bytes()
    cases = hostile.cases(good, root / "executed")
    (root / "good.pt").write_bytes(good)
    (root / "digits.pt").write_bytes(checkpoints["digits-plain"].read_bytes())
    (root / "empty.pt").touch()
    (root / "cut.pt").write_bytes(good[: len(good) // 2])
    (root / "evil.pt").write_bytes(cases["pickle that would run code"][0])
    (root / "bare.pt").write_bytes(cases["bare pickle"][0])
    (root / "foreign.pt").write_bytes(cases["whole module"][0])
    (root / "text [").mkdir()
    (root / "text [" / "red] é.pt").write_text("hello")
    (root / "images").mkdir()
    stranger = hostile.resaved(good, lambda loaded: loaded["recipe"].update(data="folder:/etc"))
    (root / "stranger.pt").write_bytes(stranger)
    return root


BAD = [
    ("trian mixture", 2, "did you mean 'train'"),
    ("--nonsense", 2, "No such option"),
    ("train", 2, "Missing argument 'RECIPE'"),
    ("train mixtrue", 2, "did you mean 'mixture'"),
    ("train mixture --gamma nan", 2, "gamma must be a number in [0, inf), got nan"),
    ("train mixture --gamma -1", 2, "gamma must be"),
    ("train mixture --gamma inf", 2, "gamma must be"),
    ("train mixture --gamma much", 2, "not a valid float"),
    ("train mixture --gama 1", 2, "--gama"),
    ("train mixture --steps 0", 2, "steps must be"),
    ("train mixture --seed -1", 2, "seed must be"),
    ("train mixture --set width", 2, "write key=value"),
    ("train mixture --set widht=3", 2, "did you mean 'width'"),
    ("train mixture --set width=3.5", 2, "width must be an integer"),
    ("train mixture --set anneal=maybe", 2, "anneal must be true or false"),
    ("train mixture --set beta1=1", 2, "beta1 must be a number in [0, 1)"),
    ("train mixture --set latent=cauchy", 2, "latent"),
    ("train mixture --regularizer none --gamma 0.1", 2, "gamma=0.1 would do nothing"),
    ("train mixture --regularizer l2", 2, "regularizer"),
    ("train mixture --objective jss", 2, "objective"),
    ("train mixture --data cifar11", 2, "did you mean 'cifar10'"),
    ("train mixture --data digits", 2, "network 'mlp' makes vectors"),
    ("train digits --data folder:nowhere", 2, "no such folder"),
    ("train digits --data folder:images", 2, "no images"),
    ("train digits --image-size 16", 2, "cannot be resized"),
    ("train cifar10-dcgan --data-root nowhere", 5, "--download"),
    ("train mixture --device gpu", 2, "device 'gpu'"),
    ("train mixture --device cuda:99", 5, "CUDA"),
    ("train mixture --log-every 0", 2, "at least 1"),
    ("train mixture --out good.pt", 2, "is a file"),
    ("train mixture --out images/..", 2, "not the folder of a run"),
    ("train mixture --set batch_size=2000000", 2, "batch_size must be"),
    ("crosstest", 2, "Missing argument"),
    ("crosstest missing.pt good.pt", 2, "missing.pt: no such file"),
    ("crosstest images good.pt", 2, "is a folder"),
    ("crosstest empty.pt good.pt", 3, "empty.pt: refused: the file is empty"),
    ("crosstest cut.pt good.pt", 3, "cut.pt: refused"),
    ("crosstest evil.pt good.pt", 3, "evil.pt: refused"),
    ("crosstest bare.pt good.pt", 3, "bare.pt: refused"),
    ("crosstest foreign.pt good.pt", 3, "foreign.pt: refused"),
    ("crosstest text\u00a0[/red]\u00a0é.pt", 3, "text [/red] é.pt: refused"),
    ("crosstest good.pt digits.pt", 2, "different data (digits, mixture): give --data"),
    ("crosstest good.pt digits.pt --data mixture", 2, "samples of shape (1, 8, 8)"),
    ("crosstest stranger.pt", 2, "not opened by itself: give --data"),
    ("crosstest good.pt -n 0", 2, "at least 1"),
    ("crosstest good.pt -n -5", 2, "at least 1"),
    ("crosstest good.pt -n many", 2, "not a valid integer"),
    ("crosstest good.pt --batch-size 0", 2, "at least 1"),
    ("crosstest good.pt --data nonsense", 2, "unknown data set 'nonsense'"),
    ("crosstest =good.pt", 2, "NAME=PATH"),
    ("crosstest good.pt -n 10 --json good.pt/x.json", 2, "cannot be written"),
    ("crosstest good.pt --json images", 2, "is a folder"),
    ("crosstest good.pt --norm running", 2, "--norm"),
    ("crosstest good.pt --metrics fed", 2, "did you mean 'fid'"),
    ("crosstest good.pt -n 40 --metrics kid", 2, "--kid-subset-size"),
    ("crosstest good.pt --metrics fid --fid-statistics empty.pt", 3, "not an .npz file"),
    ("crosstest good.pt --metrics fid --fid-statistics missing.npz", 2, "no such file"),
    ("crosstest good.pt --fid-statistics missing.npz", 2, "missing.npz"),
    ("crosstest good.pt --method good", 2, "NAME=METHOD"),
    ("crosstest good.pt --method god=x", 2, "did you mean 'good'"),
    ("demo --out good.pt", 2, "is a file"),
]


@pytest.mark.parametrize(("call", "code", "part"), BAD, ids=[call or "nothing" for call, _, _ in BAD])
def test_bad_input_is_one_line(files: Path, call: str, code: int, part: str) -> None:
    before = sorted(path for path in files.rglob("*"))
    arguments = [argument.replace("\u00a0", " ") for argument in call.split(" ") if argument]
    done = gancross_command(*arguments, cwd=files)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: ") and part in lines[-1]
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("Error: ") for line in lines) == 1
    assert sorted(path for path in files.rglob("*")) == before, "something was left behind"


def test_debug_shows_the_traceback(files: Path) -> None:
    assert "Traceback" in gancross_command("crosstest", "missing.pt", "--debug", cwd=files).stderr


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
