"""Gaussian statistics of features and the Fréchet distance between two of them.

Shape suffixes: N samples, D feature dimensions, R rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Mean and covariance of one set of features.

    Attributes:
        n: samples behind them; None if unknown, as for statistics read from a file.
        mean: float64 (D,).
        covariance: float64 (D, D), divides by n−1.
        sha256: of the file they were read from; None if they were computed here.
    """

    n: int | None
    mean: Array
    covariance: Array
    sha256: str | None = None


class Moments:
    """Running mean and covariance in float64, one chunk of features at a time.

    With m new samples of mean b and scatter B, n old ones of mean a and scatter A, and δ = b − a:
    mean ← a + δ·m/(n+m), scatter ← A + B + δδᵀ·nm/(n+m). Unlike E[xxᵀ] − μμᵀ it loses no digits when
    the mean is large beside the spread.

    Source: Chan, Golub and LeVeque 1979.
    """

    def __init__(self, dimension: int) -> None:
        self._n = 0
        self._mean = np.zeros(dimension)
        self._scatter = np.zeros((dimension, dimension))

    def add(self, features_ND: NDArray[np.float32]) -> None:
        """Takes in one chunk, (N, D); an empty one changes nothing."""
        m = len(features_ND)
        if m == 0:
            return
        centred_ND = features_ND.astype(np.float64)
        mean = centred_ND.mean(axis=0)
        centred_ND -= mean
        delta = mean - self._mean
        total = self._n + m
        self._scatter += centred_ND.T @ centred_ND
        self._scatter += np.outer(delta, delta) * (self._n * m / total)
        self._mean += delta * (m / total)
        self._n = total

    def statistics(self) -> Statistics:
        """What was seen so far; at least two samples."""
        return Statistics(n=self._n, mean=self._mean.copy(), covariance=self._scatter / (self._n - 1))


def covariance_factor(covariance: Array) -> Array:
    """H with H Hᵀ = Σ, from the eigenvectors and the square roots of the eigenvalues of Σ.

    Args:
        covariance: symmetric, (D, D).

    Returns:
        (D, R), R the numerical rank: directions in which Σ has only rounding left are dropped, since the
        square root would blow them up from 1e-16 to 1e-8. Lower triangular where R = D.

    Raises:
        ValueError: Σ has a negative eigenvalue beyond rounding.
    """
    eigenvalues, vectors = np.linalg.eigh(covariance)
    largest = max(float(eigenvalues[-1]), 0.0)
    if eigenvalues[0] < -1e-5 * largest or (largest == 0.0 and eigenvalues[0] < 0):
        raise ValueError(f"not a covariance: it has the negative eigenvalue {eigenvalues[0]:g}")
    significant = eigenvalues > largest * len(covariance) * np.finfo(np.float64).eps
    factor: Array = vectors[:, significant] * np.sqrt(eigenvalues[significant])
    if not significant.all():
        return factor
    # Hᵀ = QR, so H Hᵀ = RᵀR; eigenvectors lose fewer digits than Cholesky's factorisation of Σ itself.
    upper: Array = np.asarray(np.linalg.qr(factor.T, mode="r"))
    return upper.T


def frechet_distance(*, fake: Statistics, real: Statistics, real_factor: Array | None = None) -> float:
    """Squared Fréchet (2-Wasserstein) distance of the Gaussians with the two sets' statistics.

    d² = |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½. With Σ₂ = H Hᵀ the eigenvalues of Σ₁Σ₂ that are not
    zero are those of the symmetric HᵀΣ₁H, so the trace needs no general eigenvalue problem.

    Args:
        fake, real: of the same dimension.
        real_factor: `covariance_factor(real.covariance)` where it is known already.

    Returns:
        ≥ 0, in squared units of the features; lower is better, 0 for equal statistics.

    Source: Dowson and Landau 1982; Heusel et al. 2017, Eq. 6.
    """
    factor_DR = covariance_factor(real.covariance) if real_factor is None else real_factor
    eigenvalues = np.linalg.eigvalsh(_congruent(fake.covariance, factor_DR), UPLO="L")
    trace = float(np.sqrt(eigenvalues.clip(min=0)).sum())
    difference = fake.mean - real.mean
    spreads = float(np.trace(fake.covariance) + np.trace(real.covariance))
    return max(float(difference @ difference) + spreads - 2 * trace, 0.0)  # rounding can go below zero


def _congruent(covariance: Array, factor: Array) -> Array:
    """HᵀΣH, of which the lower triangle alone counts.

    A triangular H takes a quarter of the operations of two products of matrices (LAPACK's dsygst).
    """
    rows, rank = factor.shape
    if rank < rows:
        product: Array = factor.T @ covariance @ factor
        return (product + product.T) / 2
    from scipy.linalg.lapack import dsygst

    # Σ is symmetric, and its transpose lies in memory as LAPACK wants it.
    lower, info = dsygst(covariance.T, factor, itype=2, lower=1)
    assert info == 0, info
    return np.asarray(lower)


def shortage(n: int | None, *, dimension: int, who: str) -> str | None:
    """What to say of n ≤ D + 1 samples; None where there are more, or unknown.

    A covariance of n samples has rank n − 1 at most: it is singular up to n = D, and nearly so at D + 1.
    """
    if n is None or n > dimension + 1:
        return None
    fewness, rank = ("not", "singular") if n <= dimension else ("only one", "nearly singular")
    return (
        f"{who}: {n:,} samples are {fewness} more than the {dimension:,} dimensions of the features:"
        f" its covariance is {rank} and the Fréchet distance is biased upwards"
    )
