"""Generators and judges of grey 4×4 images whose confusion can be counted by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gancross import Contestant


class ConstantGrey(nn.Module):
    """A generator of images of one grey level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.full((len(latents), 1, 4, 4), self.level)


class BlackOrWhite(nn.Module):
    """A generator of white images where the first latent is below `share`, of black ones elsewhere."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        white = (latents[:, 0] < self.share).float() * 2 - 1
        return white[:, None, None, None].expand(-1, 1, 4, 4)


class Brightness(nn.Module):
    """A judge whose score is the mean grey level minus a cut: bright is real."""

    def __init__(self, cut: float, sign: float = 1.0) -> None:
        super().__init__()
        self.cut, self.sign = cut, sign

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.sign * (images.flatten(1).mean(1) - self.cut)


class NormalizedBrightness(nn.Module):
    """A judge with batch norm: batch statistics show it whether a batch is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None
        mean.fill_(0.25)
        variance.fill_(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        normalized: torch.Tensor = self.norm(images)
        return normalized.flatten(1).mean(1)


class ConstantScore(nn.Module):
    """A judge with one answer to everything."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.full((len(samples),), self.score)


def model(name: str, generator: nn.Module, judge: nn.Module | None, **fields: Any) -> Contestant:
    return Contestant(
        name=name, generator=generator, discriminator=judge, latent_dim=2, latent="uniform01", **fields
    )


def greys(levels: list[int]) -> torch.Tensor:
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()


# Ten test images of which three are darker than 0, one darker than -0.5 (levels 0…255 map to -1…1).
REALS = greys([20, 90, 100, 140, 150, 160, 200, 220, 240, 255])
