"""Explicit noise on the discriminator's inputs, the alternative that §5.4 compares the regularizer with.

A batch of m inputs holds m/NSR distinct samples, each with NSR independent noise vectors. The noise of an
update is a function of (seed, player, kind of samples, update) alone, so a resumed run draws the same noise
and stores no random state. A torch generator on the samples' device, seeded from a `Stream`, draws it: the
same numbers on the same kind of device, other numbers on another. (Drawing from the `Stream` itself would
take seven times as long.)
"""

from __future__ import annotations

import torch

from gancross.errors import UsageError
from gancross.machine.distributed import ALONE, Processes
from gancross.random_streams import Stream
from gancross.trainer.recipes.recipe import Recipe

_BELOW_ONE = 1.0 - 2.0**-24  # the largest float32 below 1


def distinct_samples(recipe: Recipe, player: str) -> int:
    """Distinct samples in one batch of a player's update, `generator` or `discriminator`.

    batch/NSR where the player's inputs are noisy, else the whole batch.
    """
    return recipe.batch_size // recipe.nsr if sees_noise(recipe, player) else recipe.batch_size


def check_divisible(recipe: Recipe, processes: int) -> None:
    """Checks that every process gets an equal part of each batch, noise groups undivided.

    Raises:
        UsageError: the number of distinct samples of a batch is not a multiple of `processes` times
            `accumulate`.
    """
    for player in ("discriminator", "generator"):
        n, parts = distinct_samples(recipe, player), processes * recipe.accumulate
        if n % parts:
            distinct = f" / nsr {recipe.nsr} = {n} distinct samples" if n != recipe.batch_size else ""
            each = f" of {recipe.accumulate} parts each" if recipe.accumulate > 1 else ""
            raise UsageError(
                f"batch_size {recipe.batch_size}{distinct} cannot be divided among {processes} processes"
                f"{each}: use --set batch_size={-(-n // parts) * parts * (recipe.batch_size // n)}, or"
                " another number of processes"
            )


def sees_noise(recipe: Recipe, player: str) -> bool:
    """Whether the discriminator's inputs are noisy in the updates of `generator` or `discriminator`."""
    return recipe.noise != "none" and (player == "discriminator" or recipe.noise_players == "both")


def noisy(
    samples: torch.Tensor, recipe: Recipe, *, player: str, kind: str, update: int,
    processes: Processes = ALONE,
) -> torch.Tensor:  # fmt: skip
    """Repeats each sample `nsr` times in a row and adds independent noise; differentiable in the samples.

    Args:
        samples: (N, …), in the discriminator's range.
        player: the player that is updated, `generator` or `discriminator`.
        kind: `real` or `fake`.
        update: index of that player's update, from 0.
        processes: among which the batch is divided; `samples` is this process's part. Each process draws the
            whole batch's noise and takes its part, so that the noise does not depend on their number.

    Returns:
        (N·nsr, …), or the samples themselves if this player's inputs have no noise.
    """
    if not sees_noise(recipe, player):
        return samples
    repeated = samples.repeat_interleave(recipe.nsr, dim=0)
    stream = Stream(recipe.seed, "noise", player, kind, f"update-{update}")
    scale = recipe.noise_variance**0.5
    total = len(repeated) * processes.size
    batch = repeated.detach()[:1].expand(total, *repeated.shape[1:])  # its shape, without its memory
    return repeated.add(standard_noise(batch, recipe.noise, stream)[processes.share(total)], alpha=scale)


def standard_noise(like: torch.Tensor, noise: str, stream: Stream) -> torch.Tensor:
    """Independent numbers of mean 0 and variance 1 with the shape, dtype and device of `like`.

    Args:
        noise: `gaussian` or `laplacian`.
        stream: seed; the same stream gives the same numbers.
    """
    generator = stream.torch_generator(like.device)
    if noise == "gaussian":
        return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    # Quantile function of the Laplacian with scale 1/√2; ±1 would be its infinite ends.
    uniform = 2 * torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device) - 1
    return torch.log1p(-uniform.abs().clamp_max(_BELOW_ONE)).mul_(uniform.sign_()).mul_(-(0.5**0.5))


def uniforms(like: torch.Tensor, n: int, stream: Stream) -> torch.Tensor:
    """n uniforms on [0, 1) with dtype and device of `like`; a function of the stream."""
    generator = stream.torch_generator(like.device)
    return torch.rand(n, generator=generator, dtype=like.dtype, device=like.device)
