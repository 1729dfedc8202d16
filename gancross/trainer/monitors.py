"""Figures of generated samples that are logged during training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data import mixture

COLLAPSED_SPREAD = 0.25
COLLAPSED_MODES = 2
COVERED_SHARE = 1 / (2 * mixture.COMPONENTS)
MIXTURE = "mixture"  # the data of `mixture_figures`
MODE_RADIUS = 0.1  # ten standard deviations


def spread(samples: torch.Tensor) -> torch.Tensor:
    """Root of the variance over samples, averaged over dimensions; a scalar on the samples' device."""
    return samples.flatten(1).var(0, correction=0).mean().sqrt()


def collapsed(figures: dict[str, float]) -> bool:
    """Whether the generator produces nearly identical samples.

    That is, whether its `spread` is below a quarter of the data's, or, on the mixture, whether it covers at
    most two of the seven modes while more than a third of its samples lie near modes (early on, none do).
    """
    few = figures.get("modes", mixture.COMPONENTS) <= COLLAPSED_MODES and figures.get("within_0.1", 0) > 1 / 3
    return figures["spread"] < COLLAPSED_SPREAD or few


def mixture_figures(samples_N3: torch.Tensor) -> dict[str, float]:
    """How well generated samples cover the seven modes of the mixture.

    A mode is covered if at least 1/14 of all samples, half its share, lie within 0.1 of its mean.

    Args:
        samples_N3: generated samples, (N, 3).

    Returns:
        `modes` covered, 0…7 (higher is better); `within_3_std` and `within_0.1`, fractions of samples within
        0.03 and 0.1 of a mean (higher); `plane_distance`, mean distance from the mixture's plane (lower).
    """
    points: NDArray[np.float64] = samples_N3.double().cpu().numpy()
    distances_NK = np.linalg.norm(points[:, None] - mixture.means()[None], axis=2)
    nearest = distances_NK.argmin(axis=1)
    distance = distances_NK.min(axis=1)
    shares = np.bincount(nearest[distance <= MODE_RADIUS], minlength=mixture.COMPONENTS) / len(points)
    offsets = (points - mixture.CENTRE) @ mixture.PLANE_NORMAL
    return {
        "modes": float((shares >= COVERED_SHARE).sum()),
        "within_3_std": float((distance <= 3 * mixture.STD).mean()),
        "within_0.1": float((distance <= MODE_RADIUS).mean()),
        "plane_distance": float(np.abs(offsets).mean()),
    }
