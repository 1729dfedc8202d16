"""How far a figure's mean over training runs moves between two results by chance alone.

The chance is that of training, told by the spread of the baseline's runs, and at least that of sampling, told
by each figure's own interval: five judges without an error in 10,000 samples show no spread, and yet the next
may err once.

Two things vary: the runs of the method itself, and those of its opponents. With x_ij the figure of run i
before opponent j, x_ij = μ + a_i + b_j + e_ij, the mean over m runs and q opponents varies by
σ_a²/m + σ_b²/q + σ_e²/(mq). A few unlucky opponents move the figures of all runs at once, which the spread
between runs does not show; so b has a term of its own.

Shape suffix: M runs of the method, Q runs of an opponent.
"""

from __future__ import annotations

import math

import numpy as np

from gancross.evaluator.distributions import normal_quantile, student_quantile
from gancross.evaluator.estimates import Interval, Z
from gancross.evaluator.gate.runs import Figures, RunFigures


def mean_figure(figures: Figures) -> float:
    """The mean over runs and opponents; every opponents' method counts alike, however many runs it has."""
    return float(np.mean([block.mean() for block in figures.values()]))


def noise_interval(old: RunFigures, new: RunFigures, *, level: float) -> Interval | None:
    """Limits of new − old for a method that has not changed, of training and at least of sampling.

    The farther of the limits of `spread_interval` and `sampling_interval` at either end. The first alone
    covers 0 as often as its level says where figures are normal, so both together do, too; where figures are
    a few counts, of which the spread of few runs tells nothing, the second does.

    Args:
        old, new: with the same keys.
        level: of confidence, two-sided.

    Returns:
        None where the old result tells nothing of the spread.
    """
    spread = spread_interval(old.values, new.values, level=level)
    sampling = sampling_interval(old, new, level=level)
    if spread is None or sampling is None:
        return spread
    return min(spread[0], sampling[0]), max(spread[1], sampling[1])


def sampling_interval(old: RunFigures, new: RunFigures, *, level: float) -> Interval | None:
    """Limits of new − old from the intervals of the runs' figures: d ∓ √(δ_old² + δ_new²), d the difference.

    δ is the distance of a mean from its limit, δ² = Σ_s δ_s²/S² over the S sets of samples behind it. A set's
    δ_s is the mean of the distances of all figures on it, which may move as one: those of a run's samples
    before all opponents, or those of an opponent's samples before all judges. Errors by the test data are
    counted as if every set had its own; the data are the same on both sides, so that they move d by less.

    Args:
        old, new: with the same keys.
        level: of confidence, two-sided; distances are stretched from 95 % to it as normal errors would be.

    Returns:
        None where a figure has no interval.

    Source: Newcombe 1998 for the combination of limits; Zou and Donner 2008 for sums of more than two.
    """
    stretch = normal_quantile((1 + level) / 2) / Z
    below = stretch * math.hypot(_distance(new, new.values, new.low), _distance(old, old.high, old.values))
    above = stretch * math.hypot(_distance(new, new.high, new.values), _distance(old, old.values, old.low))
    if math.isnan(below + above):
        return None
    difference = mean_figure(new.values) - mean_figure(old.values)
    return difference - below, difference + above


def _distance(figures: RunFigures, upper: Figures, lower: Figures) -> float:
    """δ of the mean over runs and opponents, from `lower` to `upper`."""
    distances = [upper[key] - lower[key] for key in upper]
    if figures.samples_of_opponents:
        sets = [block.mean(axis=0) for block in distances]
        return math.sqrt(sum(float(np.mean(np.square(set_Q))) / len(set_Q) for set_Q in sets)) / len(sets)
    runs_M = np.mean([block.mean(axis=1) for block in distances], axis=0)
    return math.sqrt(float(np.mean(np.square(runs_M))) / len(runs_M))


def spread_interval(old: Figures, new: Figures, *, level: float) -> Interval | None:
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
    reach = student_quantile((1 + level) / 2, freedom) * math.sqrt(variance)
    return difference - reach, difference + reach
