"""`gancross sample` and `gancross figure`, mostly within this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import call
from crews import threads_seen
from imports import heavy_imports_of_command
from PIL import Image

from gancross.checkpoint.file import load_contestant
from gancross.cli.runs import parsed_steps
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import chunks, fake_source
from gancross.evaluator.judging.scoring import canonical_samples, evaluating

CPU = torch.device("cpu")


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture that can be decoded whole."""
    with Image.open(path) as image:
        image.load()
        return image.size


def test_any_number_of_threads_draws_the_same_samples(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, found = threads_seen(monkeypatch, cores=3), list[bytes]()
    for threads in (1, 3):
        out = tmp_path / f"{threads}.npz"
        line = ["sample", f"me={checkpoints['digits-plain']}", "-n", 150, "--chunk", 20, "--device", "cpu"]
        assert call(*line, "--out", out, "--threads", threads) == 0
        found.append(out.read_bytes())
    assert found[0] == found[1] and seen == [1, 3]


@pytest.mark.parametrize("name", ["digits-plain", "mixture-plain"])
def test_an_archive_holds_the_canonical_samples(
    checkpoints: dict[str, Path], tmp_path: Path, name: str
) -> None:
    out = tmp_path / "samples.npz"
    assert (
        call("sample", f"me={checkpoints[name]}", "-n", 510, "--seed", 3, "--out", out, "--device", "cpu")
        == 0
    )
    parts = tmp_path / "parts.npz"
    model = f"me={checkpoints[name]}"
    assert (
        call("sample", model, "-n", 510, "--seed", 3, "--out", parts, "--device", "cpu", "--chunk", 80) == 0
    )
    with np.load(out) as archive, np.load(parts) as other:
        assert np.allclose(archive["samples"], other["samples"].astype(float), atol=1)  # one level, if any
    with np.load(out) as archive:
        assert list(archive) == ["samples"]
        samples = torch.from_numpy(archive["samples"])
    contestant = load_contestant(checkpoints[name], name="me")
    with evaluating([contestant.generator], CPU):  # type: ignore[list-item]
        source = fake_source(contestant, num_samples=510)
        shape = tuple(samples.shape[1:])
        sampled = list(chunks(source, seed=3, shape=shape, device=CPU, group=1, purpose="sample"))
    assert torch.equal(samples, torch.cat(sampled)[:510])
    crosstest_samples = canonical_samples(
        contestant, num_samples=510, seed=3, purpose="crosstest", device=CPU
    )
    assert samples.dtype == crosstest_samples.dtype and not torch.equal(samples, crosstest_samples)


def test_pictures_lie_beside_the_checkpoint_unless_told_otherwise(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(checkpoints["digits-plain"].read_bytes())
    assert call("sample", model, "--device", "cpu") == 0
    output = capfd.readouterr()
    assert output.out == "" and "64 samples of model" in output.err
    assert size(tmp_path / "model-samples.png") == (8 * 34 + 2, 8 * 34 + 2)
    assert call("sample", model, "-n", 6, "--columns", 6, "--out", tmp_path / "g.png", "-q") == 0
    assert size(tmp_path / "g.png") == (6 * 34 + 2, 36)
    assert call("sample", checkpoints["mixture-plain"], "--out", tmp_path / "m.png", "-q") == 0
    assert size(tmp_path / "m.png") == (520, 520)
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", "model-samples.png", "g.png", "m.png"}


def test_the_folder_one_stands_in_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "made" / "0.png")
    monkeypatch.chdir(tmp_path / "made")
    assert call("sample", "folder:.", "-q") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "made-samples.png"]


BAD = [
    ("sample MODEL -n 0", 2, "at least 1"),
    ("sample MODEL --out x.jpg", 2, "ends in .png or .npz"),
    ("sample MODEL --columns 0", 2, "--columns must be"),
    ("sample MODEL --columns 3 --out x.npz", 2, "leave it out"),
    ("sample VECTORS --columns 3", 2, "lays out images"),
    ("sample MODEL --seed -1", 2, "seed must be"),
    ("sample missing.pt", 2, "no such file"),
    ("figure fig12", 2, "unknown figure 'fig12'"),
    ("figure fig1", 2, "give the folders"),
    ("figure fig1 missing", 2, "does not exist"),
    ("figure fig1 MODEL", 2, "is a file"),
    ("figure fig5 --out x.jpg", 2, "ends in .png, .svg, .pdf"),
    ("figure fig5 --steps 1,x", 2, "numbers separated by commas"),
    ("figure fig5 --seed -1", 2, "seed must be"),
]


@pytest.mark.parametrize(("line", "code", "part"), BAD, ids=[line for line, _, _ in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(
    line: str, code: int, part: str, checkpoints: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    places = {"MODEL": checkpoints["digits-plain"], "VECTORS": checkpoints["mixture-plain"]}
    assert call(*[places.get(word, word) for word in line.split()], *["--device", "cpu"]) == code
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("Error: ") and part in lines[-1] and len(lines) == 1
    assert list(tmp_path.iterdir()) == []


def test_figures_as_files(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    run = checkpoints["mixture-plain"].parent
    assert call("figure", "fig1", f"a=b={run}", "--out", tmp_path / "no", "-q") == 2
    assert call("figure", "fig1", f"mine={run}", "-n", 50, "--out", tmp_path / "f.svg", "-q") == 0
    assert (tmp_path / "f.svg").read_bytes().startswith(b"<?xml")
    assert call("figure", "fig5", "-n", 50, "--out", tmp_path / "f.png", "-q") == 0
    assert size(tmp_path / "f.png")[0] > 500
    assert {path.name for path in tmp_path.iterdir()} == {"f.svg", "f.png"}


def test_help_lists_the_figures_without_heavy_imports() -> None:
    heavy, output = heavy_imports_of_command("figure", "--help")
    assert not heavy & {"torch", "numpy", "matplotlib"}
    assert all(f"\n  fig{number}  " in output for number in range(1, 10))


def test_steps_are_parsed() -> None:
    assert parsed_steps("5000, 1000,5000") == [1000, 5000]
    for text in ("", "1,", "-1", "1.5", "1e3", "²"):
        with pytest.raises(UsageError):
            parsed_steps(text)
