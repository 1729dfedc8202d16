"""The compiled closed form, and the message where nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from discriminators import BASE, route_gradients
from torch import nn

from gancross.models.mlp import MLP
from gancross.trainer.gradient.route import route_description, route_of, with_compiler
from gancross.trainer.recipes.fields import Setting


def test_compiled_gradients_are_those_of_the_closed_form() -> None:
    torch.manual_seed(0)
    network = MLP((3, 4, 4, 1))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    real, fake = torch.randn(8, 3), torch.randn(8, 3)
    route, message = with_compiler(route_of(network), network, BASE)
    if route.compiled is None:
        assert "no working compiler" in message
        pytest.skip(message)
    for gamma in (BASE.gamma, 0.0625):  # γ is an argument of the compiled function, not a constant
        expected, expected_gradients = route_gradients(network, route_of(network), BASE, real, fake, gamma)
        actual, gradients = route_gradients(network, route, BASE, real, fake, gamma)
        torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(actual.input_gradient_fake, expected.input_gradient_fake)
        torch.testing.assert_close(actual.penalty, expected.penalty, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"regularizer": "none"},
        {"penalty_fraction": 0.5},
        {"penalty_every": 2},
        {"objective": "kl"},
        {"regularizer": "r1"},
        {"lecam": 0.3},
    ],
)
def test_recipes_that_cannot_be_compiled(changes: dict[str, Setting]) -> None:
    network = MLP((3, 4, 4, 1))
    route, message = with_compiler(route_of(network), network, BASE.with_changes(changes))
    assert route.compiled is None and message.startswith("not compiled: only")


def test_a_missing_compiler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    network = MLP((3, 4, 4, 1))

    def no_compiler(*arguments: object, **options: object) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", no_compiler)
    route, message = with_compiler(route_of(network), network, BASE)
    assert route.compiled is None and message == "not compiled: no working compiler here: no C++ compiler"
    assert "six passes" in route_description(route_of(network), BASE)


class Replayed:
    """As a CUDA graph: every call writes its results where those of the last one lie."""

    def __init__(self, function: Callable[..., tuple[torch.Tensor, ...]]) -> None:
        self._function, self._results = function, tuple[torch.Tensor, ...]()

    def __call__(self, *arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        results = self._function(*arguments)
        if not self._results:
            self._results = results
        for place, result in zip(self._results, results, strict=False):
            place.copy_(result)
        return self._results


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "none"])
def test_what_a_step_returns_outlives_the_replay_of_a_graph(
    graphs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, begun = list[object](), list[bool]()

    def compiler(function: Callable[..., Any], **options: object) -> Callable[..., Any]:
        modes.append(options.get("mode"))
        return Replayed(function)

    torch.manual_seed(0)
    network = MLP((3, 4, 4, 1))
    batches = [(torch.randn(8, 3), torch.randn(8, 3)) for _ in range(2)]
    eager = route_of(network)
    expected = [route_gradients(network, eager, BASE, real, fake, BASE.gamma)[0] for real, fake in batches]
    monkeypatch.setattr(torch, "compile", compiler)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: begun.append(True))
    route, _ = with_compiler(eager, network, BASE, graphs=graphs)
    found = [route_gradients(network, route, BASE, real, fake, BASE.gamma)[0] for real, fake in batches]
    assert modes[-1] == ("reduce-overhead" if graphs else None)
    assert begun == [True] * 2 * graphs
    torch.testing.assert_close(found[1].penalty, expected[1].penalty)
    kept = [
        torch.allclose(getattr(found[0], name), getattr(expected[0], name), rtol=1e-4)
        for name in ("loss", "penalty", "scores_real", "scores_fake", "input_gradient_fake")
    ]
    assert kept == [graphs] * 5  # without copies the second call wrote over the first one's
