"""Folders of generated images as contestants, and the choice among given samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign import call
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from gancross import Contestant, crosstest
from gancross.errors import UsageError
from gancross.evaluator.contestants.image_folders import folder_contestant
from gancross.evaluator.judging.sampling import fake_source, sample_choice
from gancross.evaluator.judging.scoring import canonical_samples

CPU = torch.device("cpu")


def images(folder: Path, n: int, *, colour: tuple[int, ...] = (), side: int = 8) -> Path:
    """n images whose pixels all are their number; those in `colour` are RGB, without red."""
    folder.mkdir()
    for number in range(n):
        pixels = np.full((side, side), number, np.uint8)
        if number in colour:
            pixels = np.stack([np.zeros_like(pixels), pixels, pixels], axis=2)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


@given(have=st.integers(1, 300), n=st.integers(1, 300), seed=st.integers(0, 3))
def test_the_choice_is_a_sorted_subset_that_grows(have: int, n: int, seed: int) -> None:
    index = sample_choice(have, n, name="a", seed=seed, purpose="crosstest")
    assert len(index) == min(have, n) and (np.diff(index) > 0).all() and 0 <= index[0] <= index[-1] < have
    fewer = sample_choice(have, max(1, n // 2), name="a", seed=seed, purpose="crosstest")
    assert set(fewer) <= set(index)


def test_the_choice_is_uniform_and_depends_on_its_words() -> None:
    counts = np.zeros(10)
    for seed in range(2000):
        counts[sample_choice(10, 3, name="a", seed=seed, purpose="crosstest")] += 1
    assert abs(counts - 600).max() < 5 * np.sqrt(2000 * 0.3 * 0.7)
    choice = sample_choice(1000, 10, name="a", seed=0, purpose="crosstest")
    for words in ({"name": "b", "seed": 0}, {"name": "a", "seed": 1}):
        assert not np.array_equal(choice, sample_choice(1000, 10, purpose="crosstest", **words))  # type: ignore[arg-type]
    assert not np.array_equal(choice, sample_choice(1000, 10, name="a", seed=0, purpose="sample"))


def test_given_samples_are_chosen_from_all_of_them() -> None:
    samples = torch.arange(2000, dtype=torch.float32).reshape(1000, 2)
    contestant = Contestant(name="s", samples=samples)
    source = fake_source(contestant, num_samples=100, seed=4)
    assert source.array is not None and source.n == 100 and float(source.array[:].max()) > 1000
    again = canonical_samples(contestant, num_samples=100, seed=4, purpose="crosstest", device=CPU)
    assert torch.equal(again, source.array[:])


def test_a_folder_gives_what_all_its_images_would(tmp_path: Path) -> None:
    folder = images(tmp_path / "made", 40)
    everything = folder_contestant(folder, name="f", num_samples=40)
    assert everything.samples is not None and everything.samples.shape == (40, 1, 8, 8)
    assert everything.samples[:, 0, 0, 0].tolist() == list(range(40))
    few = folder_contestant(folder, name="f", num_samples=7, seed=3)
    source = fake_source(everything, num_samples=7, seed=3)
    chosen = fake_source(few, num_samples=7, seed=3)
    assert source.array is not None and chosen.array is not None and chosen.n == 7
    assert torch.equal(chosen.array[:], source.array[:])


def test_channels_are_those_of_the_whole_folder(tmp_path: Path) -> None:
    folder = images(tmp_path / "made", 40, colour=(39,))
    for seed in range(4):
        few = folder_contestant(folder, name="f", num_samples=3, seed=seed)
        assert few.samples is not None and few.samples.shape == (3, 3, 8, 8)


def test_a_folder_is_judged_and_judges_nobody(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = images(tmp_path / "made.v2", 30)
    record = tmp_path / "r.json"
    code, message = call(
        capfd,
        "crosstest",
        f"a={checkpoints['digits-plain']}",
        f"folder:{folder}",
        "-n",
        "50",
        "--json",
        record,
    )
    assert code == 0, message
    result = json.loads(record.read_text(encoding="utf-8"))
    assert [contestant["name"] for contestant in result["contestants"]] == ["a", "made.v2"]
    assert (
        result["contestants"][1]["path"] == f"folder:{folder}"
        and len(result["contestants"][1]["sha256"]) == 64
    )
    cells = {(cell["judge"], cell["generator"]): cell for cell in result["cross"]}
    assert set(cells) == {("a", "a"), ("a", "made.v2")} and cells["a", "made.v2"]["fp"]["n"] == 30
    assert "'made.v2': only 30 samples, 50 asked for" in result["flags"]
    code, message = call(capfd, "sample", f"folder:{folder}", "-n", "4", "--out", tmp_path / "grid.png")
    assert code == 0 and (tmp_path / "grid.png").exists(), message


def test_refusals_are_one_line(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "made", 3)
    images(tmp_path / "large", 3, side=16)
    images(tmp_path / "colour", 3, colour=(1,))
    images(tmp_path / "mixed", 3)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("mixed/x.png")
    (tmp_path / "empty").mkdir()
    images(tmp_path / "broken", 2)
    Path("broken/x.png").write_bytes(b"no image")
    ours = str(checkpoints["digits-plain"])
    for model, code, part in (
        ("made", 2, "made: is a folder, expected a file; a folder of images is folder:made"),
        ("x=made", 2, "is a folder"),
        ("folder:gone", 2, "folder gone does not exist"),
        ("folder:broken/x.png", 2, "folder broken/x.png is a file, expected a folder"),
        ("folder:", 2, "[NAME=]folder:PATH"),
        ("folder:empty", 2, "no images"),
        ("folder:mixed", 2, "a generator's images must have one size, nothing is resized"),
        ("folder:broken", 3, "x.png: not an image"),
        ("folder:large", 2, "samples of shape (1, 16, 16), but the data have shape (1, 8, 8)"),
        ("folder:colour", 2, "samples of shape (3, 8, 8)"),
    ):
        exit_code, message = call(capfd, "crosstest", f"ours={ours}", model, "-n", "20", "--data", "digits")
        assert exit_code == code and part in message, message
    exit_code, message = call(capfd, "crosstest", "folder:made", "--data", "digits")
    assert exit_code == 2 and "no contestant has a discriminator" in message
    exit_code, message = call(capfd, "crosstest", "folder:made")
    assert exit_code == 2 and "give --data" in message
    exit_code, message = call(capfd, "crosstest", "folder:made", "-n", "0", "--data", "digits")
    assert exit_code == 2 and "at least 1" in message


def test_networks_that_fail_are_named() -> None:
    reals = torch.zeros(20, 2)

    def judged_by(discriminator: nn.Module) -> None:
        samples = Contestant(name="s", samples=torch.zeros(5, 2))
        judge = Contestant(
            name="j", generator=nn.Linear(2, 2), discriminator=discriminator, latent_dim=2
        )  # fmt: skip
        crosstest([samples, judge], data=reals, num_samples=5, device="cpu")

    judged_by(nn.Sequential(nn.Linear(2, 1), nn.Unflatten(1, (1, 1, 1))))  # (N, 1, 1, 1), as DCGANs have it
    for wrong in (nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Unflatten(1, (1, 1))), nn.Linear(3, 1)):
        with pytest.raises(UsageError, match="contestant 'j': its discriminator"):
            judged_by(wrong)
