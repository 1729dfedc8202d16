"""The trainer's gradient of networks that no table of layers lists, against double backward."""

from __future__ import annotations

import pytest
import torch
from discriminators import BASE, assert_close_gradients, route_gradients
from loop_networks import CASES, network_and_batch

from gancross.trainer.gradient.route import Route, add_penalty_gradients, route_description, route_of
from gancross.trainer.recipes.fields import Setting

UNLABELLED = [name for name, case in CASES.items() if not case.labels]


@pytest.mark.parametrize("name", UNLABELLED)
def test_what_tracing_finds_is_the_route(name: str) -> None:
    """What a trace cannot show, the first batch does."""
    route = route_of(CASES[name].build())
    expected = CASES[name].route
    if name in ("without gradient", "minibatch mean"):
        assert route.traced
    elif expected.endswith("passes"):
        assert route.closed_form and expected in route_description(route, BASE)
    else:
        assert not route.closed_form


@pytest.mark.parametrize("changes", [
    {}, {"penalty_fraction": 0.5}, {"regularizer": "none"}, {"regularizer": "r1", "gamma": 10.0},
    {"objective": "kl"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", ["functional", "residual", "spectral norm", "minibatch mean"])
def test_gradients_are_those_of_double_backward(name: str, changes: dict[str, Setting]) -> None:
    network, reference, batch = network_and_batch(CASES[name])
    chosen = BASE.with_changes(changes)
    for _ in range(2):
        result, actual = route_gradients(network, route_of(network), chosen, batch.real, batch.fake)
        expected, gradients = route_gradients(reference, Route(), chosen, batch.real, batch.fake)
        assert_close_gradients(actual, gradients)
        torch.testing.assert_close(result.scores_fake, expected.scores_fake)


def test_the_lazy_penalty_of_a_traced_network() -> None:
    network, reference, batch = network_and_batch(CASES["residual"])
    chosen = BASE.with_changes({"penalty_every": 4})
    omegas = [
        add_penalty_gradients(candidate, route, chosen, real=batch.real, fake=batch.fake, gamma=0.5)
        for candidate, route in ((network, route_of(network)), (reference, Route()))
    ]
    torch.testing.assert_close(omegas[0], omegas[1])
    assert_close_gradients(*(
        [torch.zeros_like(p) if p.grad is None else p.grad for p in candidate.parameters()]
        for candidate in (network, reference)
    ))  # fmt: skip
