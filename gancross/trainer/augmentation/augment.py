"""The samples of one update as the discriminator sees them, augmented as the recipe says."""

from __future__ import annotations

import torch

from gancross.errors import UsageError
from gancross.machine.distributed import ALONE, Processes
from gancross.random_streams import Stream
from gancross.trainer.augmentation.draws import Draws
from gancross.trainer.augmentation.transforms import transformed
from gancross.trainer.recipes.augmentation_settings import ADA
from gancross.trainer.recipes.recipe import Recipe


def augmented(
    samples: torch.Tensor, recipe: Recipe, *, player: str, update: int, p: torch.Tensor | None = None,
    processes: Processes = ALONE,
) -> torch.Tensor:  # fmt: skip
    """T(x) of each sample, T a function of (seed, player, update, position in the batch).

    Real and generated samples at the same position get the same T; the authors' programs draw the transforms
    of both batches independently, from the same distribution. A penalty on ∇ₓD differentiates with respect
    to D's input T(x); StyleGAN2-ADA differentiates with respect to x, before the augmentation.

    Args:
        samples: (N, C, H, W) in [−1, 1], this process's part of the batch.
        player: the player that is updated, `generator` or `discriminator`.
        update: index of that player's update, from 0.
        p: ADA's probability; not used otherwise.

    Returns:
        (N, C, H, W), differentiable in the samples; the samples themselves without augmentation.
    """
    if recipe.augment == "none":
        return samples
    draws = Draws(
        like=samples.detach(), stream=Stream(recipe.seed, "augment", player, f"update-{update}"),
        processes=processes,
    )  # fmt: skip
    names = ADA[recipe.augment_policy] if recipe.augment == "ada" else tuple(recipe.augment_policy.split(","))
    return transformed(samples, names, draws, samples.new_ones(()) if p is None else p)


def check_augmentable(recipe: Recipe, sample_shape: tuple[int, ...]) -> None:
    """Checks that the recipe's augmentation can transform samples of this shape.

    Raises:
        UsageError: they are vectors, or have a number of channels that has no colours.
    """
    if recipe.augment == "none":
        return
    if len(sample_shape) != 3:
        raise UsageError(
            f"augment={recipe.augment} transforms images, got vectors of shape {sample_shape}: use"
            " augment=none"
        )
    if recipe.augment == "ada" and "colour" in ADA[recipe.augment_policy] and sample_shape[0] not in (1, 3):
        raise UsageError(
            f"augment_policy={recipe.augment_policy} transforms colours of 1 or 3 channels, got"
            f" {sample_shape[0]}: use augment_policy=bg"
        )
