"""The transforms of DiffAugment, on the pixels of images (N, C, H, W) in [−1, 1]; differentiable in them.

Their random numbers are independent and uniform for each image. The authors' program takes H/8 and H/2 as
integers, as here.

Source: Zhao et al. 2020, and its PyTorch program.
"""

from __future__ import annotations

import torch
from torch import nn

from gancross.trainer.augmentation.draws import Draws

SHIFT = 8  # translation: up to 1/8 of the side
CUTOUT = 2  # cutout: a square of 1/2 of the side


def brightness(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """x + b, b uniform on [−½, ½)."""
    return images + _of_images(draws.uniform() - 0.5)


def saturation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """m + s·(x − m), m the mean over channels of each pixel, s uniform on [0, 2)."""
    mean = images.mean(1, keepdim=True)
    return mean + (images - mean) * _of_images(2 * draws.uniform())


def contrast(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """m + c·(x − m), m the mean over the image, c uniform on [½, 3/2)."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * _of_images(draws.uniform() + 0.5)


def translation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """Shifted down by a and to the right by b, integers of −H/8..H/8 and −W/8..W/8; what comes in is 0."""
    height, width = images.shape[2:]
    most_down, most_right = height // SHIFT, width // SHIFT
    down, right = (draws.integer(2 * most + 1) for most in (most_down, most_right))  # each + most
    padded = nn.functional.pad(images, (most_right, most_right, most_down, most_down))
    rows_NH = torch.arange(height, device=images.device) + 2 * most_down - down[:, None]
    columns_NW = torch.arange(width, device=images.device) + 2 * most_right - right[:, None]
    numbers = torch.arange(len(images), device=images.device)[:, None, None, None]
    channels = torch.arange(images.shape[1], device=images.device)[:, None, None]
    return padded[numbers, channels, rows_NH[:, None, :, None], columns_NW[:, None, None, :]]


def cutout(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """0 in a rectangle of H/2 × W/2 whose centre is uniform over the image; it may lie partly outside."""
    inside = []
    for length in images.shape[2:]:
        side = length // CUTOUT
        start_N1 = draws.integer(length + 1 - side % 2)[:, None] - side // 2
        position = torch.arange(length, device=images.device)
        inside.append((position >= start_N1) & (position < start_N1 + side))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(hole, 0.0)


def _of_images(values_N: torch.Tensor) -> torch.Tensor:
    return values_N[:, None, None, None]
