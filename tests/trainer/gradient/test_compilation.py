"""The compiled closed form, and the message where nothing is compiled."""

from __future__ import annotations

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
