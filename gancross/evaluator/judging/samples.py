"""A contestant's samples on their own, for pictures and other tools."""

from __future__ import annotations

from collections.abc import Callable

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.errors import UsageError
from gancross.evaluator.judging.sampling import CHUNK, chunks, fake_source
from gancross.evaluator.judging.scoring import evaluating


def canonical_samples(
    contestant: Contestant,
    *,
    num_samples: int,
    seed: int = 0,
    purpose: str = "sample",
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The first samples of a contestant as a cross-test would see them: fixed chunks, evaluation mode, 8 bit.

    Args:
        num_samples: of given samples a seeded choice, or all where there are fewer.
        seed, purpose: with the contestant's name, of the latents; "crosstest" gives a cross-test's samples.
        progress: called after every chunk with (samples done, samples in all).

    Returns:
        On the CPU: uint8 images (N, C, H, W), or float32 vectors (N, d).

    Raises:
        UsageError: fewer than one sample asked for.
        DivergenceError: the generator makes NaN or infinite values.
    """
    if num_samples < 1:
        raise UsageError(f"the number of samples must be at least 1, is {num_samples}")
    source = fake_source(contestant, num_samples=num_samples, seed=seed, purpose=purpose)
    modules = [] if contestant.generator is None else [contestant.generator]
    parts: list[torch.Tensor] = []
    with evaluating(modules, device):
        for chunk in chunks(source, seed=seed, shape=None, device=device, group=1, purpose=purpose):
            parts.append(chunk.cpu().contiguous())
            if progress is not None:
                progress(min(len(parts) * CHUNK, source.n), source.n)
    return torch.cat(parts)[: source.n]
