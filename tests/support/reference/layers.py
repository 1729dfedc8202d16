"""Layers as their formulas read, in plain loops; slow."""

from __future__ import annotations

import math

Images = list[list[list[list[float]]]]  # [N][C][H][W]


def layer_norm(features: Images, scale: list[float], bias: list[float], epsilon: float) -> Images:
    """Nested lists [N][C][H][W]: (x − mean)/√(var + ε) over all of a sample, then channel by channel."""
    normalized = []
    for sample in features:
        values = [value for channel in sample for row in channel for value in row]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        normalized.append(
            [
                [[s * (value - mean) / math.sqrt(variance + epsilon) + b for value in row] for row in channel]
                for channel, s, b in zip(sample, scale, bias, strict=True)
            ]
        )
    return normalized


def gate(features: Images) -> Images:
    """Nested lists [N][2C][H][W] → [N][C][H][W]: σ of channel 2c times tanh of channel 2c+1."""
    return [
        [
            [
                [math.tanh(b) / (1 + math.exp(-a)) for a, b in zip(row_a, row_b, strict=True)]
                for row_a, row_b in zip(sample[c], sample[c + 1], strict=True)
            ]
            for c in range(0, len(sample), 2)
        ]
        for sample in features
    ]
