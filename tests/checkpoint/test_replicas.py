"""A network in several threads at a time computes what it does alone, whatever it keeps meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from gancross.checkpoint.functions import FunctionNetwork
from gancross.checkpoint.replicas import replica
from gancross.machine.crew import crew


class Keeps(nn.Module):
    """Keeps its input in an attribute and reads it back after others had time to overwrite it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.count = nn.Buffer(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kept = x
        self.count.add_(1)
        time.sleep(0.001)
        return torch.as_tensor(self.linear(self.kept))


class InAList(nn.Module):
    """Holds a network where no module looks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [Keeps()]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.hidden[0](x))


def function() -> nn.Module:
    network = Keeps()
    return FunctionNetwork(lambda x: network(2 * x))


def calls_another() -> nn.Module:
    outside, network = Keeps(), nn.Linear(3, 3)
    network.after = lambda x: outside(2 * x)  # type: ignore[assignment]
    network.register_forward_hook(lambda module, _, output: module.after(output))
    return network


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "keeps its input": Keeps,
    "in a list": InAList,
    "a function": function,
    "calls another": calls_another,
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 3)), Keeps()),
    "old spectral norm": lambda: nn.Sequential(spectral_norm(nn.Linear(3, 3)), Keeps()),
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3)), Keeps()),
    "old weight norm": lambda: nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 3)), Keeps()),
    "scripted": lambda: torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.Tanh())),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_threads_compute_what_one_does(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    network = make().eval()
    inputs = torch.randn(24, 5, 3)

    def call(x: torch.Tensor) -> torch.Tensor:
        with replica(network) as own:
            return torch.as_tensor(own(x))

    with torch.no_grad():
        expected = [network(x) for x in inputs]
        with crew(3) as workers:
            found = list(workers.in_order(call, inputs))
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one, other)


def test_copies_share_parameters_and_no_buffers() -> None:
    network = Keeps()

    def seen() -> tuple[bool, bool, bool]:
        with replica(network) as own:
            assert isinstance(own, Keeps)
            return own is network, own.linear.weight is network.linear.weight, own.count is network.count

    assert seen() == (True, True, True)
    with crew(2) as workers:
        assert workers.submit(seen).result() == (False, True, False)
