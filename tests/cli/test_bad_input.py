"""Malformed calls and files as processes: one clear line, the right exit code, nothing left behind.

A no-break space in a call stands for a space within an argument.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bad_files
import pytest
from processes import environment, gancross

TINY = "--set width=4 --set batch_size=4 --steps 1 --device cpu"

CALLS = [
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
    ("train mixture --steps 1e3", 2, "not a valid integer"),
    ("train mixture --seed -1", 2, "seed must be"),
    ("train mixture --set width", 2, "write key=value"),
    ("train mixture --set widht=3", 2, "did you mean 'width'"),
    ("train mixture --set width=3.5", 2, "width must be an integer"),
    ("train mixture --set anneal=maybe", 2, "anneal must be true or false"),
    ("train mixture --set beta1=1", 2, "beta1 must be a number in [0, 1)"),
    ("train mixture --set latent=cauchy", 2, "latent"),
    ("train mixture --set batch_size=2000000", 2, "batch_size must be"),
    ("train mixture --regularizer none --gamma 0.1", 2, "gamma=0.1 would do nothing"),
    ("train mixture --regularizer l2", 2, "regularizer"),
    ("train mixture --objective jss", 2, "objective"),
    ("train mixture --data cifar11", 2, "did you mean 'cifar10'"),
    ("train mixture --data digits", 2, "network 'mlp': its samples have shape (1,)"),
    ("train digits --image-size 16", 2, "cannot be resized"),
    ("train cifar10-dcgan --data-root nowhere", 5, "--download"),
    ("train mixture --device gpu", 2, "device 'gpu'"),
    ("train mixture --device cuda:99", 5, "CUDA"),
    ("train mixture --log-every 0", 2, "at least 1"),
    ("train mixture --checkpoint-every 0", 2, "at least 1"),
    ("crosstest", 2, "Missing argument"),
    ("crosstest good.pt -n 0", 2, "at least 1"),
    ("crosstest good.pt -n -5", 2, "at least 1"),
    ("crosstest good.pt -n many", 2, "not a valid integer"),
    ("crosstest good.pt --batch-size 0", 2, "at least 1"),
    ("crosstest good.pt --data nonsense", 2, "unknown data set 'nonsense'"),
    ("crosstest good.pt --data colour", 2, "write a folder of images as folder:colour"),
    ("crosstest good.pt --norm running", 2, "--norm"),
    ("crosstest good.pt --seed -1", 2, "seed must be at least 0"),
    ("crosstest good.pt --metrics fed", 2, "did you mean 'fid'"),
    ("crosstest good.pt -n 40 --metrics kid", 2, "--kid-subset-size"),
    ("crosstest digits.pt -n 5 --metrics is", 2, "needs at least 10"),
    ("crosstest good.pt --method good", 2, "NAME=METHOD"),
    ("crosstest good.pt --method god=x", 2, "did you mean 'good'"),
    ("crosstest =good.pt", 2, "NAME=PATH"),
    ("sample good.pt -n 0", 2, "at least 1"),
    ("figure nonsense good.pt", 2, "nonsense"),
]

MODELS = [
    ("crosstest missing.pt good.pt", 2, "missing.pt: no such file"),
    ("crosstest colour good.pt", 2, "is a folder"),
    ("crosstest empty.pt good.pt", 3, "empty.pt: refused: the file is empty"),
    ("crosstest cut.pt good.pt", 3, "cut.pt: refused"),
    ("crosstest evil.pt good.pt", 3, "evil.pt: refused"),
    ("crosstest bare.pt good.pt", 3, "bare.pt: refused"),
    ("crosstest foreign.pt good.pt", 3, "foreign.pt: refused"),
    ("crosstest tensor.pt good.pt", 3, "tensor.pt: refused"),
    ("crosstest nan-weights.pt good.pt", 3, "nan-weights.pt: refused"),
    ("crosstest future.pt good.pt", 3, "gancross.checkpoint/99"),
    ("crosstest text\u00a0[/red]\u00a0é.pt", 3, "text [/red] é.pt: refused"),
    ("crosstest good.pt digits.pt", 2, "different data (digits, mixture): give --data"),
    ("crosstest good.pt digits.pt --data mixture", 2, "samples of shape (1, 8, 8)"),
    ("crosstest digits.pt --data folder:larger --image-size 16", 2, "shape"),
    ("crosstest digits.pt --data folder:larger --image-size 0", 2, "image_size must be at least 1, got 0"),
    ("crosstest digits.pt --data folder:colour", 2, "samples of shape (1, 8, 8)"),
    ("crosstest stranger.pt", 2, "not opened by itself: give --data"),
    ("crosstest web.pt", 2, "not opened by itself: give --data"),
    ("crosstest infinite-generator.pt -n 20", 4, "contestant 'infinite-generator'"),
    ("crosstest infinite-judge.pt -n 20", 4, "contestant 'infinite-judge'"),
    ("sample infinite-generator.pt", 4, "contestant 'infinite-generator'"),
    ("sample evil.pt", 3, "evil.pt: refused"),
    ("sample good.pt --out text.txt", 2, ".png"),
]

FILES = [
    ("train digits --data folder:nowhere", 2, "folder:nowhere: does not exist"),
    ("train digits --data folder:good.pt", 2, "folder:good.pt: is a file, expected a folder"),
    (f"train digits --data folder:nothing {TINY}", 2, "no images"),
    (f"train digits --data folder:notes {TINY}", 2, "no images"),
    (f"train digits --data folder:one {TINY}", 2, "one image"),
    (f"train digits --data folder:larger {TINY}", 2, "--image-size"),
    (f"train digits --data folder:text {TINY}", 3, "last.png: not an image"),
    (f"train digits --data folder:hollow {TINY}", 3, "last.png: not an image"),
    (f"train digits --data folder:truncated {TINY}", 3, "last.png: cannot be read"),
    (f"train digits --data folder:bomb {TINY}", 3, "decompression bomb"),
    (f"train digits --data folder:animated {TINY}", 3, "an animation of 3 frames"),
    (f"train digits --data folder:deep {TINY}", 3, "expected 8-bit grey or RGB, got mode I;16"),
    (f"train digits --data folder:transparent {TINY}", 3, "transparent pixels"),
    (f"train digits --data folder:postscript {TINY}", 3, "not an image"),
    ("crosstest digits.pt --data folder:bomb", 3, "decompression bomb"),
    ("train mixture --out good.pt", 2, "is a file"),
    ("train mixture --out colour/..", 2, "not the folder of a run"),
    ("train mixture --out run-of-text", 2, "run-of-text/recipe.json: not a recipe"),
    ("train mixture --out run-of-list", 2, "; give another --out"),
    ("train mixture --out run-of-nothing --gamma 1", 2, "run-of-nothing"),
    ("crosstest good.pt -n 10 --json good.pt/x.json", 2, "folder good.pt is a file, expected a folder"),
    ("crosstest good.pt --json colour", 2, "is a folder"),
    ("crosstest good.pt --metrics fid --fid-statistics empty.pt", 3, "not an .npz file"),
    ("crosstest good.pt --metrics fid --fid-statistics missing.npz", 2, "no such file"),
    ("crosstest good.pt --metrics fid --fid-statistics pickled.npz", 3, "pickled.npz"),
    ("crosstest good.pt --metrics fid --fid-statistics statistics.npz", 3, "statistics.npz"),
    ("crosstest good.pt --fid-statistics missing.npz", 2, "missing.npz"),
    ("demo --out good.pt", 2, "is a file"),
]

ROWS = CALLS + MODELS + FILES


@pytest.fixture(scope="module")
def files(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bad_files.make(tmp_path_factory.mktemp("files"), checkpoints)


def test_the_table_is_as_long_as_promised() -> None:
    assert len({call for call, _, _ in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize(("call", "code", "part"), ROWS, ids=[call for call, _, _ in ROWS])
def test_bad_input_is_one_line(files: Path, call: str, code: int, part: str) -> None:
    before = sorted(files.rglob("*"))
    done = gancross(*words(call), cwd=files)
    assert done.code == code, done.err
    lines = done.err.strip().splitlines()
    assert lines[-1].startswith("Error: ") and part in lines[-1], done.err
    assert "Traceback" not in done.err
    assert sum(line.startswith("Error: ") for line in lines) == 1
    assert sorted(files.rglob("*")) == before, "something was left behind"


def words(call: str) -> list[str]:
    return [argument.replace("\u00a0", " ") for argument in call.split(" ")]


@pytest.mark.parametrize("call", ["trian mixture", "crosstest evil.pt good.pt"])
def test_a_process_that_is_not_forked_says_the_same(files: Path, call: str) -> None:
    """Without torch and with it, from Python's start to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "gancross", *words(call)], capture_output=True, encoding="utf-8", cwd=files,
        env=environment(), check=False,
    )  # fmt: skip
    forked = gancross(*words(call), cwd=files)
    assert done.returncode == forked.code == next(code for row, code, _ in ROWS if row == call)
    assert (done.stdout, done.stderr) == (forked.out, forked.err)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names there are Unicode")
@pytest.mark.parametrize("command", ["crosstest", "sample"])
def test_names_that_are_no_unicode_are_shown_and_refused(files: Path, command: str) -> None:
    name = os.fsdecode(b"\xff\xfe[red].pt")
    (files / name).write_bytes(b"hello")
    try:
        done = gancross(command, name, cwd=files)
    finally:
        (files / name).unlink()
    assert done.code == 2, done.err
    (line,) = done.err.strip().splitlines()
    assert line == "Error: argument '\\xff\\xfe[red].pt': is not utf-8; rename what it names"


def test_odd_names_and_modes_that_are_fine(files: Path, tmp_path: Path) -> None:
    """Spaces, Unicode, markup; fewer samples than a batch; grey, CMYK and palette images in one folder."""
    calls = [
        ["crosstest", "text [/good é.pt", "[red]=good.pt", "-n", "10", "--json", str(tmp_path / "a b.json")],
        ["train", "digits", "--data", "folder:mixed modes", *TINY.split(), "--out", str(tmp_path / "run é")],
    ]
    for call in calls:
        done = gancross(*call, cwd=files)
        assert done.code == 0, done.err
    assert (tmp_path / "a b.json").is_file() and (tmp_path / "run é" / "last.pt").is_file()
