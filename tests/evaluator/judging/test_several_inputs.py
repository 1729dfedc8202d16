"""A generator of several inputs through the evaluator: streams, samples, record, check and saving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gancross import Contestant, Input, check, crosstest, load_result, save_checkpoint
from gancross.errors import UsageError
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.models.conditional import OneClass
from gancross.random_streams import Stream

CPU = torch.device("cpu")
DATA = torch.randint(0, 256, (300, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NOISE, CODES = Input("noise", 4, truncation=1), Input("codes", 12, prior="one-hot")


class BesideEachOther(nn.Module):
    """The numbers of both inputs are the sample's."""

    def forward(self, noise: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return torch.cat([noise, codes], dim=1)


class AsImages(nn.Module):
    def forward(self, noise: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return torch.cat([noise, codes], dim=1).reshape(-1, 1, 4, 4)


def pair() -> Contestant:
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    return Contestant(name="a", generator=AsImages(), discriminator=discriminator, latents=[NOISE, CODES])


def test_every_input_has_a_stream_of_its_own_and_goes_to_its_place() -> None:
    model = Contestant(name="a", generator=BesideEachOther(), latents=[NOISE, CODES])
    samples = canonical_samples(model, num_samples=600, seed=3, device=CPU)  # more than one chunk
    for each, part in zip((NOISE, CODES), (samples[:, :4], samples[:, 4:]), strict=True):
        assert torch.equal(part, each.drawn(Stream(3, "latents", "a", "sample", each.name), 0, 600))


def test_the_order_of_the_list_decides_the_place_and_no_number() -> None:
    model = Contestant(name="a", generator=BesideEachOther(), latents=[NOISE, CODES])
    turned = replace(model, latents=[CODES, NOISE])
    first, second = (canonical_samples(each, num_samples=9, seed=0, device=CPU) for each in (model, turned))
    assert torch.equal(second, first.roll(12, dims=1))


def test_a_list_of_vectors_needs_a_function_of_one_line() -> None:
    synthesis = nn.Linear(6, 2)

    def from_styles(styles: list[torch.Tensor]) -> torch.Tensor:
        result: torch.Tensor = synthesis(torch.cat(styles, dim=1))
        return result

    generator: Any = lambda *styles: from_styles(list(styles))  # noqa: E731
    model = Contestant(name="a", generator=generator, latents="coarse:3,fine:3")
    assert canonical_samples(model, num_samples=5, seed=0, device=CPU).shape == (5, 2)


class Labelled(nn.Module):
    def forward(self, noise: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.cat([noise, codes, labels[:, None].float()], dim=1)


def test_labels_come_behind_all_inputs() -> None:
    model = Contestant(name="a", generator=Labelled(), latents=[NOISE, CODES], num_classes=3)
    one_class = replace(model, generator=OneClass(Labelled(), 2), num_classes=None)
    drawn, second = (
        canonical_samples(each, num_samples=60, seed=0, device=CPU) for each in (model, one_class)
    )
    assert set(drawn[:, -1].tolist()) == {0, 1, 2} and set(second[:, -1].tolist()) == {2}
    assert torch.equal(drawn[:, :-1], second[:, :-1])


def test_a_cross_test_records_the_inputs(tmp_path: Path) -> None:
    result = crosstest([pair()], data=DATA, num_samples=100, device="cpu", norm_check=False)
    result.save(tmp_path / "result.json")
    (record,) = load_result(tmp_path / "result.json").contestants
    assert record.latents == "noise:4:normal:1.0,codes:12:one-hot"
    assert (record.latent, record.latent_dim, record.latent_shape) == (None, None, None)


def test_a_single_latent_is_recorded_as_before(tmp_path: Path) -> None:
    single = replace(pair(), generator=nn.Unflatten(1, (1, 4, 4)), latents=None, latent_dim=16)
    result = crosstest([single], data=DATA, num_samples=100, device="cpu", norm_check=False)
    result.save(tmp_path / "result.json")
    assert '"latents"' not in (tmp_path / "result.json").read_text()
    assert result.contestants[0].latent_shape == (16,)


def test_a_check_says_the_inputs() -> None:
    assert "latents noise:4:normal:1.0, codes:12:one-hot" in str(check(pair(), data=DATA, device="cpu"))


def test_a_generator_of_other_inputs_is_refused_with_their_shapes() -> None:
    with pytest.raises(
        UsageError, match=r"latents of shape \(4,\), \(12,\), \(2,\): .*forward.* as in noise:128x1x1"
    ):
        crosstest([replace(pair(), latents=[NOISE, CODES, Input("more", 2)])], data=DATA, device="cpu")


def test_a_checkpoint_does_not_hold_several_inputs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a checkpoint holds latents of one kind"):
        save_checkpoint(tmp_path / "a.pt", pair())
    assert not list(tmp_path.iterdir())
