"""Pool-restricted duality gap: how far a contestant is from a saddle point of the contestants at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import Missing
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.evaluator.tournament.ranking import NO_DECISIONS
from gancross.random_streams import Stream

RESAMPLES = 999


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """`value` ≥ 0, 0 at a saddle point of the pool; `bias` is what sampling noise alone adds to it."""

    value: float
    bias: float


def duality_gaps(
    table: CrossTable, *, seed: int, resamples: int = RESAMPLES
) -> dict[str, DualityGap | Missing]:
    """max_j A_ij − min_k A_ki of every contestant i, A_ij = (TPR_j + 1 − FP_ij)/2, own pairs included.

    The first term is how well the best judge of the pool detects generator i, the second how well judge i
    does on the generator that is hardest for it. Since A_ii stands in both, the gap is at least 0. The
    bias is the mean gap of a parametric bootstrap of the counts, minus the gap: max − min of noisy figures
    grows with the noise.

    Source: Grnarova et al. 2019, whose optimisation over all functions is here a search of the pool.
    """
    gaps = _gaps(_accuracy(table.fn, table.fp))
    replicates = np.stack([_gaps(accuracy) for accuracy in _resampled(table, seed, resamples)])
    bias = np.subtract(replicates.mean(axis=0), gaps, where=table.decides, out=np.zeros_like(gaps))
    return {
        name: DualityGap(value=float(gaps[i]), bias=float(bias[i]))
        if table.decides[i]
        else Missing(f"'{name}' {NO_DECISIONS}")
        for i, name in enumerate(table.names)
    }


def _accuracy(fn: NDArray[np.float64], fp: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1 - fn + 1 - fp) / 2)


def _gaps(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,); NaN means no decisions and is neither best nor worst."""
    best = np.nan_to_num(accuracy, nan=-np.inf).max(axis=1)
    worst = np.nan_to_num(accuracy, nan=np.inf).min(axis=0)
    return np.asarray(best - worst)


def _resampled(table: CrossTable, seed: int, resamples: int) -> NDArray[np.float64]:
    """A of every resample, (R, N, N). Each cell has a stream of its own, so nobody's depends on the rest."""
    n = len(table.names)
    accuracies = np.full((resamples, n, n), np.nan)
    for j in np.flatnonzero(table.decides):
        judge = table.names[j]

        def rates(count: int, n: int, generator: str, judge: str = judge) -> NDArray[np.float64]:
            random = Stream(seed, "duality-gap", judge, generator).numpy_generator()
            return np.asarray(random.binomial(n, count / n, resamples) / n)

        fn = rates(int(table.called_fake[j]), int(table.num_real[j]), "")
        for i, generator in enumerate(table.names):
            fp = rates(int(table.called_real[i, j]), int(table.num_fake[i]), generator)
            accuracies[:, i, j] = _accuracy(fn, fp)
    return accuracies
