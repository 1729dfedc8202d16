"""What shows weakly is found by few samples; where these leave it open, all of them are tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gancross import Contestant
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.evaluator.judging.behaviour import behaviour, few_rows_length
from gancross.evaluator.judging.range_probes import other_range

N, TOTAL = 256, 384  # inputs, and strangers after them
INPUTS = torch.randn(TOTAL, 8, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(8, 1, generator=torch.Generator().manual_seed(1))


def one_in_eight(batch: torch.Tensor) -> torch.Tensor:
    """Noise of a branch that is dropped for single samples."""
    return batch @ WEIGHTS * (1 + (torch.rand(len(batch), 1) < 1 / 8))


def faint_noise(batch: torch.Tensor) -> torch.Tensor:
    return batch @ WEIGHTS + 0.01 * torch.randn(len(batch), 1)


def faint_mean(batch: torch.Tensor) -> torch.Tensor:
    """A hundredth of what the other samples have on average."""
    return batch @ WEIGHTS + 0.05 * (batch @ WEIGHTS).mean()


def neighbour(batch: torch.Tensor) -> torch.Tensor:
    return batch @ WEIGHTS + 0.1 * batch.roll(1, 0) @ WEIGHTS


def length(batch: torch.Tensor) -> torch.Tensor:
    return batch @ WEIGHTS * (1 + 1 / len(batch))


def late_place(batch: torch.Tensor) -> torch.Tensor:
    """The sign of the first 20 samples of a batch."""
    return batch @ WEIGHTS * torch.where(torch.arange(len(batch)) < 20, -1, 1)[:, None]


def after_the_first(batch: torch.Tensor) -> torch.Tensor:
    """The sign of samples that a batch of 65 does not reach."""
    return batch @ WEIGHTS * torch.where(torch.arange(len(batch)) < 110, 1, -1)[:, None]


WEAK: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], set[str]]] = {
    "noise in one sample of eight": (one_in_eight, {"noise"}),
    "noise of a hundredth": (faint_noise, {"noise"}),
    "the mean of a batch": (faint_mean, {"coupled"}),
    "the sample before": (neighbour, {"coupled"}),
    "the place in the batch": (late_place, {"coupled"}),
    "a place that few samples do not reach": (after_the_first, {"coupled"}),
    "the length of the batch": (length, {"coupled"}),
    "nothing": (lambda batch: batch @ WEIGHTS, set()),
}


@pytest.mark.parametrize("batch_size", [1, 64, 100], ids=str)
@pytest.mark.parametrize("kind", WEAK)
def test_what_shows_weakly_is_found(kind: str, batch_size: int) -> None:
    network, expected = WEAK[kind]
    lengths = []

    def call(rows: torch.Tensor, seed: int, *, within: Within = as_it_is) -> torch.Tensor:
        torch.manual_seed(seed)
        lengths.append(len(rows))
        with within(nn.Identity()):
            return network(INPUTS[rows])

    base = call(torch.arange(N), 0)
    few = few_rows_length(N, batch_size=batch_size)
    found = behaviour(call, N, TOTAL, base=base, length=few)
    assert {name for name, shows in found.fields().items() if shows} == expected
    assert expected or lengths == [N, {1: 65, 64: 65, 100: 101}[batch_size], 1, 1]


def test_no_call_is_shorter_than_two_or_longer_than_half() -> None:
    assert few_rows_length(256, batch_size=128) is None
    assert few_rows_length(256, batch_size=128, odd=False) == 128
    assert few_rows_length(8) is None


@pytest.mark.parametrize(
    ("gain", "rows", "found"),
    [(0.0, [128, 128], None), (3.0, [128, 256, 128], "0…1"), (0.5, [128, 256, 128], None)],
    ids=["no better", "far better", "hardly better"],
)
def test_all_samples_decide_about_another_range_where_few_leave_it_open(
    gain: float, rows: list[int], found: str | None
) -> None:
    """Scores that tell reals by `gain` standard deviations in 0…1, and by nothing in other ranges."""
    noise = torch.special.ndtri((torch.arange(64, dtype=torch.float64) + 0.5) / 64).repeat(N // 64)
    reals = torch.arange(N) < N // 2
    tried = []

    def score(described: Contestant, images: torch.Tensor, chosen: torch.Tensor | None) -> torch.Tensor:
        part = torch.arange(len(images)) if chosen is None else chosen
        tried.append(len(part))
        shift = gain if described.data_range == (0.0, 1.0) else 0.0
        scores: torch.Tensor = noise[part] + shift * reals[part]
        return scores

    model = Contestant(name="a", generator=nn.Linear(2, 4), discriminator=nn.Flatten(), latent_dim=2)
    images = torch.zeros(N, 1, 2, 2, dtype=torch.uint8)
    assert other_range(model, images, noise, score, reals=N // 2) == found
    assert tried == rows[: len(tried)] and len(tried) == (2 if found else len(rows))


def test_scores_that_depend_on_company_are_compared_for_all_samples() -> None:
    tried = []

    def score(_: Contestant, images: torch.Tensor, chosen: torch.Tensor | None) -> torch.Tensor:
        tried.append(chosen)
        return torch.zeros(len(images))

    model = Contestant(name="a", generator=nn.Linear(2, 4), discriminator=nn.Flatten(), latent_dim=2)
    images = torch.zeros(N, 1, 2, 2, dtype=torch.uint8)
    other_range(model, images, torch.zeros(N), score, reals=N // 2, coupled=True)
    assert tried == [None, None]
