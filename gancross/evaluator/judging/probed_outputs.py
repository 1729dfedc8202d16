"""What outputs of a network look like beside others, and beside the range that they should have."""

from __future__ import annotations

import torch

ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of one may take another kernel
ROUNDING = 1e-5  # of the largest output


def alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two outputs for the same samples differ by less than a share of their spread; NaN never."""
    return bool(((first - second).abs() <= tolerance(first, ALIKE)).all())


def tolerance(output: torch.Tensor, share: float) -> float:
    """A share of an output's standard deviation, or its rounding where it hardly varies."""
    return max(share * float(output.double().std()), ROUNDING * float(output.abs().amax()))


def outside(samples: torch.Tensor, data_range: tuple[float, float]) -> float:
    """The share of values that lie more than a level of 8 bits beyond the range."""
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


def in_unit_interval(scores: torch.Tensor) -> bool:
    """Whether all scores could be probabilities."""
    return bool(((scores >= 0) & (scores <= 1)).all())
