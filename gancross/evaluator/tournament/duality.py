"""Pool-restricted duality gap: how far a contestant is from a saddle point of the contestants at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.codec.fields import Recorded
from gancross.evaluator.estimates import Missing
from gancross.evaluator.tournament.cross_table import CrossTable
from gancross.evaluator.tournament.ranking import NO_DECISIONS
from gancross.random_streams import Stream

SPLITS = 400
TOO_FEW = "fewer than two independent samples of a kind cannot be split"

Rates = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """How far a contestant is from a saddle point of the pool; lower is better, 0 is a saddle point.

    Attributes:
        value: maximum − minimum of the figures as they were measured, ≥ 0.
        bias: what the noise of sampling has added to it.
        corrected: `value` − `bias`; by chance it may be negative. None in records that did not measure it.
    """

    value: float
    bias: float
    corrected: Annotated[float | None, Recorded(absent=True)] = None


def duality_gaps(table: CrossTable, *, seed: int, splits: int = SPLITS) -> dict[str, DualityGap | Missing]:
    """max_j A_ij − min_k A_ki of every contestant i, A_ij = (TPR_j + 1 − FP_ij)/2, own pairs included.

    The first term is how well the best judge of the pool detects generator i, the second how well judge i
    does on the generator that is hardest for it. Since A_ii stands in both, the gap is at least 0.

    The maximum of noisy figures grows with the noise. So the samples are split in two at random: one half
    chooses the judge and the generator, the other measures them, which no choice has touched. `corrected`
    is the mean over 400 splits; where half of the samples choose wrongly it is too small, never too large. A
    parametric bootstrap of max − min took away less than half of the bias where figures tie.

    Source: Grnarova et al. 2019, whose optimisation over all functions is here a search of the pool.
    """
    gaps = _gaps(_accuracy(table.fn, table.fp))
    by_judge = table.effective_fake[:, table.decides]
    if min(table.effective_real[table.decides].min(initial=2), by_judge.min(initial=2)) < 2:
        return dict.fromkeys(table.names, Missing(TOO_FEW))
    corrected = _corrected(table, seed, splits)
    return {
        name: DualityGap(
            value=float(gaps[i]), bias=float(gaps[i] - corrected[i]), corrected=float(corrected[i])
        )
        if table.decides[i]
        else Missing(f"'{name}' {NO_DECISIONS}")
        for i, name in enumerate(table.names)
    }


def _accuracy(fn: Rates, fp: Rates) -> Rates:
    return np.asarray((1 - fn + 1 - fp) / 2)


def _gaps(accuracy: Rates) -> Rates:
    """(N,); NaN means no decisions and is neither best nor worst."""
    best = np.nan_to_num(accuracy, nan=-np.inf).max(axis=1)
    worst = np.nan_to_num(accuracy, nan=np.inf).min(axis=0)
    return np.asarray(best - worst)


def _corrected(table: CrossTable, seed: int, splits: int) -> Rates:
    """The mean gap (N,) over S splits: argmax and argmin of one half of the samples, values of the other.

    Judge by judge, the best one so far by split and generator: all splits of all cells at once would be
    2·S·N² numbers.
    """
    n = len(table.names)
    best, detected = np.full((splits, n), -np.inf), np.full((splits, n), np.nan)
    withstood = np.full((splits, n), np.nan)
    for j in np.flatnonzero(table.decides):
        choosing, measuring = _halves(table, int(j), seed, splits)
        hardest = choosing.argmin(axis=1)[:, None]
        withstood[:, j] = np.take_along_axis(measuring, hardest, axis=1)[:, 0]
        better = choosing > best
        best, detected = np.where(better, choosing, best), np.where(better, measuring, detected)
    return np.asarray((detected - withstood).mean(axis=0))


def _halves(table: CrossTable, j: int, seed: int, splits: int) -> tuple[Rates, Rates]:
    """A_ij of judge j for all i in every split, (S, N), of either half.

    Each cell has a stream of its own, so nobody's figures depend on the rest.
    """
    judge, fp_I, columns = table.names[j], table.fp[:, j], []

    def rates(rate: float, n: int, generator: str) -> Rates:
        random = Stream(seed, "duality-gap", judge, generator).numpy_generator()
        count, half = round(rate * n), n // 2
        counts = random.hypergeometric(count, n - count, half, splits)
        return np.stack([counts / half, (count - counts) / (n - half)])

    fn = rates(table.fn[j], int(table.effective_real[j]), "")
    for i, generator in enumerate(table.names):
        columns.append(_accuracy(fn, rates(fp_I[i], int(table.effective_fake[i, j]), generator)))
    choosing, measuring = np.stack(columns, axis=2)
    return choosing, measuring
