"""Steps of real recipes on random samples of their shape, for the questions about training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import torch

from gancross.machine.devices import moved
from gancross.machine.distributed import ALONE
from gancross.random_streams import Stream, latents
from gancross.trainer.gradient.route import Route, add_gradients, with_compiler
from gancross.trainer.layout import batch_laid_out
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import architectures, make_players
from gancross.trainer.step import discriminator_step, generator_step, simultaneous_step
from gancross.trainer.update import Players, Step

SHAPES = {"cifar10": (3, 32, 32), "mixture": (3,), "lsun-bedroom": (3, 64, 64)}
CPU = torch.device("cpu")


def players(chosen: Recipe, device: torch.device = CPU, *, channels_last: bool = False) -> Players:
    """Both networks of a recipe, and their optimizers."""
    networks = architectures(chosen, SHAPES[chosen.data])
    return make_players(chosen, networks, device, channels_last=channels_last)


class Steps:
    """The updates of one run, with fresh latents and the same real samples."""

    def __init__(
        self, chosen: Recipe, pair: Players | None = None, *, device: torch.device = CPU,
        channels_last: bool = False,
    ) -> None:  # fmt: skip
        self.recipe, self.device = chosen, device
        self.players = pair or players(chosen, device, channels_last=channels_last)
        real = torch.randn(
            chosen.batch_size, *SHAPES[chosen.data], generator=torch.Generator().manual_seed(0)
        ).to(device)
        self.real = batch_laid_out(real, channels_last=channels_last)
        self._batches = self._update = 0
        self._fakes: torch.Tensor | None = None

    def _latents(self) -> torch.Tensor:
        self._batches += 1
        n, dim = self.recipe.batch_size, self.recipe.latent_dim
        batch = latents(Stream(0, "speed"), self._batches * n, n, dim=dim, prior=self.recipe.latent)
        return moved(batch, self.device)

    def _step(self) -> Step:
        return Step(self.players, self.recipe, gamma=self.recipe.gamma, update=self._update)

    def discriminator(self) -> None:
        """D's update, its optimizer included."""
        self.measured = discriminator_step(self._step(), real=self.real, latents=self._latents())
        self._update += 1

    def gradient(self) -> None:
        """D's gradient alone."""
        self.players.discriminator.zero_grad(set_to_none=True)
        add_gradients(
            self.players.discriminator, self.players.route, self.recipe, real=self.real, fake=self.fakes(),
            gamma=self.recipe.gamma, update=self._update, processes=ALONE,
        )  # fmt: skip

    def fakes(self) -> torch.Tensor:
        """Generated samples; always the same, so that their generation is not measured."""
        if self._fakes is None:
            with torch.no_grad():
                self._fakes = self.players.generator(self._latents())
        return self._fakes

    def generator(self) -> None:
        """G's update, its optimizer included."""
        generator_step(self._step(), latents=self._latents())

    def whole(self) -> None:
        """One step of Algorithm 1, or the simultaneous one."""
        if self.recipe.update == "simultaneous":
            simultaneous_step(self._step(), real=self.real, latents=self._latents())
            self._update += 1
            return
        self.discriminator()
        self.generator()


def dcgan(width: int, normalization: str, changes: Mapping[str, Setting] | None = None) -> Recipe:
    """`cifar10-dcgan` at another width, γ = 0.1."""
    return recipe("cifar10-dcgan").with_changes(
        {"width": width, "normalization": normalization, **(changes or {})}
    )


def mixture(changes: Mapping[str, Setting] | None = None) -> Recipe:
    """`mixture`, γ = 0.1, batch 512."""
    return recipe("mixture").with_changes(dict(changes or {}))


def on_route(chosen: Recipe, route: Route) -> Steps:
    """The steps of a recipe with the discriminator's gradient by this route."""
    return Steps(chosen, replace(players(chosen), route=route))


def with_compiled_gradient(steps: Steps, *, graphs: bool = False) -> Steps:
    """The same networks, D's gradient compiled; replayed as a CUDA graph, if asked."""
    pair = steps.players
    route, message = with_compiler(pair.route, pair.discriminator, steps.recipe, graphs=graphs)
    print(message, file=sys.stderr, flush=True)
    return Steps(steps.recipe, replace(pair, route=route), device=steps.device)
