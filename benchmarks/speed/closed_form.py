"""The closed form of D's gradient against double backward, sharing the forward pass and not."""

from __future__ import annotations

import torch

from gancross.trainer.gradient.route import Route
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import jensen_shannon
from gancross.trainer.recipes.recipe import Recipe
from speed.steps import Steps, dcgan, mixture, on_route
from speed.timing import Row, interleaved, record

# Ratios to double backward with a shared forward pass, and with separate forward passes.
LINEAR, SMOOTH = (8 / 12, 8 / 18), (12 / 12, 12 / 18)
GOALS = (0.70, 0.50)


class Separately(Steps):
    """Double backward with separate forward passes for the loss and for Ω."""

    def gradient(self) -> None:
        """D's gradient."""
        discriminator = self.players.discriminator
        discriminator.zero_grad(set_to_none=True)
        fake = self.fakes()
        loss = OBJECTIVES[self.recipe.objective].discriminator_loss(
            real=discriminator(self.real).flatten(), fake=discriminator(fake).flatten()
        )
        torch.autograd.backward(loss + self.recipe.gamma / 2 * jensen_shannon(discriminator, self.real, fake))


def rows() -> list[Row]:
    """Networks at one thread."""
    result: list[Row] = []
    for name, chosen, predicted, goals, rounds, calls, share in (
        ("`dcgan32` without normalization, width 64", dcgan(64, "none"), LINEAR, GOALS, 3, 1, 0.35),
        ("`dcgan32` without normalization, width 16", dcgan(16, "none"), LINEAR, GOALS, 7, 2, 0.2),
        ("`dcgan32` with batch norm, width 16", dcgan(16, "batch"), SMOOTH, (None, None), 7, 2, 0.2),
        ("mixture MLP (tanh)", mixture(), SMOOTH, (None, None), 9, 20, 0.1),
    ):  # fmt: skip
        result += compared(name, chosen, predicted, goals, rounds, calls, share)
    return result


def compared(
    name: str, chosen: Recipe, predicted: tuple[float, float], goals: tuple[float | None, float | None],
    rounds: int, calls: int, share: float,
) -> list[Row]:  # fmt: skip
    """Ratios of D's gradient in closed form to both kinds of double backward."""
    variants = {
        "closed": Steps(chosen).gradient,
        "shared": on_route(chosen, Route()).gradient,
        "separate": Separately(chosen).gradient,
    }
    times = interleaved(variants, rounds=rounds, threads=1, calls=calls, share=share)
    return [
        times.row(f"{name}: D's gradient, closed form / double backward, {words}", "closed", baseline,
                  predicted=count, goal=goal)
        for baseline, words, count, goal in (
            ("shared", "shared forward pass", predicted[0], goals[0]),
            ("separate", "separate forward passes", predicted[1], goals[1]),
        )
    ]  # fmt: skip


if __name__ == "__main__":
    record("closed-form", rows)
