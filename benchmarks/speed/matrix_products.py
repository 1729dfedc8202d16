"""The mixture's regularized step against its matrix products alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from gancross.trainer.recipes.recipe import Recipe
from speed.steps import Steps, mixture
from speed.timing import Row, interleaved, record

GENERATOR, DISCRIMINATOR = 4, 14  # passes of one batch in a regularized step


def products(batch: int, sizes: tuple[int, ...], passes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The operands of h·Wᵀ in every layer, once for each pass."""
    return [
        (torch.randn(batch, inputs), torch.randn(inputs, outputs))
        for inputs, outputs in pairwise(sizes)
    ] * passes  # fmt: skip


def multiplied_by(chosen: Recipe) -> Callable[[], object]:
    """All matrix products of a regularized step of the mixture's networks."""
    width, batch = chosen.width, chosen.batch_size
    operands = products(batch, (chosen.latent_dim, width, width, 3), GENERATOR)
    operands += products(batch, (3, width, width, 1), DISCRIMINATOR)

    def multiplied() -> None:
        for a, b in operands:
            torch.mm(a, b)

    return multiplied


def rows() -> list[Row]:
    """Ratio of a whole step to `torch.mm` of the same shapes in the same run."""
    chosen = mixture()
    variants = {"step": Steps(chosen).whole, "products": multiplied_by(chosen)}
    times = interleaved(variants, rounds=9, threads=1, calls=20, share=0.6)
    work = "mixture regularized step / its matrix products at `torch.mm` rate (4g + 14d)"
    return [times.row(work, "step", "products", predicted=1.0, goal=2.0)]


if __name__ == "__main__":
    record("matrix-products", rows)
