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

from gancross.evaluator.referees.ladder import DETAIL_OF_NOISE, FARTHEST, Ladder, details

SLOPE = 0.2  # of the leaky ReLU
SMALLEST_SIDE = 4  # pixels, at which strided convolutions stop
KERNEL, PADDING = 4, 1  # of strided convolutions: each halves a side
LARGEST_GROWTH = 8
DETAIL_GAIN = 0.5  # with 1 faults of the coarsest scales were found less surely, with 0 a slight blur was
BANDWIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # radians per standard deviation of the reals
WAVES = 16  # directions of each bandwidth
MOST_ROTATED = 1024  # dimensions


class Judge(Protocol):
    """A network that judges noisy samples: `judge(judge.inputs(y, σ))`."""

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """What the network takes, of noisy samples y in units of the ladder and the σ (N,) of their noise.

        It is the same for all weights, so that several snapshots can share it.
        """

    def __call__(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Scores (N,), high for reals.

        Args:
            labels: of the samples, int64 (N,), in a call whose referees see them; a judge may ignore them.
        """


def level(sigma: torch.Tensor, ladder: Ladder) -> torch.Tensor:
    """ln σ, scaled to [−1, 1] over the ladder."""
    low, high = ladder.log_range
    return (sigma.log() - low).mul_(2 / (high - low)).sub_(1)


def remaining_of_wave(noise: torch.Tensor) -> torch.Tensor:
    """What Gaussian noise leaves of a wave: E[e^{inε}] = e^{−n²/2}, n its standard deviation in radians.

    It is at least e^{−20}, which is nothing beside 1: floats that underflow cost twenty times as much.

    Source: Barron et al. 2021 (mip-NeRF), Eq. 8.
    """
    return torch.exp(-(0.5 * noise.square()).clamp_(max=20))


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


class ClassProjection(nn.Module):
    """⟨e_c, φ⟩: what a sample's class c adds to its score, φ its last features before the linear layer.

    A judge with it tells pairs (sample, class): a good image with the wrong label shows.

    Args:
        num_classes: K.
        num_features: dimension of φ and of the embeddings e_0…e_{K−1}.
        weights: of the initial embeddings, on the CPU: uniform on ±1/√dimension, as of a linear layer.

    Source: Miyato and Koyama 2018, Eq. 4.
    """

    def __init__(self, num_classes: int, num_features: int, weights: torch.Generator) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes, num_features)
        bound = num_features**-0.5
        with torch.no_grad():
            self.embedding.weight.uniform_(-bound, bound, generator=weights)

    def forward(self, features_NF: torch.Tensor, labels_N: torch.Tensor) -> torch.Tensor:
        """(N,), to add to scores."""
        terms: torch.Tensor = self.embedding(labels_N) * features_NF
        return terms.sum(1)


class ImageJudge(nn.Module):
    """Strided convolutions with leaky ReLU down to a few pixels a side, then a linear layer.

    Beside y / √(s² + σ²) and a plane of ln σ they take the details of y, what a small blur removes, in units
    of their own spread: natural images have hundreds of times less variance there, so that faults of the
    finest scales would be found late. And they take `waves` of single values, which show what the histogram
    of a background or of few grey levels looks like: digits brighter by six levels of 255 showed G .25 at
    the finest rung without them, 1 with them.

    Args:
        shape: (C, H, W) of an image, any size from 1×1 on.
        ladder: the units of the noise.
        bandwidths: of the waves, in radians per unit of the input.
        width: channels of the first convolution; doubled at each further one, up to 8 times as many.
        dropout: probability with which a channel is dropped in training.
        weights, dropout_generator: of initial weights, on the CPU; of dropout, on the device of the inputs.
        num_classes: of the labels that it sees, see `ClassProjection`; None: it sees none.
    """

    def __init__(
        self, shape: tuple[int, ...], ladder: Ladder, *, width: int, dropout: float,
        bandwidths: Sequence[float], weights: torch.Generator, dropout_generator: torch.Generator,
        num_classes: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._ladder, self._bandwidths = ladder, tuple(bandwidths)
        channels, *sides = shape
        layers: list[nn.Module] = []
        inputs, outputs = (2 + 2 * len(bandwidths)) * channels + 1, width
        while max(sides) > SMALLEST_SIDE:
            layers += [
                _halving(inputs, outputs, sides),
                nn.LeakyReLU(SLOPE),
                Dropout(dropout, dropout_generator),
            ]
            sides = [max(1, side // 2) for side in sides]
            inputs, outputs = outputs, min(2 * outputs, LARGEST_GROWTH * width)
        self.features = nn.Sequential(*layers)
        num_features = inputs * sides[0] * sides[1]
        self.score = nn.Linear(num_features, 1)
        initialize(self, weights)
        self.projection = _projection(num_classes, num_features, weights)

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """(N, 2C + 1 + 2C·bandwidths, H, W) of images y (N, C, H, W)."""
        n, _, height, width = noisy.shape
        sigma, ladder = sigma.view(n, 1, 1, 1), self._ladder
        parts = [
            noisy * torch.rsqrt(ladder.spread**2 + sigma**2),
            DETAIL_GAIN * details(noisy) * torch.rsqrt(ladder.detail**2 + (DETAIL_OF_NOISE * sigma) ** 2),
            level(sigma, ladder).expand(n, 1, height, width),
        ]
        for bandwidth in self._bandwidths:
            phases, remaining = bandwidth * noisy, remaining_of_wave(bandwidth * sigma)
            parts += [phases.sin() * remaining, phases.cos() * remaining]
        return torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """As `Judge`."""
        features: torch.Tensor = self.features(inputs).flatten(1)
        scores: torch.Tensor = self.score(features).squeeze(1)
        return scores if self.projection is None else scores + self.projection(features, labels)


class VectorJudge(nn.Module):
    """A perceptron of three hidden layers with leaky ReLU; with tanh judges scatter three times as much.

    It takes, of a vector y:

    - z, its principal components in units of √(λ + σ²), λ the variances of the training reals along their
      axes: in y itself a fault along an axis of little variance hides behind the others. Noise of a tenth
      of the spread on ten correlated coordinates showed G .05 before, .26 now (the best possible: .33);
    - 2z²/(1 + z²/4) − 1, since a fault of variances is one of squares;
    - sin(b u·y) and cos(b u·y), times `remaining_of_wave`, for random unit vectors u and bandwidths b from 1
      to 64: at coarse rungs fast waves vanish. Without them a perceptron does not find differences far below
      the spread of the reals: clusters four times too wide, at a sixtieth of the spread, were not told apart
      after 3,200 steps;
    - ln σ.

    Args:
        shape: (D,).
        ladder: the units of the noise.
        width: units of a hidden layer.
        weights: of initial weights and of the waves, on the CPU.
        num_classes: as of `ImageJudge`.
    """

    axes: torch.Tensor
    variances: torch.Tensor
    waves: torch.Tensor
    bandwidths: torch.Tensor

    def __init__(
        self, shape: tuple[int, ...], ladder: Ladder, *, width: int, weights: torch.Generator,
        num_classes: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._ladder = ladder
        (dimensions,) = shape
        directions = torch.randn(len(BANDWIDTHS) * WAVES, dimensions, generator=weights)
        directions /= directions.norm(dim=1, keepdim=True)
        bandwidths = torch.tensor(BANDWIDTHS).repeat_interleave(WAVES)
        self.register_buffer("waves", directions.T * bandwidths)
        self.register_buffer("bandwidths", bandwidths)
        self.register_buffer("axes", torch.eye(dimensions if dimensions <= MOST_ROTATED else 0))
        self.register_buffer("variances", torch.ones(dimensions))
        sizes = [2 * dimensions + 1 + 2 * len(bandwidths), width, width, width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
        self.network = nn.Sequential(*layers, nn.Linear(width, 1))
        initialize(self, weights)
        self.projection = _projection(num_classes, width, weights)

    def look_at(self, reals: torch.Tensor) -> None:
        """Takes the axes and variances of the reals that it trains on, (N, D), in units of the ladder.

        Of them alone: axes that knew the tested reals would tell them from fresh ones. Few reals in many
        dimensions are shrunk towards equal variances. Beyond 1,024 dimensions the coordinates are the axes.

        Source: Ledoit and Wolf 2004 for the shrinkage.
        """
        if not len(self.axes):
            return
        from sklearn.covariance import ledoit_wolf

        covariance, _ = ledoit_wolf(reals.double().cpu().numpy())
        variances, axes = torch.linalg.eigh(torch.from_numpy(covariance))
        self.axes.copy_(axes)
        self.variances.copy_(variances.clamp(min=0))

    def inputs(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """(N, 2D + 1 + 2·waves) of vectors y (N, D)."""
        column = sigma.unsqueeze(1)
        components = noisy @ self.axes if len(self.axes) else noisy
        components = components * torch.rsqrt(self.variances + column**2)
        components.clamp_(-FARTHEST, FARTHEST)
        squares = components.square()
        remaining = remaining_of_wave(column * self.bandwidths)
        phases = noisy @ self.waves
        return torch.cat([
            components, 2 * squares / (1 + squares / 4) - 1, level(column, self._ladder),
            phases.sin() * remaining, phases.cos() * remaining,
        ], 1)  # fmt: skip

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """As `Judge`."""
        *hidden, last = self.network
        features = inputs
        for layer in hidden:
            features = layer(features)
        scores: torch.Tensor = last(features).squeeze(1)
        return scores if self.projection is None else scores + self.projection(features, labels)


def _projection(
    num_classes: int | None, num_features: int, weights: torch.Generator
) -> ClassProjection | None:
    """None where a judge sees no labels. Its weights are drawn last, so that all others stay the same."""
    return None if num_classes is None else ClassProjection(num_classes, num_features, weights)


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
