"""Figures of fidelity as their formulas read; slow, from all features at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]
Features = NDArray[np.floating[Any]]


def frechet_distance(mean_1: Array, covariance_1: Array, mean_2: Array, covariance_2: Array) -> float:
    root = scipy.linalg.sqrtm(covariance_1 @ covariance_2)
    distance = np.sum((mean_1 - mean_2) ** 2) + np.trace(covariance_1 + covariance_2 - 2 * root.real)
    return float(distance)


def diagonal_frechet_distance(
    mean_1: Array, deviations_1: Array, mean_2: Array, deviations_2: Array
) -> float:
    """Of independent Gaussians: Σ (μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    return float(np.sum((mean_1 - mean_2) ** 2 + (deviations_1 - deviations_2) ** 2))


def frechet_distance_of_features(fake: Features, real: Features) -> float:
    """Without a covariance or a root: tr (Σ₁Σ₂)^½ is the nuclear norm of the centred features' product.

    As exact with fewer samples than dimensions as with more.
    """
    fake, real = fake.astype(np.float64), real.astype(np.float64)
    a, b = ((side - side.mean(axis=0)) / np.sqrt(len(side) - 1) for side in (fake, real))
    trace = float(np.linalg.norm(a @ b.T, ord="nuc"))
    means = np.sum((fake.mean(axis=0) - real.mean(axis=0)) ** 2)
    return float(means + np.sum(a**2) + np.sum(b**2)) - 2 * trace


def precision_recall(fake: Features, real: Features, neighbours: int = 3) -> tuple[float, float]:
    """Loops over all pairs; a sample is not its own neighbour."""

    def radii(points: Features) -> list[float]:
        distances = [[float(np.linalg.norm(a - b)) for b in points] for a in points]
        return [sorted(row)[neighbours] for row in distances]

    def share(points: Features, others: Features) -> float:
        reach = radii(others)
        inside = [
            any(np.linalg.norm(point - other) <= r for other, r in zip(others, reach, strict=True))
            for point in points
        ]
        return float(np.mean(inside))

    return share(fake, real), share(real, fake)


def unbiased_mmd(fake: Features, real: Features) -> float:
    """All pairs of different samples, kernel (x·y/d + 1)³."""

    def mean_kernel(x: Features, y: Features, *, same: bool) -> float:
        values = [
            (float(np.dot(a, b)) / len(a) + 1) ** 3
            for i, a in enumerate(x)
            for j, b in enumerate(y)
            if not (same and i == j)
        ]
        return float(np.mean(values))

    within = mean_kernel(fake, fake, same=True) + mean_kernel(real, real, same=True)
    return within - 2 * mean_kernel(fake, real, same=False)
