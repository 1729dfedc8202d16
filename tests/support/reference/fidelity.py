"""Figures of fidelity as their formulas read; slow, from all features at once."""

import numpy as np
import scipy.linalg


def frechet_distance(mean_1, covariance_1, mean_2, covariance_2):
    root = scipy.linalg.sqrtm(covariance_1 @ covariance_2)
    return np.sum((mean_1 - mean_2) ** 2) + np.trace(covariance_1 + covariance_2 - 2 * root.real)


def diagonal_frechet_distance(mean_1, deviations_1, mean_2, deviations_2):
    """Of independent Gaussians: Σ (μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    return np.sum((mean_1 - mean_2) ** 2 + (deviations_1 - deviations_2) ** 2)


def frechet_distance_of_features(fake, real):
    """Without a covariance or a root: tr (Σ₁Σ₂)^½ is the nuclear norm of the centred features' product.

    As exact with fewer samples than dimensions as with more.
    """
    fake, real = fake.astype(np.float64), real.astype(np.float64)
    a, b = ((side - side.mean(axis=0)) / np.sqrt(len(side) - 1) for side in (fake, real))
    trace = np.linalg.norm(a @ b.T, ord="nuc")
    return np.sum((fake.mean(axis=0) - real.mean(axis=0)) ** 2) + np.sum(a**2) + np.sum(b**2) - 2 * trace


def precision_recall(fake, real, neighbours=3):
    """Loops over all pairs; a sample is not its own neighbour."""

    def radii(points):
        distances = [[np.linalg.norm(a - b) for b in points] for a in points]
        return [sorted(row)[neighbours] for row in distances]

    def share(points, others):
        reach = radii(others)
        return np.mean(
            [any(np.linalg.norm(p - o) <= r for o, r in zip(others, reach, strict=True)) for p in points]
        )

    return share(fake, real), share(real, fake)


def unbiased_mmd(fake, real):
    """All pairs of different samples, kernel (x·y/d + 1)³."""

    def mean_kernel(x, y, *, same):
        values = [
            (float(np.dot(a, b)) / len(a) + 1) ** 3
            for i, a in enumerate(x)
            for j, b in enumerate(y)
            if not (same and i == j)
        ]
        return np.mean(values)

    within = mean_kernel(fake, fake, same=True) + mean_kernel(real, real, same=True)
    return within - 2 * mean_kernel(fake, real, same=False)
