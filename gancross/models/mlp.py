"""The mixture experiment's networks: fully connected, after §7.3 of Roth et al. 2017."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

WEIGHT_STD = 0.1  # truncated normal at two standard deviations, as the authors' program has it


class MLP(nn.Sequential):
    """Linear layers with tanh between them; weights N(0, 0.1²) truncated at 0.2, biases 0.

    Args:
        sizes: widths of input, hidden layers and output, e.g. (2, 128, 128, 3).
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [nn.Linear(fan_in, fan_out), nn.Tanh()]
        super().__init__(*layers[:-1])

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(
                    module.weight, std=WEIGHT_STD, a=-2 * WEIGHT_STD, b=2 * WEIGHT_STD, generator=generator
                )
                nn.init.zeros_(module.bias)
