"""What referees make of one contestant: figures at every rung, detectability, half-detection noise.

Shape suffixes: K rungs, N reals, M samples, R referees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import LEVEL, Estimate, Missing
from gancross.evaluator.referees.contestant_records import HalfDetectionNoise, RefereedContestant, Rung
from gancross.evaluator.referees.intervals import Items, MeanFigure, mean_figure
from gancross.evaluator.referees.placements import ItemMeans, decisions, placements
from gancross.evaluator.referees.scores import ContestantScores, RefereeScores
from gancross.evaluator.statistics.bounds import bernstein_reach

Values = NDArray[np.float64]
UNIT = (0.0, 1.0)
SIGNED = (-1.0, 1.0)


def contestant_figures(
    scores: ContestantScores, sigmas: Sequence[float], *, placed: ItemMeans | None = None
) -> RefereedContestant:
    """Every figure of one contestant with its interval.

    Args:
        sigmas: σ of the rungs, rising, in units of the networks' input.
        placed: its `placements` where they are known already; the same figures.
    """
    placed, decided = placements(scores) if placed is None else placed, decisions(scores)
    bounds = jensen_shannon_bounds(scores.referees)
    rungs = tuple(_rung(sigma, placed, decided, k, bounds[k]) for k, sigma in enumerate(sigmas))
    return RefereedContestant(
        num_samples=scores.num_samples, detectability=separation(placed.over_rungs(), 0).estimate,
        half_detection_noise=half_detection_noise(sigmas, [rung.g for rung in rungs]), rungs=rungs,
    )  # fmt: skip


def separation(placed: ItemMeans, rung: int) -> MeanFigure:
    """G = 2·AUC − 1 at a rung, mean over the referees; of `ItemMeans.over_rungs`, detectability D."""
    return mean_figure(
        referees_R=2 * placed.real_RK[:, rung] - 1, items=_both(placed, rung), span=SIGNED, scale=2
    )


def jensen_shannon_bounds(referees: Sequence[RefereeScores]) -> list[Estimate]:
    """By rung, the mean over R referees of ln 2 + ½ E_P[ln σ(r)] + ½ E_Q[ln(1−σ(r))] ≤ JSD(P, Q).

    r is a referee's score clipped to ±ln n, n the smaller number of reals or samples that it tested. Given a
    referee, what it tested is independent of it and of each other; what two referees tested is not. So each
    limit is the mean of the referees' empirical Bernstein limits, each at δ = 1.25 %/R: all of them hold
    together at 97.5 %, whatever referees share.

    Returns:
        In nats, at most ln 2; a lower limit at or below 0 is uninformative.

    Source: Maurer and Pontil 2009, Theorem 4; Bonferroni. See `statistics.bounds.jensen_shannon_bound`.
    """
    delta = (1 - LEVEL) / 4 / len(referees)
    parts_RK = [_bound_parts(referee, delta) for referee in referees]
    values_K, reaches_K = np.mean(np.array(parts_RK), axis=0).T
    return [
        Estimate(value=float(value), low=float(value - reach), high=min(math.log(2), float(value + reach)))
        for value, reach in zip(values_K, reaches_K, strict=True)
    ]


def half_detection_noise(sigmas: Sequence[float], g: Sequence[Estimate]) -> HalfDetectionNoise:
    """Where the antitonic regression of G on log σ falls through one half, linear between rungs.

    The band of G is the antitonic regression of the lower limits and that of the upper ones: the regression
    keeps order, so the band holds the fitted G at every rung. The interval is all σ of the ladder where one
    half lies within the band.

    Source: Ayer et al. 1955 for the regression.
    """
    log_sigma = np.log(np.asarray(sigmas, dtype=np.float64))
    fitted, lows, highs = (
        antitonic(np.array([getattr(estimate, part) for estimate in g])) for part in ("value", "low", "high")
    )
    # The lower limit falls through one half before the fit does, and the upper one after it.
    low, high = _crossings(log_sigma, lows)[0], _crossings(log_sigma, highs)[1]
    interval = tuple(float(np.clip(math.exp(end), sigmas[0], sigmas[-1])) for end in (low, high))
    first, last = _crossings(log_sigma, fitted)
    if math.isinf(first) or math.isinf(last):
        side = "below" if fitted[0] < 0.5 else "above"
        return HalfDetectionNoise(
            value=Missing(f"G is {side} one half on the whole ladder"), ci95=(interval[0], interval[1]),
            censored="below" if side == "below" else "beyond",
        )  # fmt: skip
    return HalfDetectionNoise(
        value=math.exp((first + last) / 2), ci95=(interval[0], interval[1]), censored=None
    )


def antitonic(values_K: Values) -> Values:
    """The non-rising sequence nearest to the values in squares: min_{i ≤ k} max_{j ≥ k} mean(i … j).

    Source: Robertson, Wright and Dykstra 1988, Theorem 1.4.4.
    """
    sums, size = np.concatenate([[0.0], np.cumsum(values_K)]), len(values_K)
    fitted = [
        min(max((sums[j + 1] - sums[i]) / (j + 1 - i) for j in range(k, size)) for i in range(k + 1))
        for k in range(size)
    ]
    return np.array(fitted)


def _rung(sigma: float, placed: ItemMeans, decided: ItemMeans, rung: int, bound: Estimate) -> Rung:
    real_R, fake_R = decided.real_RK[:, rung], decided.fake_RK[:, rung]
    reals, fakes = _both(decided, rung)
    return Rung(
        sigma=sigma,
        fn=mean_figure(referees_R=1 - real_R, items=[reals], span=UNIT).estimate,
        fp=mean_figure(referees_R=fake_R, items=[fakes], span=UNIT).estimate,
        j=mean_figure(referees_R=real_R - fake_R, items=[reals, fakes], span=SIGNED).estimate,
        auc=mean_figure(
            referees_R=placed.real_RK[:, rung], items=_both(placed, rung), span=UNIT
        ).estimate,
        g=separation(placed, rung).estimate,
        jsd_bound_nats=bound,
    )  # fmt: skip


def _both(means: ItemMeans, rung: int) -> list[Items]:
    return [Items(values_N=values[rung], span=UNIT) for values in (means.real_KN, means.fake_KM)]


def _bound_parts(referee: RefereeScores, delta: float) -> list[tuple[float, float]]:
    """By rung, one referee's bound and how far its limits reach."""
    n = min(len(referee.reals), len(referee.samples))
    if n < 2:
        raise ValueError(f"a referee needs two reals and two samples to be tested on, got {n}")
    largest, parts = math.log(n), []
    for real_N, fake_M in zip(referee.real_KN, referee.fake_KM, strict=True):
        ratios = (np.clip(scores.astype(np.float64), -largest, largest) for scores in (-real_N, fake_M))
        terms = [-0.5 * np.logaddexp(0.0, ratio) for ratio in ratios]
        value = math.log(2) + math.fsum(float(term.mean()) for term in terms)
        parts.append(
            (value, math.fsum(bernstein_reach(term, span=largest / 2, delta=delta) for term in terms))
        )
    return parts


def _crossings(log_sigma: Values, curve: Values) -> tuple[float, float]:
    """The first and the last log σ where a non-rising curve is one half; apart where it stays there.

    (−∞, −∞) for a curve below one half everywhere, (∞, ∞) for one above it.
    """
    at_least, at_most = np.flatnonzero(curve >= 0.5), np.flatnonzero(curve <= 0.5)
    if len(at_least) == 0:
        return -math.inf, -math.inf
    if len(at_most) == 0:
        return math.inf, math.inf
    above, below = int(at_least[-1]), int(at_most[0])
    if below <= above:
        return float(log_sigma[below]), float(log_sigma[above])
    share = (curve[above] - 0.5) / (curve[above] - curve[below])
    crossing = float(log_sigma[above] + share * (log_sigma[below] - log_sigma[above]))
    return crossing, crossing
