"""Networks whose `forward` reads or changes more than its input: the gradient is the plain loop's."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gancross import penalties

GLOBAL = {"scale": 1.0}
FACTOR = 1.0


class Base(nn.Module):
    """One hidden layer; what else `forward` uses differs from class to class."""

    factor = 1.0
    alpha: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.calls = nn.Linear(4, 5), nn.Linear(5, 1), 0
        self.register_buffer("alpha", torch.tensor(0.25))

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.last(self.first(x).relu())
        return result


class BufferAsNumber(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(x) * (1 - self.alpha.item()) + float(self.alpha)


class BufferDecides(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(x) if self.alpha < 1 else 3 * self.scores(x)


class BufferAssigned(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.alpha = self.alpha + 1
        return self.scores(x)


class BufferCounts(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.alpha += 1
        return self.scores(x) * 2


class AttributeCounts(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.scores(x) * self.calls


class CallsDecideLater(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.scores(x) if self.calls < 6 else 3 * self.scores(x)


class ClassAttribute(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(x) * self.factor


def scaled(scores: torch.Tensor) -> torch.Tensor:
    return scores * FACTOR


class GlobalInFunction(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled(self.scores(x)) * self._scale()

    def _scale(self) -> float:
        return GLOBAL["scale"]


class Chance(Base):
    def __init__(self, draw: Callable[[], Any]) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * self.scores(x) if self.draw() < 0.3 else self.scores(x)


NETWORKS: dict[str, Callable[[], Base]] = {
    **{kind.__name__: kind for kind in (
        BufferAsNumber, BufferDecides, BufferAssigned, BufferCounts, AttributeCounts, CallsDecideLater,
        ClassAttribute, GlobalInFunction,
    )},
    "chance of Python": lambda: Chance(lambda: random.uniform(0, 1)),
    "chance of numpy": lambda: Chance(lambda: np.random.uniform(0, 1)),
    "chance of torch": lambda: Chance(lambda: torch.rand(())),
}  # fmt: skip


def set_numbers(network: Base, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.no_grad():
        network.alpha.fill_(0.5 * step)
    monkeypatch.setattr(ClassAttribute, "factor", 1.0 + step, raising=False)
    monkeypatch.setitem(GLOBAL, "scale", 1.0 + step)
    monkeypatch.setitem(globals(), "FACTOR", 2.0 + step)


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def plain_loop(network: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Logistic loss with R1, γ = 1, by D(real), D(fake) and double backward; adds the gradients."""
    x = real.clone().requires_grad_(True)
    scores_real = network(x).flatten()
    (gradient,) = torch.autograd.grad(scores_real.sum(), x, create_graph=True)
    loss = softplus(-scores_real).mean() + softplus(network(fake).flatten()).mean()
    torch.autograd.backward(loss + gradient.square().sum(1).mean() / 2)
    return loss.detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_each_step_is_that_of_the_plain_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().double()
    reference = copy.deepcopy(network)
    for step in range(6):
        real, fake = torch.randn(5, 4).double(), torch.randn(5, 4).double()
        for each in (network, reference):
            set_numbers(each, step, monkeypatch)
        seed_all(step)
        expected = plain_loop(reference, real, fake)
        seed_all(step)
        result = penalties.backward(network, real=real, fake=fake, penalty="r1", gamma=1.0)
        torch.testing.assert_close(result.loss, expected)
        assert random.random() == random.Random(step).random() or name == "chance of Python"
        for mine, other in zip(network.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, other.grad)
        assert torch.equal(network.alpha, reference.alpha) and network.calls == reference.calls


@pytest.mark.parametrize("inner", [False, True])
def test_a_replaced_forward_is_the_one_that_counts(inner: bool) -> None:
    """As libraries do that wrap a network: known layers, before the first step or after it."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    real, fake = torch.randn(5, 4).double(), torch.randn(5, 4).double()
    assert penalties.route(network, real).closed_form
    layer = network[0] if inner else network
    original = layer.forward
    layer.forward = lambda x: 3 * original(x)
    result = penalties.backward(network, real=real, fake=fake, gamma=1.0)
    torch.testing.assert_close(result.scores_real, network(real).flatten().detach())
    assert not penalties.route(network, real).closed_form


def test_half_precision_takes_double_backward() -> None:
    network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).bfloat16()
    assert "precision" in penalties.route(network, torch.randn(5, 4).bfloat16()).description
