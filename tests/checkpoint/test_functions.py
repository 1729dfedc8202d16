"""Functions in place of networks: what they use is found, and they are judged as modules are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from gancross import Contestant, crosstest
from gancross.checkpoint.functions import FunctionNetwork, reached_modules
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.result.types import Result

DATA = torch.randint(0, 256, (80, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
CPU = torch.device("cpu")


class Sampler(nn.Sequential):
    def sample(self, z: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        images: torch.Tensor = self(z) * scale
        return images


def generator() -> Sampler:
    torch.manual_seed(0)
    layers = [nn.Linear(5, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4))]
    network = Sampler(*layers)
    use(network)
    return network


def judge() -> nn.Module:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    use(network)
    return network


def use(network: nn.Module) -> None:
    """Its batch norm has averages that are not those of any batch; it is left in training mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.constant_(module.running_mean, 0.2)  # type: ignore[arg-type]
            nn.init.constant_(module.running_var, 1.5)  # type: ignore[arg-type]
    network.train()


G, D = generator(), judge()
TABLE = {"models": [G, D]}
CODE = SimpleNamespace(d=D)


def by_global_name(images: torch.Tensor) -> Any:
    return D(images)


def by_default(images: torch.Tensor, network: nn.Module = D) -> Any:
    return network(images)


def in_an_inner_function(images: torch.Tensor) -> Any:
    def inner() -> Any:
        return D(images)

    return inner()


def closed_over() -> Callable[[torch.Tensor], Any]:
    network = D
    return lambda images: by_default(images, network)


class Caller:
    def __init__(self) -> None:
        self.networks = {"d": D}

    def __call__(self, images: torch.Tensor) -> Any:
        return self.networks["d"](images)

    def score(self, images: torch.Tensor) -> Any:
        return self(images)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "a global variable": by_global_name,
    "a default": by_default,
    "an inner function": in_an_inner_function,
    "a closure": closed_over(),
    "a lambda": lambda images: D(images).flatten(),
    "a container": lambda images: TABLE["models"][1](images).flatten(),
    "an attribute": lambda images: CODE.d(images).flatten(),
    "a partial function": partial(by_default, network=D),
    "an object": Caller(),
    "its method": Caller().score,
    "a method of a module": D.forward,
    "a function that calls another": lambda images: by_global_name(images).flatten(),
}


def judged(discriminator: Any, made_by: Any = G, **options: Any) -> Result:
    contestant = Contestant(name="a", generator=made_by, discriminator=discriminator, latent_dim=5)
    return crosstest([contestant], data=DATA, num_samples=80, device="cpu", **options)


@pytest.fixture(scope="module")
def plain() -> Result:
    return judged(D)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_is_judged_as_the_module_that_it_calls(kind: str, plain: Result) -> None:
    """Evaluation mode and both modes of batch norm included, and the module is left in training mode."""
    result = judged(FUNCTIONS[kind])
    assert (result.cross, result.confusion) == (plain.cross, plain.confusion)
    assert not isinstance(result.batch_norm["a"], Missing)
    assert (result.batch_norm, result.probes) == (plain.batch_norm, plain.probes)
    assert D.training and all(part.training for part in D.modules())


@pytest.mark.parametrize(
    "function",
    [G.sample, partial(G.sample, scale=1.0), lambda z: G.sample(z).clone()],
    ids=["method", "partial", "lambda"],
)
def test_so_is_a_function_that_generates(function: Callable[..., Any], plain: Result) -> None:
    assert judged(D, function).cross == plain.cross


def test_a_function_without_modules_has_one_mode() -> None:
    result = judged(lambda images: images.mean((1, 2, 3)))
    assert result.batch_norm["a"] == Missing("no batch norm with running averages: there is one mode")
    assert not isinstance(result.probes, Missing)
    probe = result.probes["a"].discriminator
    assert not isinstance(probe, Missing) and not probe.noise and not probe.coupled


def test_a_module_that_is_not_found_is_seen_by_what_it_does() -> None:
    """Batch norm in training mode depends on the batch: such a judge sees groups, and a flag says so."""
    hidden = iter([judge()])
    networks: list[nn.Module] = []

    def score(images: torch.Tensor) -> Any:
        networks.extend(hidden)
        return networks[0](images)

    result = judged(score)
    assert any("depends on the other samples" in flag for flag in result.flags)


def test_modules_move_to_the_device_and_back() -> None:
    network = FunctionNetwork(lambda z: G(z).clone())
    assert reached_modules(lambda z: G(z).clone()) == [G]
    with evaluating([network], torch.device("meta")):
        assert not G.training and next(G.parameters()).is_meta
    assert G.training and next(G.parameters()).device == CPU


def test_each_module_is_held_once_and_the_only_one_under_its_own_names() -> None:
    first = G[0]
    assert reached_modules(lambda z: G(first(z))) == [G]
    assert FunctionNetwork(G.sample).state_dict().keys() == {f"module.{name}" for name in G.state_dict()}
    assert set(FunctionNetwork(lambda z: D(G(z))).reached) == {G, D}
    assert "score" in repr(FunctionNetwork(Caller().score))


def test_a_function_that_fails_and_a_class_are_refused() -> None:
    with pytest.raises(UsageError, match=r"its discriminator cannot judge samples .*: no scores today"):
        judged(no_scores)
    with pytest.raises(UsageError, match="got the class Sampler: call it"):
        judged(D, Sampler)


def no_scores(images: torch.Tensor) -> torch.Tensor:
    raise ValueError("no scores today")
