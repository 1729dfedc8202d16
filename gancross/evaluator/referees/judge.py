"""The networks of referees: one for images and one for vectors, both told the level of the noise.

r_σ(x) = D(y / √(s² + σ²), σ), y = x + σε, s the spread of the reals. No normalization layers: a score depends
on its own sample alone. No augmentation: a mirrored generator would become invisible.

Shape suffixes: N samples, C channels, H height, W width, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import nn

from gancross.evaluator.referees.ladder import DETAIL_OF_NOISE, Ladder, details

SLOPE = 0.2  # of the leaky ReLU
SMALLEST_SIDE = 4  # pixels, at which strided convolutions stop
KERNEL, PADDING = 4, 1  # of strided convolutions: each halves a side
LARGEST_GROWTH = 8
DETAIL_GAIN = 0.5  # with 1 faults of the coarsest scales were found less surely, with 0 a slight blur was
BANDWIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # radians per standard deviation of the reals
WAVES = 16  # directions of each bandwidth


class Judge(Protocol):
    """A network that judges noisy samples: `judge(judge.inputs(y, σ))`."""

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """What the network takes, of noisy samples y in units of the ladder and the σ (N,) of their noise.

        It is the same for all weights, so that several snapshots can share it.
        """

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores (N,), high for reals."""


def level(sigma: torch.Tensor, ladder: Ladder) -> torch.Tensor:
    """ln σ, scaled to [−1, 1] over the ladder."""
    low, high = ladder.log_range
    return (sigma.log() - low).mul_(2 / (high - low)).sub_(1)


class Dropout(nn.Module):
    """Whole channels are dropped with probability p in training; the masks come from a generator of its own.

    Torch's module draws from the global generator, whose state other work changes.
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p, self.generator = p, generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, …) with some channels zero and the others scaled by 1/(1 − p)."""
        if not self.training or self.p == 0:
            return x
        shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
        kept = torch.rand(shape, generator=self.generator, device=x.device) >= self.p
        return x * (kept / (1 - self.p))


class ImageJudge(nn.Module):
    """Strided convolutions with leaky ReLU down to a few pixels a side, then a linear layer.

    Beside y / √(s² + σ²) and a plane of ln σ they take the details of y, what a small blur removes, in units
    of their own spread: natural images have hundreds of times less variance there, so that faults of the
    finest scales would be found late.

    Args:
        shape: (C, H, W) of an image, any size from 1×1 on.
        ladder: the units of the noise.
        width: channels of the first convolution; doubled at each further one, up to 8 times as many.
        dropout: probability with which a channel is dropped in training.
        weights, dropout_generator: of initial weights, on the CPU; of dropout, on the device of the inputs.
    """

    def __init__(
        self, shape: tuple[int, ...], ladder: Ladder, *, width: int, dropout: float,
        weights: torch.Generator, dropout_generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self._ladder = ladder
        channels, *sides = shape
        layers: list[nn.Module] = []
        inputs, outputs = 2 * channels + 1, width
        while max(sides) > SMALLEST_SIDE:
            layers += [
                _halving(inputs, outputs, sides),
                nn.LeakyReLU(SLOPE),
                Dropout(dropout, dropout_generator),
            ]
            sides = [max(1, side // 2) for side in sides]
            inputs, outputs = outputs, min(2 * outputs, LARGEST_GROWTH * width)
        self.features = nn.Sequential(*layers)
        self.score = nn.Linear(inputs * sides[0] * sides[1], 1)
        initialize(self, weights)

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """(N, 2C + 1, H, W) of images y (N, C, H, W)."""
        n, _, height, width = noisy.shape
        sigma, ladder = sigma.view(n, 1, 1, 1), self._ladder
        return torch.cat([
            noisy * torch.rsqrt(ladder.spread**2 + sigma**2),
            DETAIL_GAIN * details(noisy) * torch.rsqrt(ladder.detail**2 + (DETAIL_OF_NOISE * sigma) ** 2),
            level(sigma, ladder).expand(n, 1, height, width),
        ], 1).contiguous(memory_format=torch.channels_last)  # fmt: skip

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """As `Judge`."""
        scores: torch.Tensor = self.score(self.features(inputs).flatten(1))
        return scores.squeeze(1)


class VectorJudge(nn.Module):
    """A perceptron of three hidden layers with leaky ReLU; with tanh judges scatter three times as much.

    Beside y / √(1 + σ²) and ln σ it takes sin(b u·y) and cos(b u·y), times e^{−b²σ²/2}, for random unit
    vectors u and bandwidths b from 1 to 64. The factor is what the noise leaves of such a wave, E[e^{ibσε}]:
    at coarse rungs fast waves vanish. Without them a perceptron does not find differences far below the
    spread of the reals: clusters four times too wide, at a sixtieth of the spread, were not told apart after
    3,200 steps.

    Args:
        shape: (D,).
        ladder: the units of the noise.
        width: units of a hidden layer.
        weights: of initial weights and of the waves, on the CPU.

    Source: Barron et al. 2021 (mip-NeRF), Eq. 8 for the expected value of a wave.
    """

    waves: torch.Tensor
    bandwidths: torch.Tensor

    def __init__(
        self, shape: tuple[int, ...], ladder: Ladder, *, width: int, weights: torch.Generator
    ) -> None:
        super().__init__()
        self._ladder = ladder
        directions = torch.randn(len(BANDWIDTHS) * WAVES, shape[0], generator=weights)
        directions /= directions.norm(dim=1, keepdim=True)
        bandwidths = torch.tensor(BANDWIDTHS).repeat_interleave(WAVES)
        self.register_buffer("waves", directions.T * bandwidths, persistent=False)
        self.register_buffer("bandwidths", bandwidths, persistent=False)
        sizes = [shape[0] + 1 + 2 * len(bandwidths), width, width, width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
        self.network = nn.Sequential(*layers, nn.Linear(width, 1))
        initialize(self, weights)

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """(N, D + 1 + 2·waves) of vectors y (N, D)."""
        column = sigma.unsqueeze(1)
        remaining = torch.exp(-0.5 * (column * self.bandwidths).square())
        phases = noisy @ self.waves
        return torch.cat([
            noisy * torch.rsqrt(1 + column**2), level(column, self._ladder),
            phases.sin() * remaining, phases.cos() * remaining,
        ], 1)  # fmt: skip

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """As `Judge`."""
        scores: torch.Tensor = self.network(inputs)
        return scores.squeeze(1)


def _halving(inputs: int, outputs: int, sides: Sequence[int]) -> nn.Conv2d:
    """A convolution that halves the sides, (height, width), and leaves one of a single pixel as it is."""
    kernel, stride, padding = zip(
        *((KERNEL, 2, PADDING) if side > 1 else (1, 1, 0) for side in sides), strict=True
    )
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)


def initialize(network: nn.Module, weights: torch.Generator) -> None:
    """Every weight and bias uniform on ±1/√fan-in, torch's default, from a generator of its own."""
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                bound = part.weight[0].numel() ** -0.5
                part.weight.uniform_(-bound, bound, generator=weights)
                assert part.bias is not None
                part.bias.uniform_(-bound, bound, generator=weights)
