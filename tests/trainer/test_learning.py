"""Every objective learns one-dimensional Gaussians by the updates of Algorithm 1."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from reference.gaussians import expectation
from torch import nn

from gancross.divergences import DIVERGENCES
from gancross.trainer.noise import distinct_samples
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.step import discriminator_step, generator_step
from gancross.trainer.update import Players, Step

BASE = recipe("mixture")


class Shift(nn.Module):
    """z → z + shift: a generator of N(shift, 1)."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift, dtype=torch.float64))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return latents + self.shift


class Polynomial(nn.Module):
    """A discriminator that is linear in the first Hermite polynomials of x − centre: quick to train."""

    def __init__(self, degree: int, centre: float) -> None:
        super().__init__()
        self.centre = centre
        self.linear = nn.Linear(degree, 1, dtype=torch.float64)
        nn.init.zeros_(self.linear.bias)
        nn.init.constant_(self.linear.weight, 0.1)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        x = samples - self.centre
        hermite = (x, (x**2 - 1) / 2**0.5, (x**3 - 3 * x) / 6**0.5, (x**4 - 6 * x**2 + 3) / 24**0.5)
        scores: torch.Tensor = self.linear(torch.cat(hermite[: self.linear.in_features], dim=1))
        return scores


def players(chosen: Recipe, discriminator: nn.Module, generator: nn.Module) -> Players:
    return Players(
        generator=generator, discriminator=discriminator,
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen, player="discriminator"),
        score_averages=torch.zeros(2, dtype=torch.float64) if chosen.lecam > 0 else None,
    )  # fmt: skip


def quantiles(n: int) -> torch.Tensor:
    """N(0, 1) as n equally likely points: batches without sampling error."""
    probabilities = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    points: torch.Tensor = torch.special.ndtri(probabilities)
    return points[:, None]


def true_log_ratio(x: torch.Tensor) -> torch.Tensor:
    """ln p/q of P = N(0, 1) and Q = N(0.5, 1)."""
    return 0.125 - 0.5 * x


@pytest.mark.parametrize("name", ["js-logit", *DIVERGENCES])
def test_discriminator_learns_the_log_ratio_and_the_divergence(name: str) -> None:
    """ln p/q within 0.1 on the central 90 % of both, D_f within 5 %."""
    chosen = BASE.with_changes({"objective": name, "gamma": 0.0, "learning_rate": 0.01})
    # The optimal score is linear in ln p/q, which is linear in x, for all but Pearson's.
    discriminator = Polynomial(4 if name == "pearson" else 2, centre=0.25)
    pair = players(chosen, discriminator, Shift(0.5))
    batch = quantiles(1000)
    for update in range(500):
        discriminator_step(Step(pair, chosen, gamma=0.0, update=update), real=batch, latents=batch)
    entry = DIVERGENCES["gan" if name == "js-logit" else name]
    x = torch.linspace(-1.645, 0.5 + 1.645, 101, dtype=torch.float64)[:, None]
    fine = quantiles(100_000)
    with torch.no_grad():
        error = (entry.log_ratio(discriminator(x)) - true_log_ratio(x)).abs().max()
        loss = OBJECTIVES[name].discriminator_loss(real=discriminator(fine), fake=discriminator(fine + 0.5))
    assert float(error) < 0.1
    true = expectation(lambda x: entry.f(torch.exp(true_log_ratio(x))), 0.5)
    # `gan` and `js-logit` estimate 2 JSD − 2 ln 2; the 5 % are of the divergence, not of the constant.
    constant = 2 * torch.log(torch.tensor(2.0)).item() if name in ("gan", "js-logit") else 0.0
    assert -float(loss) + constant == pytest.approx(true + constant, rel=0.05)


CASES: dict[str, dict[str, Setting]] = {
    **{name: {"objective": name, "gamma": 0.3} for name in ("js-logit", *DIVERGENCES)},
    **{f"{name}, saturating": {"objective": name, "gamma": 0.3, "generator_loss": "saturating"}
       for name in ("js-logit", *DIVERGENCES)},
    "lsgan": {"objective": "lsgan", "optimizer": "rmsprop"},
    "wgan": {"objective": "wgan", "optimizer": "rmsprop", "n_phi": 2, "clip": 0.1},
    "wgan-gp": {"objective": "wgan-gp", "beta1": 0.0, "beta2": 0.9, "n_phi": 2, "gradient_penalty": 0.1},
    "wgan-lp": {"objective": "wgan-lp", "beta1": 0.0, "beta2": 0.9, "n_phi": 2, "gradient_penalty": 0.1},
    "hinge": {"objective": "hinge", "beta1": 0.0, "beta2": 0.9},
    "hinge, lecam": {"objective": "hinge", "beta1": 0.0, "beta2": 0.9, "lecam": 0.3, "lecam_from": 10},
    "relativistic, r1+r2": {"objective": "relativistic", "gamma": 0.3},
    "r1": {"regularizer": "r1", "gamma": 0.3},
    "r2": {"regularizer": "r2", "gamma": 0.3},
    "dragan": {"regularizer": "dragan", "gradient_penalty": 0.1},
    "gaussian noise": {"regularizer": "none", "noise": "gaussian", "noise_variance": 0.3, "nsr": 4},
    "laplacian noise": {"regularizer": "none", "noise": "laplacian", "noise_variance": 0.3, "nsr": 2},
    "noise for the discriminator only": {
        "regularizer": "none", "noise": "gaussian", "noise_variance": 0.3, "noise_players": "discriminator",
    },
}  # fmt: skip
TARGET = 1.5


@pytest.mark.parametrize("case", CASES)
def test_generator_moves_to_the_data(case: str) -> None:
    """From mean 0 to the data's 1.5, and stays: mean of the last fifty steps within 0.1."""
    chosen = BASE.with_changes({"batch_size": 256, "learning_rate": 0.02, **CASES[case]})
    generator = Shift(0.0)
    pair = players(chosen, Polynomial(2, centre=TARGET / 2), generator)
    for_discriminator = quantiles(distinct_samples(chosen, "discriminator"))
    for_generator = quantiles(distinct_samples(chosen, "generator"))
    path = []
    real = for_discriminator + TARGET
    for step in range(250):
        this = Step(pair, chosen, gamma=chosen.gamma, update=step)
        for update in range(step * chosen.n_phi, (step + 1) * chosen.n_phi):
            discriminator_step(replace(this, update=update), real=real, latents=for_discriminator)
        generator_step(this, latents=for_generator, real=real)
        path.append(generator.shift.item())
    assert sum(path[-50:]) / 50 == pytest.approx(TARGET, abs=0.1)
    assert max(abs(shift - TARGET) for shift in path[-50:]) < 0.3
