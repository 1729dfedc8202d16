"""A network in several threads at a time computes what it does alone, whatever it keeps meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from gancross.checkpoint.contestant import Contestant, applied
from gancross.checkpoint.functions import FunctionNetwork
from gancross.checkpoint.replicas import replica
from gancross.checkpoint.shared_state import FirstCall
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.machine import crew as crew_module
from gancross.machine.crew import crew
from gancross.machine.process_state import own_turn
from gancross.models.architectures import PairSettings, initialised, pair


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
        assert workers.submit(seen).result() == (True, True, True)  # the first call
        assert workers.submit(seen).result() == (False, True, False)


CACHE: dict[str, torch.Tensor] = {}


class CachesGlobally(Keeps):
    """Keeps its input where copies meet."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        CACHE["x"] = x
        time.sleep(0.001)
        return torch.as_tensor(self.linear(CACHE["x"]))


class CachesAtItsClass(Keeps):
    """As `CachesGlobally`, in an attribute of the class."""

    latest = torch.zeros(())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        CachesAtItsClass.latest = x
        time.sleep(0.001)
        return torch.as_tensor(self.linear(CachesAtItsClass.latest))


class HasAHook(Keeps):
    """Reads what a hook writes into a list; the hook of a copy knows the list of the first network."""

    def __init__(self) -> None:
        super().__init__()
        features: list[torch.Tensor] = []
        self.features = features
        self.linear.register_forward_hook(lambda _, __, output: features.append(output))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.features.clear()
        self.linear(x)
        time.sleep(0.001)
        return self.features[0]


class ForksTheGenerator(Keeps):
    """Draws from torch's generator and puts it back."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            time.sleep(0.001)
            return torch.as_tensor(self.linear(x)) + torch.randn(3)


class SeedsNumpy(Keeps):
    """Draws the same from numpy's generator each time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        np.random.seed(0)
        time.sleep(0.001)
        return torch.as_tensor(self.linear(x)) + float(np.random.rand())


class IsSetPerThread(Keeps):
    """Reads a number of the calling thread."""

    scale = threading.local()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.linear(x)) * getattr(self.scale, "value", 1)


class Evaluates(Keeps):
    """Takes a turn of its own, as a network does that cross-tests others."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with own_turn():
            return torch.as_tensor(self.linear(x))


ALONE: list[Callable[[], nn.Module]] = [
    CachesGlobally, CachesAtItsClass, HasAHook, ForksTheGenerator, SeedsNumpy, IsSetPerThread, Evaluates,
]  # fmt: skip


@pytest.mark.parametrize("make", ALONE)
def test_networks_whose_copies_would_meet_are_called_in_one_thread(make: Callable[[], nn.Module]) -> None:
    network, before = make().eval(), np.random.get_state()
    IsSetPerThread.scale.value = 2
    inputs = torch.randn(12, 5, 3)
    threads = set()

    def call(x: torch.Tensor) -> torch.Tensor:
        with replica(network) as own:
            output = torch.as_tensor(own(x))
        threads.add(threading.current_thread())
        return output

    with own_turn(), torch.no_grad():
        with crew(3) as workers:
            found = list(workers.in_order(call, inputs))
            assert workers.disturbed
        expected = [network(x) for x in inputs]
    assert all(map(torch.equal, found, expected))
    assert threads == {threading.current_thread()}
    assert str(before) == str(np.random.get_state())


@pytest.mark.parametrize(("name", "shape", "normalization"), [
    ("mlp", (2,), "none"), ("dcgan8", (1, 8, 8), "spectral-both"), ("sngan32", (3, 32, 32), "batch"),
])  # fmt: skip
def test_networks_of_gancross_run_in_several_threads(
    name: str, shape: tuple[int, ...], normalization: str
) -> None:
    settings = PairSettings(
        sample_shape=shape, latent_dim=4, width=8, normalization=normalization, activation="relu"
    )
    networks = [initialised(each, torch.Generator().manual_seed(0)).eval() for each in pair(name, settings)]
    for network, given in zip(networks, ((4,), shape), strict=True):
        first = FirstCall(network)
        with torch.no_grad():
            network(torch.zeros(2, *given))
        assert first.end()


def test_a_network_that_turns_gradients_on_leaves_none_in_scores() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)
        return x

    with torch.no_grad():
        applied(FunctionNetwork(network), torch.zeros(2), refusal="", seed=0)
        assert not torch.is_grad_enabled()


class DrawsOnce(nn.Module):
    """Draws at its first call and keeps it."""

    drawn: torch.Tensor | None = None

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        if self.drawn is None:
            self.drawn = torch.randn(2)
        return z + self.drawn


class HasAGenerator(nn.Module):
    """Draws on from a generator of random numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = torch.Generator().manual_seed(0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + torch.randn(2, generator=self.numbers)


@pytest.mark.parametrize("make", [DrawsOnce, HasAGenerator])
def test_what_a_generator_draws_does_not_depend_on_threads(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(crew_module, "available_threads", lambda threads=threads: threads)
        model = Contestant(name="a", generator=make(), latent_dim=2)
        found.append(canonical_samples(model, num_samples=40, chunk=8, device=torch.device("cpu")))
    assert torch.equal(*found)
