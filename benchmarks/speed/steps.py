"""What the questions about training measure: steps of real recipes, on stand-in samples of their shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from gancross import models
from gancross.machine.distributed import ALONE
from gancross.random_streams import Stream, latents
from gancross.trainer.gradient.route import Route, add_gradients, with_compiler
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.paper import recipe
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.state import make_players
from gancross.trainer.step import Players, discriminator_step, generator_step, simultaneous_step

SHAPES = {"cifar10": (3, 32, 32), "mixture": (3,)}
Step = Callable[[], None]


def players(chosen: Recipe) -> Players:
    """Both networks of a recipe, and their optimizers, on the CPU."""
    shape = models.PairSettings(
        sample_shape=SHAPES[chosen.data], latent_dim=chosen.latent_dim, width=chosen.width,
        normalization=chosen.normalization, activation=chosen.activation,
    )  # fmt: skip
    return make_players(chosen, models.pair(chosen.network, shape), torch.device("cpu"))


class Steps:
    """One run's updates, each on fresh latents and the same reals."""

    def __init__(self, chosen: Recipe, made: Players | None = None) -> None:
        self.recipe, self.players = chosen, made or players(chosen)
        self.real = torch.randn(
            chosen.batch_size, *SHAPES[chosen.data], generator=torch.Generator().manual_seed(0)
        )
        self._drawn = self._update = 0
        self._fakes: torch.Tensor | None = None

    def _latents(self) -> torch.Tensor:
        self._drawn += 1
        n, dim = self.recipe.batch_size, self.recipe.latent_dim
        return latents(Stream(0, "speed"), self._drawn * n, n, dim=dim, prior=self.recipe.latent)

    def discriminator(self) -> None:
        """D's update, its optimizer included."""
        self.measured = discriminator_step(
            self.players, self.recipe, real=self.real, latents=self._latents(), gamma=self.recipe.gamma,
            update=self._update,
        )  # fmt: skip
        self._update += 1

    def gradient(self) -> None:
        """D's gradient alone."""
        self.players.discriminator.zero_grad(set_to_none=True)
        add_gradients(
            self.players.discriminator, self.players.route, self.recipe, real=self.real, fake=self.fakes(),
            gamma=self.recipe.gamma, update=self._update, processes=ALONE,
        )  # fmt: skip

    def fakes(self) -> torch.Tensor:
        """Generated samples; always the same, so that they cost nothing."""
        if self._fakes is None:
            with torch.no_grad():
                self._fakes = self.players.generator(self._latents())
        return self._fakes

    def generator(self) -> None:
        """G's update, its optimizer included."""
        generator_step(
            self.players, self.recipe, latents=self._latents(), gamma=self.recipe.gamma, update=self._update
        )

    def whole(self) -> None:
        """One step of Algorithm 1, or the simultaneous one."""
        if self.recipe.update == "simultaneous":
            simultaneous_step(
                self.players, self.recipe, real=self.real, latents=self._latents(),
                gamma=self.recipe.gamma, update=self._update,
            )  # fmt: skip
            self._update += 1
            return
        self.discriminator()
        self.generator()

    def optimizers(self) -> None:
        """Both optimizers alone, on the gradients that are there."""
        self.players.discriminator_optimizer.step()
        self.players.generator_optimizer.step()


def dcgan(width: int, normalization: str, changes: Mapping[str, Setting] | None = None) -> Recipe:
    """`cifar10-dcgan` at another width, γ = 0.1."""
    return recipe("cifar10-dcgan").with_changes(
        {"width": width, "normalization": normalization, **(changes or {})}
    )


def mixture(changes: Mapping[str, Setting] | None = None) -> Recipe:
    """`mixture`, γ = 0.1, batch 512."""
    return recipe("mixture").with_changes(dict(changes or {}))


def on_route(chosen: Recipe, route: Route) -> Steps:
    """The steps of a recipe with its discriminator's gradient found another way than by itself."""
    return Steps(chosen, replace(players(chosen), route=route))


def with_compiled_gradient(steps: Steps) -> Steps:
    """The same networks, D's gradient compiled."""
    made = steps.players
    route, told = with_compiler(made.route, made.discriminator, steps.recipe)
    print(told, flush=True)
    return Steps(steps.recipe, replace(made, route=route))
