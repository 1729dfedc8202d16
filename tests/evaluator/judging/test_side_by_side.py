"""Threads that score chunks side by side give the scores of one, whatever the networks do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from gancross import Contestant
from gancross.checkpoint.functions import FunctionNetwork
from gancross.evaluator.judging.sampling import Source, fake_source
from gancross.evaluator.judging.scores import Scores
from gancross.evaluator.judging.scoring import evaluating, score_all
from gancross.evaluator.protocol import Protocol
from gancross.machine import threads as threads_of

CPU = torch.device("cpu")
N = 100


class Drawing(nn.Module):
    """Draws noise for samples beyond a bound alone, which a probe may not meet."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound, self.linear = bound, nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = torch.as_tensor(self.linear(x))
        return scores + torch.randn(len(x), 1) if float(x.amax()) > self.bound else scores


class TransposedNorm(nn.Module):
    """Batch norm of samples along the second axis: several groups at once would be mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(2), nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.stack([x, x.flip(0)])  # (2, N, 2)
        normal = self.norm(rows.flatten(0, 1)).view(2, len(x), 2)
        return torch.as_tensor(self.linear(normal.sum(0)))


JUDGES: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Linear(2, 1),
    "batch norm": lambda: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)),
    "transposed batch norm": TransposedNorm,
    "always noise": lambda: Drawing(-100.0),
    "rare noise": lambda: Drawing(2.4),
    "a function": lambda: nn.Linear(2, 1).requires_grad_(False),
}


def scored(judge: Contestant) -> Scores:
    test = torch.from_numpy(np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32))
    protocol = Protocol(num_samples=N, chunk=9, norm="batch")
    sources = [
        Source(label=None, n=N, array=test, chunk=9), fake_source(judge, num_samples=N, chunk=9)
    ]  # fmt: skip
    with evaluating(judge.networks, CPU):
        return score_all(sources, [judge], protocol, shape=(2,), device=CPU)


@pytest.mark.parametrize("make", JUDGES.values(), ids=JUDGES)
def test_any_number_of_threads_gives_the_same_scores(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    network = linear = make()
    if isinstance(network, nn.Linear) and not network.weight.requires_grad:
        network = FunctionNetwork(lambda x: 2 * linear(x))
    judge = Contestant(name="a", generator=nn.Linear(3, 2), latent_dim=3, batch_size=4, discriminator=network)
    alone = scored(judge)
    monkeypatch.setattr(threads_of, "available_cores", lambda: 3)
    torch.set_num_threads(3)
    try:
        threads = scored(judge)
    finally:
        torch.set_num_threads(1)
    assert alone.by_norm.keys() == threads.by_norm.keys()
    for mode, by_judge in alone.by_norm.items():
        for name, by_source in by_judge.items():
            for label, scores in by_source.arrays.items():
                assert np.array_equal(scores, threads.by_norm[mode][name].arrays[label]), (mode, label)


def test_groups_that_cannot_be_normalized_at_once_are_scored_one_by_one() -> None:
    """As by groups of the judge's batch size alone, which a chunk that holds one group forces."""
    torch.manual_seed(3)
    network = TransposedNorm()
    judge = Contestant(name="a", generator=nn.Linear(3, 2), latent_dim=3, batch_size=4, discriminator=network)
    test = torch.from_numpy(np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32))
    found = []
    for chunk in (4, 12):
        with evaluating(judge.networks, CPU):
            scores = score_all(
                [Source(label=None, n=N, array=test, chunk=chunk)], [judge], shape=(2,), device=CPU,
                protocol=Protocol(num_samples=N, chunk=chunk, norm="batch"),
            )  # fmt: skip
        found.append(scores.by_norm["batch"]["a"].arrays[None])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
