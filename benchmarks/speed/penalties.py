"""`gancross.penalties.backward` against double backward; and whole steps with R1 and R2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from gancross import penalties
from gancross.models.dcgan import DCGANDiscriminator
from gancross.trainer.gradient.double_backward import add_gradients_by_double_backward
from gancross.trainer.gradient.route import route_of
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import penalty_weights
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.recipe import Recipe
from speed.steps import Steps, dcgan, players
from speed.timing import Row, interleaved, record

LOSS = OBJECTIVES["js-logit"].discriminator_loss
# Passes of a batch: closed form 4, double backward with a shared forward pass 6, without a penalty 3.
PREDICTED = {"jensen-shannon": 8 / 12, "r1": 7 / 9, "r1+r2": 8 / 12}
BOTH = ("jensen-shannon", "r1+r2")
# A whole step adds the generator's: its forward pass twice, D's forward and input gradient, its own gradient.
STEPS = {"r1": 13 / 12, "r1+r2": 14 / 12}
GOAL, STEP_GOAL = 0.65, 1.25
# By width: at least so many rounds, calls for one figure, and each series' share of the time.
ROUNDS = {16: (5, 2, 0.1), 64: (3, 1, 0.2)}
RESIDUAL_ROUNDS = (3, 1, 0.1)


class Block(nn.Module):
    """A residual block of Miyato et al. 2018, as people write it; the first has no activation before it."""

    def __init__(
        self, inputs: int, outputs: int, *, down: bool = False, up: bool = False, first: bool = False
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, outputs, 3, padding=1) for width in (inputs, outputs)
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or down else nn.Identity()
        self.down, self.up, self.first = down, up, first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x if self.first else functional.relu(x)
        if self.up:
            x, h = (functional.interpolate(values, scale_factor=2) for values in (x, h))
        h = self.convolutions[1](functional.relu(self.convolutions[0](h)))
        x = self.shortcut(x)
        return functional.avg_pool2d(x, 2) + functional.avg_pool2d(h, 2) if self.down else x + h


class ResNet32(nn.Module):
    """The discriminator of Miyato et al. 2018 for 32×32, without normalization."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Block(3, width, down=True, first=True), Block(width, width, down=True),
            Block(width, width), Block(width, width),
        )  # fmt: skip
        self.out = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.out(functional.relu(self.blocks(x)).sum((2, 3)))
        return scores


def generator32(width: int, latent_dim: int) -> nn.Module:
    """The generator of the same paper, without normalization."""
    return nn.Sequential(
        nn.Linear(latent_dim, 16 * width), nn.Unflatten(1, (width, 4, 4)),
        *(Block(width, width, up=True) for _ in range(3)),
        nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


def rows() -> list[Row]:
    """Networks at one thread."""
    result: list[Row] = []
    for width in (64, 16):
        name = f"`dcgan32` without normalization, width {width}"
        network = DCGANDiscriminator(image_size=32, channels=3, width=width, normalization="none")
        result += gradients(name, network, 64, *ROUNDS[width])
        result += steps(name, dcgan(width, "none"), Steps, *ROUNDS[width])
    name = "ResNet-32 without normalization, width 32"
    result += gradients(name, ResNet32(32), 32, *RESIDUAL_ROUNDS)
    return result + steps(name, dcgan(16, "none", {"batch_size": 32}), residual_steps, *RESIDUAL_ROUNDS)


def gradients(name: str, network: nn.Module, n: int, rounds: int, calls: int, share: float) -> list[Row]:
    """D's gradient by `backward`, by double backward with a shared forward pass, and without a penalty."""
    real, fake = torch.randn(2, n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).unbind()

    def ours(penalty: str) -> Callable[[], object]:
        def call() -> None:
            network.zero_grad(set_to_none=True)
            penalties.backward(network, real=real, fake=fake, gamma=0.1, penalty=penalty)

        return call

    def double(penalty: str) -> Callable[[], object]:
        def call() -> None:
            network.zero_grad(set_to_none=True)
            add_gradients_by_double_backward(
                network,
                real=real,
                fake=fake,
                loss=LOSS,
                weights=penalty_weights(penalty, "js-logit"),
                gamma=0.1,
            )

        return call

    variants = {f"{penalty}, ours": ours(penalty) for penalty in PREDICTED}
    variants |= {f"{penalty}, double": double(penalty) for penalty in PREDICTED}
    times = interleaved(variants, rounds=rounds, threads=1, calls=calls, share=share)
    return [
        times.row(
            f"{name}: `penalties.backward` / double backward, shared forward pass, `{penalty}`",
            f"{penalty}, ours", f"{penalty}, double", predicted=count, goal=GOAL if penalty in BOTH else None,
        )
        for penalty, count in PREDICTED.items()
    ]  # fmt: skip


def steps(
    name: str, base: Recipe, build: Callable[[Recipe], Steps], rounds: int, calls: int, share: float
) -> list[Row]:
    """Whole steps of the trainer with a penalty over those without."""
    variants = {penalty: build(base.with_changes({"regularizer": penalty})) for penalty in ("none", *STEPS)}
    times = interleaved(
        {penalty: variant.whole for penalty, variant in variants.items()},
        rounds=rounds,
        threads=1,
        calls=calls,
        share=share,
    )
    return [
        times.row(
            f"{name}, batch {base.batch_size}: step with `{penalty}` / unpenalized step", penalty, "none",
            predicted=count, goal=STEP_GOAL,
        )
        for penalty, count in STEPS.items()
    ]  # fmt: skip


def residual_steps(chosen: Recipe) -> Steps:
    """Steps of a recipe with the networks above in place of its own."""
    generator, discriminator = generator32(32, chosen.latent_dim), ResNet32(32)
    pair = replace(
        players(chosen), generator=generator, discriminator=discriminator, route=route_of(discriminator),
        generator_optimizer=make_optimizer(generator, chosen),
        discriminator_optimizer=make_optimizer(discriminator, chosen),
    )  # fmt: skip
    return Steps(chosen, pair)


if __name__ == "__main__":
    record("penalties", rows)
