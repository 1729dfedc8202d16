"""Judges that take whole training batches alone: no figure depends on how the chunks fall."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from tiny_referees import arena_of, grains
from torch import nn

from gancross import Contestant, Result, check, crosstest
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import Source, chunks
from gancross.evaluator.judging.scoring import score_all
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees.cross import NoisyDiscriminator
from gancross.evaluator.referees.dominance import dominances

CPU = torch.device("cpu")
SHAPE = (1, 4, 4)
REALS = torch.randint(0, 256, (230, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class MinibatchDeviation(nn.Module):
    """As in StyleGAN2: one more feature, the deviation over groups of samples that `view` must divide.

    Args:
        group: of the statistic.
        weight: of the feature; 0: the scores do not depend on the company, but the length must fit.
        least: whether the group is no larger than the batch, so that shorter batches fit too.
    """

    def __init__(self, group: int, *, weight: float = 1.0, least: bool = False) -> None:
        super().__init__()
        self.group, self.weight, self.least, self.seen = group, weight, least, list[int]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        n = len(images)
        group = min(n, self.group) if self.least else self.group
        rows = images.flatten(1).view(group, -1, images[0].numel())
        deviation = (rows - rows.mean(0)).square().mean(0).add(1e-8).sqrt().mean(1)
        self.seen.append(n)
        scores = images.mean((1, 2, 3)) + self.weight * (deviation.repeat(group) - 0.5)
        return scores.double().mul(1e4).round() / 1e4  # whatever the last bits are


class Rows(nn.Module):
    """Images that depend on one latent in every row."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.tanh()[:, None, :, None].expand(-1, *SHAPE).clone()


def model(judge: nn.Module, size: int) -> Contestant:
    return Contestant(name="a", generator=Rows(), discriminator=judge, latent_dim=4, batch_size=size)


def result_of(judge: nn.Module, size: int, chunk: int) -> Result:
    return crosstest([model(judge, size)], data=REALS, num_samples=210, device="cpu", chunk=chunk)


@pytest.mark.parametrize("weight", [1.0, 0.0], ids=["coupled", "lengths"])
@pytest.mark.parametrize("least", [True, False], ids=["at-most", "exactly"])
@pytest.mark.parametrize(("group", "size"), [(4, 32), (32, 32), (8, 120), (4, 700)])
def test_figures_do_not_depend_on_how_chunks_fall(group: int, size: int, least: bool, weight: float) -> None:
    """Groups of the training batch size, which may be larger than a chunk and than all samples."""
    results = []
    for chunk in (500, 96, 7):
        judge = MinibatchDeviation(group, weight=weight, least=least)
        results.append(result_of(judge, size, chunk))
        if weight:
            assert set(judge.seen[-5:]) == {size}
    assert results[0].cross == results[1].cross == results[2].cross
    assert results[0].confusion == results[1].confusion == results[2].confusion
    assert results[0].controls == results[2].controls


def test_only_scores_that_depend_on_company_widen_intervals_and_are_flagged() -> None:
    results = [result_of(MinibatchDeviation(4, weight=weight), 32, 500) for weight in (1.0, 0.0)]
    flags = [[flag for flag in result.flags if "other samples of the batch" in flag] for result in results]
    assert list(map(len, flags)) == [1, 0]
    assert "whole_batches" not in results[0].to_json() and '"whole_batches": true' in results[1].to_json()


def test_a_group_is_what_the_judge_saw_in_training_and_the_last_one_begins_again() -> None:
    """Scores of groups cut by hand."""
    judge, size = MinibatchDeviation(4), 32
    source = Source(label=None, n=70, array=REALS[:70], chunk=7)
    scores = score_all(
        [source], [model(judge, size)], Protocol(norm_check=False), shape=SHAPE, device=CPU, coupled={"a"}
    )
    whole = torch.cat(list(chunks(source, seed=0, shape=SHAPE, device=CPU, group=1)))[:70]
    filled = torch.cat([whole, whole[:26]]).float().mul(2 / 255).sub(1)
    expected = torch.cat([judge(part) for part in filled.split(size)])[:70]  # type: ignore[no-untyped-call]
    assert scores.of("a", "eval")[None].tolist() == expected.tolist()


def test_a_check_sees_the_same_groups() -> None:
    for weight in (1.0, 0.0):
        judge = MinibatchDeviation(32, weight=weight)
        found: Any = check(model(judge, 96), data=REALS).discriminator
        assert found.group_size == (96 if weight else 1) and set(judge.seen[-3:]) == {96}


@pytest.mark.parametrize("grouped", [True, False])
def test_dominance_shows_discriminators_whole_batches(grouped: bool) -> None:
    judge = MinibatchDeviation(4, weight=0)
    arena = arena_of(grains(40), [grains(40, seed=1)])
    network = NoisyDiscriminator(model(judge, 8), arena, chunk=20, grouped=grouped)
    inputs = torch.randn(60, 1, 4, 4)
    whole = network(inputs)
    assert set(judge.seen) == ({8} if grouped else {20})
    if grouped:
        assert torch.equal(network(inputs[:50]), whole[:50])  # 50 are no whole batches
    assert dominances([], contestants=[], sets={}, entries={}, standing=[], arena=arena) == ((), ())


@pytest.mark.parametrize(
    ("group", "size", "least"), [(24, 64, False), (24, 64, True), (128, 64, False)],
    ids=["probes", "short-ones-fit", "groups"],
)  # fmt: skip
def test_an_error_about_the_length_names_batch_size(group: int, size: int, least: bool) -> None:
    with pytest.raises(UsageError) as error:
        result_of(MinibatchDeviation(group, least=least), size, 500)
    message = str(error.value)
    assert "\n" not in message and message.startswith(
        "contestant 'a': its discriminator cannot judge samples"
    )
    assert re.search(rf"it takes \d+ at a time and not \d+: give batch_size, .* not {size}$", message)
    assert result_of(MinibatchDeviation(group, least=least), group, 500).confusion


def test_an_error_about_something_else_does_not() -> None:
    with pytest.raises(UsageError, match="cannot judge samples") as error:
        result_of(nn.Linear(5, 1), 64, 500)
    assert "batch_size" not in str(error.value)
