"""How far a figure's mean over training runs moves between two results by the chance of training alone.

Two things vary: the runs of the method itself, and those of its opponents. With x_ij the figure of run i
before opponent j, x_ij = μ + a_i + b_j + e_ij, the mean over m runs and q opponents varies by
σ_a²/m + σ_b²/q + σ_e²/(mq). A few unlucky opponents move the figures of all runs at once, which the spread
between runs does not show; so b has a term of its own.

Shape suffix: M runs of the method, Q runs of an opponent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from gancross.evaluator.gate.figures import GateMetric
from gancross.evaluator.result.types import Result

# A figure of every run (M, Q) by the opponents' method; under None (M, 1), a figure without opponents.
Figures = Mapping[str | None, NDArray[np.float64]]


def run_figures(
    metric: GateMetric, result: Result, groups: Mapping[str, Sequence[str]], method: str
) -> Figures:
    """A metric's figures of a method's runs, before the runs of each other method where it has opponents.

    Runs without figure, a critic's for example, are left out, on either side; so are methods without any.
    """

    def value(run: str, opponents: Sequence[str]) -> float:
        entry = metric.read(result, run, opponents)
        return math.nan if entry is None else entry.value

    columns: dict[str | None, list[list[str]]] = {None: [[]]}
    if metric.before_opponents:
        columns = {key: [[run] for run in runs] for key, runs in groups.items() if key != method}
    blocks = {
        key: np.array([[value(run, opponents) for opponents in columns[key]] for run in groups[method]])
        for key in columns
    }
    blocks = {key: block[:, ~np.isnan(block).all(axis=0)] for key, block in blocks.items()}
    blocks = {key: block for key, block in blocks.items() if block.size}
    if not blocks:
        return {}
    whole_M = np.all([~np.isnan(block).any(axis=1) for block in blocks.values()], axis=0)
    return {key: block[whole_M] for key, block in blocks.items()} if whole_M.any() else {}


def mean_figure(figures: Figures) -> float:
    """The mean over runs and opponents; every opponents' method counts alike, however many runs it has."""
    return float(np.mean([block.mean() for block in figures.values()]))


def spread_interval(old: Figures, new: Figures, *, level: float) -> tuple[float, float] | None:
    """Limits of new − old for a method that has not changed: d ± t·√V, centred on the difference d.

    V adds the variances of both means, with σ_a², σ_b² and σ_e² estimated from the old result alone (its
    mean squares between runs, between opponents and of the rest), so that one new run is enough; t has the
    degrees of freedom of that sum.

    Args:
        old, new: with the same keys.
        level: of confidence, two-sided.

    Returns:
        None where the old result has fewer than 2 runs, of the method or of an opponent.

    Source: Satterthwaite 1946 for the degrees of freedom.
    """
    m, k = (len(next(iter(figures.values()))) for figures in (old, new))
    if m < 2 or any(block.shape[1] < 2 for key, block in old.items() if key is not None):
        return None
    runs_M = np.mean([block.mean(axis=1) for block in old.values()], axis=0)
    # (variance, degrees of freedom) of each part of V.
    parts = [(float(np.var(runs_M, ddof=1)) * (1 / m + 1 / k), m - 1)]
    for key, block in old.items():
        if key is None:
            continue
        q, r, share = block.shape[1], new[key].shape[1], 1 / len(old) ** 2
        opponents_Q = block.mean(axis=0)
        parts.append((float(np.var(opponents_Q, ddof=1)) * (1 / q + 1 / r) * share, q - 1))
        # The mean squares above hold some of e already; what is missing of it, if anything, is added.
        rest = 1 / (k * r) - 1 / (m * q) - 1 / (k * q) - 1 / (r * m)
        deviations = block - opponents_Q - block.mean(axis=1, keepdims=True) + block.mean()
        squares = float(np.square(deviations).sum()) / ((m - 1) * (q - 1))
        parts.append((squares * max(0.0, rest) * share, (m - 1) * (q - 1)))
    variance = sum(part for part, _ in parts)
    difference = mean_figure(new) - mean_figure(old)
    if variance == 0:
        return difference, difference
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    reach = float(t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    return difference - reach, difference + reach
