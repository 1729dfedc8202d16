"""The compiled closed form, and what is said where nothing is compiled."""

from __future__ import annotations

import pytest
import torch
from test_gradients import BASE, found
from torch import nn

from gancross.models.mlp import MLP
from gancross.trainer.gradient.route import described, route_of, with_compiler


def test_compiled_gradients_are_those_of_the_closed_form():
    torch.manual_seed(0)
    network = MLP((3, 4, 4, 1))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    real, fake = torch.randn(8, 3), torch.randn(8, 3)
    route, told = with_compiler(route_of(network), network, BASE)
    if route.compiled is None:
        assert "no working compiler" in told
        pytest.skip(told)
    plain, expected = found(network, route_of(network), BASE, real, fake)
    said, gradients = found(network, route, BASE, real, fake)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(said.gradient_fake, plain.gradient_fake)
    assert said.penalty.item() == pytest.approx(plain.penalty.item(), rel=1e-5)
    _, expected = found(network, route_of(network), BASE, real, fake, gamma=0.0625)
    _, gradients = found(network, route, BASE, real, fake, gamma=0.0625)
    for one, other in zip(gradients, expected, strict=True):  # γ is no constant of the function
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_what_is_not_compiled_is_told(monkeypatch):
    network = MLP((3, 4, 4, 1))
    for changes in (
        {"regularizer": "none"}, {"penalty_fraction": 0.5}, {"penalty_every": 2}, {"objective": "kl"}
    ):  # fmt: skip
        route, told = with_compiler(route_of(network), network, BASE.with_changes(changes))
        assert route.compiled is None and told.startswith("not compiled: only")
    monkeypatch.setattr("gancross.trainer.gradient.route.compiler_missing", lambda device: "no C++ compiler")
    route, told = with_compiler(route_of(network), network, BASE)
    assert route.compiled is None and told == "not compiled: no working compiler here: no C++ compiler"
    assert "six passes" in described(route_of(network), BASE)
