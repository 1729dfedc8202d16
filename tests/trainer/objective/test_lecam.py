"""LeCam's regularizer: its formula, its moving averages, and what the discriminator's loss gains by it."""

from __future__ import annotations

import pytest
import torch
from discriminators import BASE, assert_close_gradients, gradients, network_and_samples

from gancross.machine.distributed import ALONE
from gancross.trainer.gradient.route import Route, add_gradients, route_of
from gancross.trainer.objective.lecam import lecam, with_lecam
from gancross.trainer.objective.objectives import OBJECTIVES

REAL = torch.linspace(-1.5, 2.5, 9, dtype=torch.float64)
FAKE = torch.linspace(-3.0, 1.0, 9, dtype=torch.float64).square() / 4 - 1

# By numpy, after the formulas of google/lecam-gan: batches of the scores above times `SCALES`, β = 0.9,
# λ = 0.3, the term from the third batch on; before, the averages are the last batch's means.
SCALES = (0.5, 1.0, 1.5, 0.25)
AVERAGES = [
    [0.25, -0.16666666666666666],
    [0.5, -0.3333333333333333],
    [0.525, -0.35],
    [0.48500000000000004, -0.32333333333333336],
]
LOSSES = [1.6111111111111112, 1.5, 3.5866184895833335, 1.9903483622685183]


def test_losses_and_averages_are_those_of_the_authors_program() -> None:
    averages = torch.zeros(2, dtype=torch.float64)
    for batch, scale in enumerate(SCALES):
        loss = with_lecam(
            OBJECTIVES["hinge"].discriminator_loss, averages, weight=0.3, decay=0.9, active=batch >= 2
        )
        value = loss(real=scale * REAL, fake=scale * FAKE)
        assert averages.tolist() == pytest.approx(AVERAGES[batch], rel=1e-12)
        assert value.item() == pytest.approx(LOSSES[batch], rel=1e-12)


def test_the_averages_have_no_gradient() -> None:
    """∂R/∂v(x) = 2[v(x) − ᾱ_fake]₊/N and ∂R/∂v(G) = −2[ᾱ_real − v(G)]₊/N."""
    averages = torch.tensor([0.75, -0.25], dtype=torch.float64)
    real, fake = REAL.clone().requires_grad_(True), FAKE.clone().requires_grad_(True)
    by_real, by_fake = torch.autograd.grad(lecam(real=real, fake=fake, averages_2=averages), (real, fake))
    torch.testing.assert_close(by_real, 2 * (REAL + 0.25).clamp_min(0) / 9)
    torch.testing.assert_close(by_fake, -2 * (0.75 - FAKE).clamp_min(0) / 9)
    loss = with_lecam(OBJECTIVES["hinge"].discriminator_loss, averages, weight=0.3, decay=0.5, active=True)
    torch.autograd.backward(loss(real=real, fake=fake))
    assert not averages.requires_grad and real.grad is not None and bool(real.grad.isfinite().all())


@pytest.mark.parametrize("regularizer", ["none", "r1", "r1+r2", "dragan"])
@pytest.mark.parametrize("name", ["dcgan", "batch norm of vectors"])
def test_lecam_stands_beside_every_regularizer(name: str, regularizer: str) -> None:
    """The closed form with it against double backward, in the second step, when the averages lag behind."""
    chosen = BASE.with_changes(
        {"objective": "hinge", "regularizer": regularizer, "lecam": 0.3, "lecam_from": 2}
    )
    network, real, fake = network_and_samples(name)
    found: list[list[torch.Tensor]] = []
    for route in (Route(), route_of(network)):
        averages = torch.zeros(2, dtype=torch.float64)
        for update in range(2):
            network.zero_grad()
            add_gradients(
                network, route, chosen, real=real + update, fake=fake, gamma=chosen.gamma, update=update,
                processes=ALONE, averages=averages,
            )  # fmt: skip
        found.append(gradients(network))
    assert_close_gradients(found[1], found[0])
    network.zero_grad()
    plain = chosen.with_changes({"lecam": 0.0})
    add_gradients(
        network, Route(), plain, real=real + 1, fake=fake, gamma=plain.gamma, update=1, processes=ALONE
    )
    assert not torch.allclose(gradients(network)[0], found[0][0], rtol=1e-3)
