"""What is watched during training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data import mixture

COLLAPSED_SPREAD = 0.25
COLLAPSED_MODES = 2
COVERED_SHARE = 1 / (2 * mixture.COMPONENTS)
NEAR = 0.1


def spread(samples: torch.Tensor) -> torch.Tensor:
    """Root of the variance over samples, averaged over dimensions; a scalar on the samples' device."""
    return samples.flatten(1).var(0, correction=0).mean().sqrt()


def collapsed(figures: dict[str, float]) -> bool:
    """Whether the generator makes nearly one and the same sample.

    Its `spread` is below a quarter of the data's; on the mixture, also if it covers at most two of the
    seven modes while a third of its samples or more lie at modes (early on, none do).
    """
    few = figures.get("modes", mixture.COMPONENTS) <= COLLAPSED_MODES and figures.get("within_0.1", 0) > 1 / 3
    return figures["spread"] < COLLAPSED_SPREAD or few


def mixture_figures(samples_N3: torch.Tensor) -> dict[str, float]:
    """How well generated samples cover the seven modes of the mixture.

    A mode is covered if at least half its fair share (1/14) of all samples lie within 0.1, ten standard
    deviations, of its mean.

    Args:
        samples_N3: generated samples, (N, 3).

    Returns:
        `modes` covered, 0…7 (higher is better); `within_3_std`, share of samples within 0.03 of a mean,
        and `within_0.1` (higher); `plane_distance`, mean distance from the mixture's plane (lower).
    """
    points: NDArray[np.float64] = samples_N3.double().cpu().numpy()
    distances_NK = np.linalg.norm(points[:, None] - mixture.means()[None], axis=2)
    nearest = distances_NK.argmin(axis=1)
    distance = distances_NK.min(axis=1)
    shares = np.bincount(nearest[distance <= NEAR], minlength=mixture.COMPONENTS) / len(points)
    offsets = (points - mixture.plane_point()) @ mixture.plane_normal()
    return {
        "modes": float((shares >= COVERED_SHARE).sum()),
        "within_3_std": float((distance <= 3 * mixture.STD).mean()),
        "within_0.1": float((distance <= NEAR).mean()),
        "plane_distance": float(np.abs(offsets).mean()),
    }
