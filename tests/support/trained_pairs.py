"""Small GANs that were really trained on the digits, as other projects train them, in a second each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import softplus

from gancross.data import catalogue
from gancross.data.sets import DataSet

LATENTS = 16
EARLY = 5  # steps after which buffers are those of hardly trained weights


@cache
def digits() -> DataSet:
    return catalogue.load("digits", root=Path(), image_size=None, test_seed=0)


def new_generator(last: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    """Batch norm in two layers."""
    return nn.Sequential(
        nn.Linear(LATENTS, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 64), last(), nn.Unflatten(1, (1, 8, 8)),
    )  # fmt: skip


def new_discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 32), nn.LeakyReLU(0.2),
        nn.Linear(32, 1),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainedPair:
    """Networks of the last step; averaged weights of the generator, and buffers of its first steps."""

    generator: nn.Sequential
    discriminator: nn.Sequential
    averaged: dict[str, torch.Tensor]
    early_buffers: dict[str, torch.Tensor]

    def averaged_generator(self, buffers: dict[str, torch.Tensor]) -> nn.Sequential:
        """The averaged weights beside these buffers."""
        network = new_generator(type(self.generator[-2]))
        network.load_state_dict(self.averaged | buffers)
        return network


@cache
def trained_pair(loss: Literal["logistic", "wgan-gp"], *, low: float, steps: int) -> TrainedPair:
    """A pair for images in low…1.

    Args:
        loss: logistic with logits, non-saturating; or WGAN with a gradient penalty of weight 10.
        low: −1, with a tanh at the generator's end, or 0, with a sigmoid.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        levels = digits().held_out(0)[:].float() / 255
        reals = low + (1 - low) * levels
        generator, discriminator = new_generator(nn.Tanh if low < 0 else nn.Sigmoid), new_discriminator()
        optimizers = [
            torch.optim.Adam(network.parameters(), 1e-3, (0.5, 0.99))
            for network in (generator, discriminator)
        ]
        averaged = {name: weight.detach().clone() for name, weight in generator.named_parameters()}
        early: dict[str, torch.Tensor] = {}
        for step in range(steps):
            real = reals[torch.randint(len(reals), (64,))]
            fake = generator(torch.randn(64, LATENTS))
            optimizers[1].zero_grad()
            _discriminator_loss(loss, discriminator, real, fake.detach()).backward()  # type: ignore[no-untyped-call]
            optimizers[1].step()
            if loss == "logistic" or step % 3 == 0:
                score = discriminator(generator(torch.randn(64, LATENTS)))
                optimizers[0].zero_grad()
                (softplus(-score) if loss == "logistic" else -score).mean().backward()
                optimizers[0].step()
            for name, weight in generator.named_parameters():
                averaged[name].lerp_(weight.detach(), 0.02)
            if step == EARLY:
                early = {name: buffer.clone() for name, buffer in generator.named_buffers()}
    return TrainedPair(
        generator=generator, discriminator=discriminator, averaged=averaged, early_buffers=early
    )


def _discriminator_loss(
    loss: str, discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor
) -> torch.Tensor:
    real_score, fake_score = discriminator(real), discriminator(fake)
    if loss == "logistic":
        return softplus(-real_score).mean() + softplus(fake_score).mean()
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slopes,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    penalty: torch.Tensor = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    critic: torch.Tensor = fake_score.mean() - real_score.mean()
    return critic + 10 * penalty
