"""Signs of a wrong description: samples out of range, averages of a batch norm that saw no batch."""

from __future__ import annotations

import torch
from torch import nn


def outside(samples: torch.Tensor, data_range: tuple[float, float]) -> float:
    """The share of values that lie beyond the range by more than a level."""
    low, high = data_range
    slack = (high - low) / 255
    return float(((samples < low - slack) | (samples > high + slack)).double().mean())


def in_one_half(low: float, high: float, data_range: tuple[float, float], test: torch.Tensor) -> bool:
    """Whether values lie in the upper or in the lower half, where the test data do not."""
    middle, slack = sum(data_range) / 2, (data_range[1] - data_range[0]) / 100
    upper, lower = low >= middle - slack, high <= middle + slack
    if upper and lower:  # all values lie in the middle, as before any training
        return False
    return (upper and int(test.amin()) < 127) or (lower and int(test.amax()) > 128)


def untrained_norm(network: nn.Module) -> bool:
    """Whether a layer's running averages are those of no batch, mean 0 and variance 1."""
    buffers = dict(network.named_buffers())
    for name, mean in buffers.items():
        variance = buffers.get(name.removesuffix("running_mean") + "running_var")
        if variance is None or not name.endswith("running_mean"):
            continue
        if not mean.any() and bool((variance == 1).all()):
            return True
    return False
