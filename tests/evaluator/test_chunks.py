"""How many samples networks see at a time, and how many test samples they judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_referees import use_tiny
from torch import nn

from gancross import Contestant, check, crosstest, load_result, referee
from gancross.errors import UsageError
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.protocol import Protocol, chunk_length
from gancross.evaluator.result.types import Result
from gancross.report.command import command

CPU = torch.device("cpu")


def images(n: int, side: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8, generator=generator)


class Generator(nn.Module):
    """Images that depend on one latent in every row."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.seen = side, list[int]()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(z))
        return z.tanh()[:, None, :, None].expand(-1, 1, self.side, self.side).clone()


class Judge(nn.Module):
    """Where the two parts of the sum differ in sign batch norm matters."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm, self.seen = norm, list[int]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(images))
        features = torch.stack([images.std((1, 2, 3)), images.mean((1, 2, 3))], 1)
        scores: torch.Tensor = self.norm(features).sum(1)
        return scores.round(decimals=3)  # whatever the last bits are


class Deviation(nn.Module):
    """Depends on the other samples of the batch."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features - 2 * features.std(0)


def pair(side: int = 4, norm: nn.Module | None = None, **options: Any) -> tuple[Contestant, Generator, Judge]:
    generator, judge = Generator(side), Judge(norm or nn.Identity())
    contestant = Contestant(name="a", generator=generator, discriminator=judge, latent_dim=side, **options)
    return contestant, generator, judge


def judged(contestant: Contestant, data: Any, n: int = 300, **options: Any) -> Result:
    return crosstest([contestant], data=data, num_samples=n, device="cpu", **options)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2,), 500), ((100_000,), 500), ((1, 28, 28), 500), ((3, 32, 32), 500), ((512, 32, 32), 500),
        ((3, 32, 33), 496), ((3, 64, 64), 128), ((3, 32, 128), 128), ((3, 64, 65), 126),
        ((3, 128, 128), 32), ((1, 128, 128), 32),
        ((3, 256, 256), 8), ((3, 1024, 1024), 1), ((3, 4096, 4096), 1),
    ],
    ids=str,
)  # fmt: skip
def test_the_chunk_follows_from_the_shape_of_a_sample(shape: tuple[int, ...], expected: int) -> None:
    assert chunk_length(shape) == expected
    assert chunk_length(shape, 7) == 7


@pytest.mark.parametrize("norm", ["none", "batch", "coupled"])
def test_large_images_are_seen_in_small_chunks_from_the_first_call_on(norm: str) -> None:
    """Judges whose training batch is larger see that: one of 1 GiB for 64 takes no more in any thread."""
    layer = {"none": nn.Identity(), "batch": nn.BatchNorm1d(2), "coupled": Deviation()}[norm]
    contestant, generator, judge = pair(128, layer, batch_size=64)
    result = judged(contestant, images(70, 128), n=66, controls=False)
    assert result.protocol.chunk == 32
    assert (max(generator.seen), max(judge.seen)) == (32, 64)
    assert "--chunk" not in command(result)


@pytest.mark.parametrize("norm", ["none", "batch", "coupled"])
@pytest.mark.parametrize("chunk", [1, 37, 500])
def test_a_given_chunk_changes_the_record_and_no_figure(norm: str, chunk: int, tmp_path: Path) -> None:
    """Groups of 30 need not divide it."""
    results, seen = [], []
    for given in (None, chunk):
        layer = {"none": nn.Identity(), "batch": nn.BatchNorm1d(2), "coupled": Deviation()}[norm]
        contestant, generator, judge = pair(4, layer, batch_size=30)
        results.append(judged(contestant, images(150), chunk=given))
        seen.append((max(generator.seen), max(judge.seen)))
    first, second = results
    probe = {1: 30, 37: 30, 500: 270}[chunk]  # whole groups
    assert (first.protocol.chunk, second.protocol.chunk) == (500, chunk)
    assert seen[1] == (max(8, chunk), probe if norm == "coupled" else max(probe, chunk))
    assert second.cross == first.cross and second.confusion == first.confusion
    assert second.batch_norm == first.batch_norm
    assert ("--chunk" in command(second)) is (chunk != 500)
    second.save(tmp_path / "r.json")
    assert load_result(tmp_path / "r.json") == second


def test_samples_are_the_same_in_any_chunk() -> None:
    contestant, generator, _ = pair()
    whole = canonical_samples(contestant, num_samples=60, device=CPU)
    assert generator.seen == [2, 500]
    parts = canonical_samples(contestant, num_samples=60, device=CPU, chunk=7)
    assert torch.equal(whole, parts) and set(generator.seen[2:]) == {7}


@pytest.mark.parametrize("norm", ["none", "coupled"])
def test_a_check_sees_no_more_large_images_at_a_time(norm: str) -> None:
    layer = {"none": nn.Identity(), "coupled": Deviation()}[norm]
    contestant, generator, judge = pair(128, layer, batch_size=64)
    found = check(contestant, data=images(70, 128))
    assert found.num_real == 70 and (max(generator.seen), max(judge.seen)) == (32, 64)


def test_referees_take_a_chunk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the generators; the record and its command say so."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    use_tiny(monkeypatch, steps=2)
    contestant, generator, _ = pair()
    result = referee([contestant], data=images(90), num_samples=90, device="cpu", chunk=7)
    assert max(generator.seen) == 8 and generator.seen.count(7) == 13  # probes see 8 at least
    assert result.protocol.chunk == result.protocol.options.chunk == 7
    assert "referee" in command(result) and "--chunk 7" in command(result)
    with pytest.raises(UsageError, match="the chunk must be 1 to"):
        referee([contestant], data=images(90), chunk=0)


def test_fidelity_is_measured_in_chunks_too() -> None:
    vectors = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    contestant = Contestant(name="a", generator=nn.Linear(3, 3), discriminator=nn.Linear(3, 1), latent_dim=3)
    distances = []
    for chunk in (None, 33):
        record: Any = judged(contestant, vectors, 200, metrics=["fid"], chunk=chunk).to_dict()
        (figure,) = (figure for key, figure in record["fidelity"]["a"].items() if "distance" in key)
        distances.append(figure["value"])
    assert distances[1] == pytest.approx(distances[0], rel=1e-6) and distances[0] > 0


def test_a_part_of_the_test_set_follows_from_seed_and_content() -> None:
    contestant, _, _ = pair()
    data = images(200)
    first = judged(contestant, data, num_real=50)
    second = judged(contestant, data[torch.randperm(200)], num_real=50)
    other, whole = judged(contestant, data, num_real=50, seed=1), judged(contestant, data)
    assert first.cross == second.cross and first.protocol == second.protocol
    assert first.protocol.data.num_real == first.confusion["a"].fn.n == 50  # type: ignore[union-attr]
    assert first.protocol.data.split == "given; 50 of 200 test samples, by the seed"
    assert len({each.protocol.data.sha256 for each in (first, other, whole)}) == 3
    assert "--num-real 50" in command(first) and "--num-real" not in command(whole)
    assert whole.protocol.options.num_real is None and whole.protocol.data.num_real == 200


def test_fewer_test_samples_than_asked_for_are_flagged(tmp_path: Path) -> None:
    result = judged(pair()[0], images(80), num_real=100)
    assert "only 80 test samples, 100 asked for" in result.flags
    assert (result.protocol.data.num_real, result.protocol.options.num_real) == (80, 100)
    result.save(tmp_path / "r.json")
    assert load_result(tmp_path / "r.json") == result


def test_endless_data_give_as_many_test_samples_as_asked_for() -> None:
    contestant = Contestant(name="a", generator=nn.Linear(3, 3), discriminator=nn.Linear(3, 1), latent_dim=3)
    result = judged(contestant, "mixture", 300, num_real=70)
    assert result.protocol.data.num_real == 70
    few, many = (judged(contestant, "mixture", n) for n in (70, 300))
    assert few.protocol.data.sha256 == result.protocol.data.sha256 != many.protocol.data.sha256
    assert many.protocol.data.num_real == 300


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("chunk", 0, "the chunk must be 1 to 65536 samples, is 0"),
        ("chunk", 10**6, "the chunk must be 1 to 65536 samples"),
        ("chunk", 1.5, "the chunk must be an integer"),
        ("num_real", 0, "the number of test samples must be at least 1, is 0"),
        ("num_real", "all", "the number of test samples must be an integer"),
    ],
)
def test_values_that_are_none_are_refused(option: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Protocol(**{option: value})
