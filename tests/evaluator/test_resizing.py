"""Contestants and data of different sizes: what each judge sees, what is recorded, what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from changed_results import matrix_of
from command_line import call
from PIL import Image
from referee_calls import referee as call_referee
from referee_calls import use_small
from referee_records import referees_of
from tiny_referees import arena_of, grains, save_images, use_tiny
from torch import nn

from gancross import Contestant, Result, check, crosstest, load_result, referee
from gancross.data.resizing import Resize, Resizing, resized
from gancross.data.sets import WHOLE, DataSet, Reals, to_network
from gancross.errors import UsageError
from gancross.evaluator.estimates import Proportion
from gancross.evaluator.gate.protocols import check_comparable
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees.cross import NoisyDiscriminator
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.resizing import resized_data, with_resizing
from gancross.report.browser.html import html_report
from gancross.report.command import command
from gancross.report.text.markdown import markdown_report
from gancross.workflow.spec import parse_spec

CPU = torch.device("cpu")


class Waves(nn.Module):
    """Images of a side whose rows depend on the latents."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.seen = side, set[int]()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.seen.add(len(z))
        rows = (3 * z[:, :1] + torch.linspace(0, 9, self.side) * z[:, 1:]).sin()
        return (rows[:, None, :, None] * rows[:, None, None, :]).contiguous()


class Middle(nn.Module):
    """Takes one size; scores the pixel in the middle."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(-1, self.side, self.side)[:, self.side // 2, self.side // 2] - 0.1


def model(name: str, side: int) -> Contestant:
    return Contestant(name=name, generator=Waves(side), discriminator=Middle(side), latent_dim=2)


def images(n: int, height: int, width: int | None = None) -> torch.Tensor:
    shape = (n, 1, height, width or height)
    generator = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def picture_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def result_of(contestants: list[Contestant], data: Any, n: int = 120, **options: Any) -> Result:
    return crosstest(contestants, data=data, num_samples=n, device="cpu", **options)


def three() -> list[Contestant]:
    return [model("small", 6), model("large", 12), Contestant(name="given", samples=images(90, 9))]


@pytest.mark.parametrize("side", [6, 12, 10])
def test_each_judge_sees_what_all_are_in_its_own_size(side: int) -> None:
    """Counted by hand: 8-bit samples, resized to the common side, then to the judge's."""
    result = result_of(three(), images(80, 7), resize=f"{side}:bilinear")
    assert result.protocol.data.shape == (1, side, side)
    common, sources = Resize(side=side, filter="bilinear"), {c.name: c for c in three()}
    samples = {
        name: resized(canonical_samples(c, num_samples=120, purpose="crosstest", device=CPU), common)
        for name, c in sources.items()
    }
    reals = resized(images(80, 7), common)
    for name, native in (("small", 6), ("large", 12)):

        def called_real(of: torch.Tensor, native: int = native) -> int:
            own = resized(of, Resize(side=native, filter="bilinear"))
            return int((Middle(native)(to_network(own)) > 0).sum())

        assert matrix_of(result, name).counts[0][0] == called_real(reals)
        for other in sources:
            fp = result.cells[name, other].fp
            assert isinstance(fp, Proportion) and fp.count == called_real(samples[other])


def test_what_was_resized_is_recorded_and_said_everywhere(tmp_path: Path) -> None:
    result = result_of(three(), images(80, 12), resize=12)
    how = "resized to 12×12 (bicubic, antialiased)"
    assert {
        f"'given': 9×9 images were {how}",
        f"'small': 6×6 images were {how}; its discriminator judged all images resized to 6×6 again, which it"
        " was not trained on",
        "'large': its discriminator judged images that were resized, which it was not trained on",
    } <= set(result.flags)
    assert not any(flag.startswith("the test data") for flag in result.flags)
    assert result.protocol.options.resize == Resize(side=12)
    assert result.to_dict()["protocol"]["resize"] == {"side": 12, "filter": "bicubic"}  # type: ignore[call-overload, index]
    assert "--resize 12:bicubic" in command(result)
    result.save(tmp_path / "r.json")
    assert load_result(tmp_path / "r.json") == result
    for text in (markdown_report(result), html_report(result, [])):
        assert how in text and "not trained on" in text


def test_images_that_have_the_size_stay_as_they_are() -> None:
    """And nothing is said but in the protocol, which a gate compares."""
    models = [model("a", 8), model("b", 8)]
    plain, same = (result_of(models, images(80, 8), resize=side) for side in (None, 8))
    assert (same.cross, same.flags, same.probes) == (plain.cross, plain.flags, plain.probes)
    assert "resize" not in plain.to_dict()["protocol"]  # type: ignore[operator]
    with pytest.raises(UsageError, match=r"protocol\.resize is Resize"):
        check_comparable(same, plain, parts=())


@pytest.mark.parametrize("quantize", [True, False])
def test_neither_chunk_nor_threads_change_a_resized_image(quantize: bool) -> None:
    results = []
    for chunk, threads in ((500, 1), (7, 2)):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            results.append(result_of(three(), images(80, 7), resize=10, chunk=chunk, quantize=quantize))
        finally:
            torch.set_num_threads(before)
    assert results[0].cross == results[1].cross and results[0].confusion == results[1].confusion


def test_the_chunk_is_that_of_the_largest_images_that_a_network_sees() -> None:
    large = model("large", 72)
    result = result_of([large, model("small", 6)], images(40, 6), n=230, resize=6)
    assert result.protocol.chunk == 128 * 64 * 64 // 72**2
    assert isinstance(large.generator, Waves)
    assert max(large.generator.seen) <= result.protocol.chunk * 3 // 2  # a probe has half as many strangers


@pytest.mark.parametrize(
    ("contestants", "data", "message"),
    [
        ([model("a", 6)], images(40, 6, 8), "data 'in memory': images of 6×8 are not square"),
        (
            [model("a", 6), Contestant(name="b", samples=images(40, 6, 8))], images(40, 6),
            "contestant 'b': images of 6×8 are not square",
        ),
        (
            [Contestant(name="a", samples=torch.zeros(40, 2))], torch.zeros(40, 2),
            r"samples of shape \(2,\) are no images",
        ),
    ],
    ids=["data", "contestant", "vectors"],
)  # fmt: skip
def test_what_cannot_be_resized_is_refused(
    contestants: list[Contestant], data: torch.Tensor, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        crosstest(contestants, data=data, num_samples=40, resize=6)


def test_sizes_that_differ_are_an_error_that_names_the_remedy() -> None:
    with pytest.raises(UsageError, match="--resize N, or resize=N"):
        result_of(three(), images(80, 6))


def test_referees_train_on_the_common_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reals of another place and training data too; a discriminator is a judge of dominance there."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    use_tiny(monkeypatch, steps=8)
    result = referee(
        [model("a", 6), Contestant(name="b", samples=images(110, 8))], data=images(60, 10),
        referee_reals=images(110, 9), train_data=images(110, 7), num_samples=110, device="cpu", resize=8,
    )  # fmt: skip
    assert result.protocol.options.resize == Resize(side=8) and result.protocol.data.shape == (1, 8, 8)
    assert "--resize 8:bicubic" in command(result)
    starts = ("'a': 6×6 images were resized", "reals of in memory: 9×9 images", "the test data: 10×10 images")
    for start in starts:
        assert sum(flag.startswith(start) for flag in result.flags) == 1
    record = referees_of(result)
    assert (record.protocol.num_reals, record.protocol.num_training) == (110, 55)
    reals = resized(images(110, 9), Resize(side=8))
    assert record.protocol.reals_sha256 == sample_set(reals).sha256


def test_folders_of_several_sizes_meet_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--referee-reals` too; what is not square is one line."""
    use_small(monkeypatch, tmp_path / "cache", steps=2)
    for number, (name, side) in enumerate({"R": 8, "A": 6, "B": 9, "fresh": 7}.items()):
        save_images(grains(40, seed=number, shape=(1, side, side)), tmp_path / name)
    save_images(grains(20, shape=(1, 6, 8)), tmp_path / "wide")
    record = tmp_path / "r.json"
    fresh = ["--referee-reals", tmp_path / "fresh"]
    assert call_referee(tmp_path, *fresh) == 2 and "--resize N" in capfd.readouterr().err
    assert call_referee(tmp_path, *fresh, "--resize", "8:lanczos", "--json", record) == 0
    result = load_result(record)
    assert result.protocol.options.resize == Resize(side=8, filter="lanczos")
    assert (
        f"reals of {tmp_path / 'fresh'}: 7×7 images were resized to 8×8 (lanczos, antialiased)"
        in result.flags
    )
    capfd.readouterr()
    assert call_referee(tmp_path, "--resize", 8, models=("A", "wide")) == 2
    assert "contestant 'wide': images of 6×8 are not square" in " ".join(capfd.readouterr().err.split())


def test_a_discriminator_judges_dominance_in_its_own_size() -> None:
    arena = arena_of(grains(40), [grains(40, seed=1)])
    side = arena.reals.array.shape[-1]
    contestant = replace(model("a", 6), resizing=Resizing(native=6, common=Resize(side=side)))
    judge = NoisyDiscriminator(contestant, arena)
    noisy = torch.zeros(3, *arena.reals.array.shape[1:])
    assert judge.inputs(noisy, torch.ones(3)).shape[2:] == (6, 6)


def test_training_images_that_are_read_on_demand_are_resized_batch_by_batch() -> None:
    class Lazy:
        size = 6

        def batches(self, *, seed: int, batch_size: int, start: int, share: slice = WHOLE) -> Any:
            yield images(batch_size, 12)

    train: Reals = Lazy()
    reals = DataSet(
        name="lazy", shape=(1, 12, 12), train=train, held_out=lambda n: images(9, 12), split="given"
    )
    brought = resized_data(reals, Protocol(resize=Resize(side=6)))
    assert brought.train is not None and brought.train.size == 6 and brought.shape == (1, 6, 6)
    batch = next(iter(brought.train.batches(seed=0, batch_size=4, start=0)))
    assert torch.equal(batch, resized(images(4, 12), Resize(side=6)))
    assert torch.equal(brought.held_out(3), resized(images(9, 12), Resize(side=6)))
    assert with_resizing([], reals, Protocol(), device="cpu")[1] is reals


def test_a_check_tells_the_same() -> None:
    found = check(model("a", 6), data=images(300, 10), resize=12)
    assert found.shape == (1, 12, 12)
    assert [note[:19] for note in found.notes] == ["the test data: 10×1", "'a': 6×6 images wer"]
    with pytest.raises(UsageError, match="--resize"):
        check(model("a", 6), data=images(300, 10))


def test_the_command_line_and_benchmarks_take_it(
    checkpoints: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    for index, image in enumerate(images(40, 16)):
        Image.fromarray(image[0].numpy()).save(folder / f"{index}.png")
    models = [f"plain={checkpoints['digits-plain']}", f"made=folder:{folder}"]
    options = ["--data", "digits", "-n", 40, "--referees", "none", "--device", "cpu"]
    assert call("crosstest", *models, *options) == 2
    assert "--resize N" in capfd.readouterr().err
    record = tmp_path / "r.json"
    assert call("crosstest", *models, *options, "--resize", 8, "--json", record) == 0
    out = capfd.readouterr().out
    assert "16×16 images were resized to 8×8 (bicubic, antialiased)" in " ".join(out.split())
    assert load_result(record).protocol.options.resize == Resize(side=8)
    grids = sorted((tmp_path / "r-samples").glob("*.png"))
    assert len(grids) == 3 and len({picture_size(grid) for grid in grids}) == 1
    assert call("check", models[0], "--data", f"folder:{folder}", "--resize", "8:lanczos", "-q") in (0, 6)
    assert "(lanczos, antialiased)" in " ".join(capfd.readouterr().out.split())
    spec: dict[str, Any] = {"recipe": "digits", "variants": {"a": {}}, "crosstest": {"resize": "32:lanczos"}}
    assert parse_spec(spec).protocol.resize == Resize(side=32, filter="lanczos")
