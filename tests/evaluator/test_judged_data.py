"""What is held out of a folder that is judged on, and grey images in one channel or in three."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancross import Contestant, crosstest, referee
from gancross.checkpoint.contestant import Origin
from gancross.data import folder, workers
from gancross.data.sets import DataSet
from gancross.errors import DataError, UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judged_data import as_channels, load_reals, trained_data, with_equal_channels
from gancross.evaluator.result.types import Result
from gancross.random_streams import Stream, latents

SIDE, N = 8, 40


def write(folder: Path, n: int = N, *, mode: str = "L", seed: int = 0) -> Path:
    """n random grey images; as files of another mode they hold the same pixels."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).convert(mode).save(folder / f"{number:03}.png")
    return folder


def contestant(name: str, *, channels: int = 1, data: str | None = None) -> Contestant:
    torch.manual_seed(0)
    size = channels * SIDE**2
    return Contestant(
        name=name, latent_dim=4,
        generator=nn.Sequential(nn.Linear(4, size), nn.Tanh(), nn.Unflatten(1, (channels, SIDE, SIDE))),
        discriminator=nn.Sequential(nn.Flatten(), nn.Linear(size, 1)),
        origin=None if data is None else Origin(path="a.pt", sha256="0" * 64, recipe={"data": data}),
    )  # fmt: skip


def loaded(data: Path, *contestants: Contestant) -> DataSet:
    return load_reals(
        f"folder:{data}", trained_on=trained_data(contestants), data_root=data, image_size=None, seed=0
    )


def judged(*contestants: Contestant, data: str | torch.Tensor, **options: object) -> Result:
    return crosstest(
        contestants, data=data, num_samples=N, controls=False, device="cpu", **options  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_folder_that_nobody_was_trained_on_is_judged_whole(tmp_path: Path) -> None:
    write(tmp_path / "heldout")
    write(tmp_path / "images")
    reals = loaded(
        tmp_path / "heldout",
        contestant("a", data=f"folder:{tmp_path / 'images'}"),
        contestant("b", data="digits"),
    )
    assert (len(reals.held_out(1)), reals.train, reals.split, reals.notes) == (N, None, "all held out", ())
    result = judged(contestant("a"), data=f"folder:{tmp_path / 'heldout'}")
    assert result.protocol.data.num_real == N
    assert result.generalisation_gap["a"] == Missing("no training data given")


def test_the_folder_of_the_training_keeps_the_division_of_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = write(tmp_path / "images")
    (tmp_path / "alias").symlink_to(images, target_is_directory=True)
    expected = folder.load(images, image_size=None)
    for name in (images, Path("images"), tmp_path / "alias", tmp_path / "x" / ".." / "images"):
        (tmp_path / "x").mkdir(exist_ok=True)
        reals = loaded(name, contestant("a", data="folder:images"), contestant("b"))
        assert torch.equal(reals.held_out(1), expected.held_out(1)) and reals.train is not None
        assert (reals.split, reals.notes) == ("fixed random 10% held out", ())


def test_held_out_images_that_somebody_was_trained_on_are_flagged(tmp_path: Path) -> None:
    for name in ("all/train", "all/test", "all/flat/photos"):
        write(tmp_path / name)
    train, photos, flat = (tmp_path / "all" / name for name in ("train", "flat/photos", "flat"))
    folders = (tmp_path / "all", flat, photos, tmp_path / "moved")
    whole, part, inner, moved = (contestant("a", data=f"folder:{place}") for place in folders)
    assert loaded(tmp_path / "all" / "test", whole).notes == ()
    for data, trained in ((train, whole), (photos, part), (flat, inner)):
        (note,) = loaded(data, trained).notes
        assert note.startswith(f"test images of {data} are training images of 'a'")
    (note,) = loaded(flat, moved).notes
    assert note.startswith(f"'a' was trained on folder:{tmp_path / 'moved'}, which is not here: if these are")
    (note,) = loaded(tmp_path / "all", moved).notes
    assert note.endswith("40 beside train/ and test/")  # its test/ is held out for this
    flags = judged(part, data=f"folder:{photos}").flags
    assert any("are training images of 'a'" in flag for flag in flags)


def test_given_training_images_are_the_whole_folder(tmp_path: Path) -> None:
    test, train = write(tmp_path / "test"), write(tmp_path / "train", seed=1)
    by_name = judged(contestant("a"), data=f"folder:{test}", train_data=f"folder:{train}")
    arrays = [loaded(part).held_out(1) for part in (test, train)]
    by_array = judged(contestant("a"), data=arrays[0], train_data=arrays[1])
    assert by_name.generalisation_gap == by_array.generalisation_gap
    assert not isinstance(by_name.generalisation_gap["a"], Missing)


@pytest.mark.parametrize("budget", ["in memory", "on demand"])
def test_grey_images_saved_in_colour_are_grey_before_grey_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    if budget == "on demand":
        monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)
        monkeypatch.setattr(workers, "MAX_DEFAULT_WORKERS", 0)
    for mode in ("L", "RGB"):
        for half in ("train", "test"):
            write(tmp_path / mode / half, mode=mode, seed=half == "test")
    results = [judged(contestant("a"), data=f"folder:{tmp_path / mode}") for mode in ("L", "RGB")]
    assert results[0].protocol == replace(
        results[1].protocol, data=replace(results[1].protocol.data, name=results[0].protocol.data.name)
    )
    assert results[0].cross == results[1].cross
    assert results[0].generalisation_gap == results[1].generalisation_gap
    colour = contestant("a", channels=3)
    assert judged(colour, data=f"folder:{tmp_path / 'RGB'}").protocol.data.shape == (3, SIDE, SIDE)
    with pytest.raises(UsageError, match=r"contestant 'b': samples of shape \(3, 8, 8\)"):
        judged(contestant("a"), replace(colour, name="b"), data=f"folder:{tmp_path / 'RGB'}")


def test_a_training_image_in_colour_among_grey_ones_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for half in ("train", "test"):
        write(tmp_path / half, mode="RGB")
    Image.new("RGB", (SIDE, SIDE), "red").save(tmp_path / "train" / "000.png")
    with pytest.raises(
        UsageError, match=r"samples of shape \(1, 8, 8\), but the data have shape \(3, 8, 8\)"
    ):
        judged(contestant("a"), data=f"folder:{tmp_path}")
    monkeypatch.setattr(folder, "MAX_IMAGES_IN_MEMORY", 0)
    monkeypatch.setattr(workers, "MAX_DEFAULT_WORKERS", 0)
    with pytest.raises(DataError, match=r"000\.png: shape \(3, 8, 8\), expected \(1, 8, 8\)"):
        judged(contestant("a"), data=f"folder:{tmp_path}")


def test_given_grey_samples_have_the_channels_of_the_data() -> None:
    grey = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, 1, SIDE, SIDE), dtype=np.uint8))
    colour = grey.repeat(1, 3, 1, 1)
    red = colour.clone()
    red[-1, 0] += 1
    for channels, data in ((1, grey), (3, red)):
        judge = contestant("a", channels=channels)
        cells = [
            judged(judge, Contestant(name="given", samples=samples), data=data).cells["a", "given"]
            for samples in (grey, colour)
        ]
        assert cells[0] == cells[1]
    with pytest.raises(UsageError, match=r"contestant 'given': samples of shape \(3, 8, 8\)"):
        judged(contestant("a"), Contestant(name="given", samples=red), data=grey)
    few = referee([Contestant(name="given", samples=grey[:9])], data=red, num_samples=9, device="cpu")
    assert isinstance(few.referees, Missing) and "9 samples, of which referees need" in few.referees.reason


@pytest.mark.parametrize("shape", [(2, SIDE, SIDE), (4, SIDE, SIDE)])
def test_other_channels_are_left_alone(shape: tuple[int, ...]) -> None:
    images = torch.zeros(3, *shape, dtype=torch.uint8)
    assert all(as_channels(images, channels) is images for channels in (1, 3))
    data = load_reals(images, data_root=Path("data"), image_size=None, seed=0)
    (same,), reals = with_equal_channels(
        [Contestant(name="a", samples=images[:, :1])], data, device="cpu"
    )  # fmt: skip
    assert reals is data and same.samples is not None and same.samples.shape[1] == 1


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_clipped_values_are_counted(factor: float) -> None:
    """By hand: the same latents through the same generator, without padding."""
    wide = contestant("a")
    assert isinstance(wide.generator, nn.Sequential)
    wide.generator.append(Scaled(factor))
    data = torch.zeros(N, 1, SIDE, SIDE, dtype=torch.uint8)
    with torch.no_grad():
        levels = (wide.generator(crosstest_latents(wide)) + 1) * 127.5
    outside = ((levels < -0.5) | (levels > 255.5)).flatten(1).sum(1)
    assert bool(outside.any()) == (factor > 1)
    (record,) = judged(wide, data=data).contestants
    assert record.clipped_values == int(outside.sum())
    assert judged(wide, data=data, quantize=False).contestants[0].clipped_values is None
    (alone,) = referee([wide], data=data, num_samples=9, device="cpu").contestants
    assert alone.clipped_values == int(outside[:9].sum())
    given = judged(wide, Contestant(name="given", samples=data), data=data).contestants
    assert given[1].clipped_values is None


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * self.factor


def crosstest_latents(contestant: Contestant) -> torch.Tensor:
    assert contestant.latent_dim is not None
    stream = Stream(0, "latents", contestant.name, "crosstest")
    return latents(stream, 0, N, dim=contestant.latent_dim, prior="normal")
