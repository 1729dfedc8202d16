"""The exponential average of the generator's weights."""

from __future__ import annotations

import torch
from torch import nn

from gancross.models.batch_norm import batch_norms
from gancross.models.spectral_norm import own_singular_vectors


def update_average(average: nn.Module, generator: nn.Module, *, decay: float, average_buffers: bool) -> None:
    """w̄ ← β w̄ + (1 − β) w for every parameter, in place; buffers are copied.

    Spectral norm's vectors of w̄ are its own: they make one power iteration.

    Args:
        decay: β in [0, 1); 0 copies the weights.
        average_buffers: average batch norm's running means and variances like weights. Other buffers, such
            as counters, are copied in any case.
    """
    with own_singular_vectors(average), torch.no_grad():
        for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        averaged: set[int] = set()
        if average_buffers:
            for layer, source in zip(batch_norms(average), batch_norms(generator), strict=True):
                for name in ("running_mean", "running_var"):
                    getattr(layer, name).lerp_(getattr(source, name), 1 - decay)
                    averaged.add(id(getattr(layer, name)))
        for target, buffer in zip(average.buffers(), generator.buffers(), strict=True):
            if id(target) not in averaged:
                target.copy_(buffer)
