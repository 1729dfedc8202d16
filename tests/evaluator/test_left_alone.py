"""Networks and the process are after an evaluation as they were, also of several threads at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import gancross
from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.result.types import Result
from gancross.machine.process_state import SETTINGS

pytestmark = pytest.mark.filterwarnings("ignore:.*(torch.jit|weight_norm).*:FutureWarning")
SIDE, LATENT = 4, 3
CPU = torch.device("cpu")
REALS = torch.randint(0, 256, (70, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


class KeepsMap(nn.Module):
    """Makes a map of positions at its first pass, and keeps it in the way `how` says."""

    map: torch.Tensor | None
    late: torch.Tensor

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.calls, self.total = how, 0, torch.zeros(())
        if how == "None buffer":
            self.register_buffer("map", None)
        else:
            self.map = None
        self.scale = nn.Parameter(torch.ones(SIDE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.total += 1
        if self.how == "new buffer" and not hasattr(self, "late"):
            self.register_buffer("late", torch.linspace(0, 1, SIDE))
        if self.how == "new layer" and not hasattr(self, "layer"):
            self.layer = nn.Dropout()
        if self.map is None:
            self.map = torch.linspace(0, 1, SIDE)
        return x * (self.scale * self.map)


class Drawn(nn.Module):
    """Adds noise of its own, in training mode only or always."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * torch.randn_like(x)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    **{
        f"keeps a {how}": partial(KeepsMap, how)
        for how in ("tensor", "None buffer", "new buffer", "new layer")
    },
    "batch norm": lambda: nn.BatchNorm2d(1),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 1, 1)),
    "old spectral norm": lambda: nn.utils.spectral_norm(nn.Conv2d(1, 1, 1)),
    "old weight norm": lambda: nn.utils.weight_norm(nn.Conv2d(1, 1, 1)),
    "dropout": nn.Dropout,
    "noise": Drawn,
    "scripted batch norm": lambda: torch.jit.script(nn.BatchNorm2d(1)),
}


def contestant(name: str, layer: str, *, seed: int = 0) -> Contestant:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        latents = nn.Linear(LATENT, SIDE * SIDE), nn.Unflatten(1, (1, SIDE, SIDE))
        generator = nn.Sequential(*latents, LAYERS[layer](), nn.Tanh())
        discriminator = nn.Sequential(LAYERS[layer](), nn.Flatten(), nn.Linear(SIDE * SIDE, 1))
    discriminator[2].bias.requires_grad_(False)
    discriminator[0].eval()  # as a user freezes a layer; the rest trains
    return Contestant(
        name=name, generator=generator, discriminator=discriminator, latent_dim=LATENT, batch_size=8
    )


def crosstest(contestants: list[Contestant]) -> Result:
    return gancross.crosstest(contestants, data=REALS, num_samples=60, device="cpu", norm="batch")


def figures(result: Result) -> dict[str, Any]:
    record = result.to_dict()
    del record["provenance"]
    return record


def state(network: nn.Module) -> dict[str, Any]:
    """Everything about a network that can be seen, with the identity of its tensors and containers."""
    seen: dict[str, Any] = {}
    for name, part in network.named_modules():
        seen[f"{name} mode"] = part.training
        if isinstance(part, torch.jit.ScriptModule):
            continue
        for key, value in vars(part).items():
            seen[f"{name} {key}"] = (
                id(value),
                value.tolist() if isinstance(value, torch.Tensor) else repr(value),
            )
    for name, parameter in network.named_parameters():
        seen[f"{name} grad"] = (
            parameter.requires_grad,
            id(parameter.grad),
            parameter.grad,
            parameter.data_ptr(),
        )
        seen[f"{name} value"] = parameter.tolist()
    return seen | {f"{name} buffer": buffer.tolist() for name, buffer in network.named_buffers()}


@pytest.mark.parametrize("layer", LAYERS)
def test_networks_and_the_process_are_as_before(layer: str) -> None:
    """And training goes on: a backward pass through both networks."""
    pair = contestant("a", layer)
    networks = pair.networks
    pair.networks[1](torch.rand(8, 1, SIDE, SIDE)).sum().backward()
    before = [state(network) for network in networks]
    process = [read() for read, _ in SETTINGS], torch.get_rng_state().tolist()
    crosstest([pair])
    canonical_samples(pair, num_samples=10, device=CPU)
    assert [state(network) for network in networks] == before
    assert ([read() for read, _ in SETTINGS], torch.get_rng_state().tolist()) == process
    pair.networks[1](pair.networks[0](torch.randn(8, LATENT))).sum().backward()


@settings(max_examples=4)
@given(
    calls=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True), min_size=2, max_size=4),
    layers=st.lists(st.sampled_from(sorted(LAYERS)), min_size=3, max_size=3),
)
def test_threads_that_share_networks_find_what_one_call_finds(
    calls: list[list[int]], layers: list[str]
) -> None:
    """Whichever networks the calls share, in whichever layers state may hide; and again one by one."""

    def models() -> list[Contestant]:
        return [contestant(f"m{i}", layer, seed=i) for i, layer in enumerate(layers)]

    expected = []
    for call in calls:
        fresh = models()
        expected.append(figures(crosstest([fresh[i] for i in call])))
    shared = models()
    before = [state(network) for each in shared for network in each.networks]
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(lambda call: figures(crosstest([shared[i] for i in call])), calls))
    assert found == expected
    assert [figures(crosstest([shared[i] for i in call])) for call in calls] == expected
    assert [state(network) for each in shared for network in each.networks] == before
