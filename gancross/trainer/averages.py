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
        means: list[torch.Tensor] = list(average.parameters())
        values: list[torch.Tensor] = list(generator.parameters())
        if average_buffers:
            for layer, source in zip(batch_norms(average), batch_norms(generator), strict=True):
                for name in ("running_mean", "running_var"):
                    means.append(getattr(layer, name))
                    values.append(getattr(source, name))
        torch._foreach_lerp_(means, values, 1 - decay)  # on a GPU a few kernels for all of them
        averaged = {id(mean) for mean in means}
        for target, buffer in zip(average.buffers(), generator.buffers(), strict=True):
            if id(target) not in averaged:
                target.copy_(buffer)
