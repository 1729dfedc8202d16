"""Rates, tests and AUC where samples were scored in groups that make them alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from gancross.evaluator.estimates import Estimate
from gancross.evaluator.statistics.auc import auc_difference, auc_interval
from gancross.evaluator.statistics.groups import mean_difference, proportion
from gancross.evaluator.statistics.matched_fp import calibration, matched_fp
from gancross.evaluator.statistics.proportions import fisher_p
from gancross.evaluator.statistics.resampling import draw_halves
from simulated.findings import ALPHA, AT_LEAST, Finding, Scores, coverage, holds, random_of, size

SIZE = 64
GROUPS = (30, 40, 156)
RATES = (0.01, 0.1, 0.5)
CORRELATIONS = (0.0, 0.1, 0.5)


def grouped_rates(draws: int) -> Iterator[Finding]:
    """Coverage of a rate, size of Fisher's test of two rates and of the paired test of one, by groups.

    Decisions of a group are Bernoulli draws with a rate from a beta distribution, whose spread is the
    intra-group correlation.
    """
    for p, correlation, groups in product(RATES, CORRELATIONS, GROUPS):
        random = random_of("grouped-rates", p, correlation, groups)
        inside = fisher = paired = 0
        for _ in range(draws):
            first, second = (_decisions(random, p, correlation, groups) for _ in range(2))
            rates = [proportion(decisions, SIZE) for decisions in (first, second)]
            low, high = rates[0].ci95
            inside += low <= p <= high
            fisher += fisher_p(*rates) < ALPHA
            paired += mean_difference(first.astype(np.float64) - second, SIZE)[1] < ALPHA
        setting = f"rate {p}, correlation {correlation}, {groups} groups of {SIZE}"
        yield coverage("rate over groups", setting, inside, draws, AT_LEAST)
        yield size("Fisher's test on effective numbers: rejections", setting, fisher, draws)
        yield size("paired t test over groups: rejections", setting, paired, draws)


def grouped_scores(draws: int) -> Iterator[Finding]:
    """Coverage of AUC and of FP at matched FN: normal scores, a part of them shared by a group."""
    for groups, area, correlation in product((30, 156), (0.8, 0.95), CORRELATIONS):
        random, n = random_of("grouped-scores", groups, area, correlation), groups * SIZE
        halves = draw_halves(np.arange(n) // SIZE, seed=0, resamples=999)
        d = float(np.sqrt(2) * norm.ppf(area))
        truth = float(norm.sf(d + norm.ppf(0.05)))
        of_auc = matched = 0
        for draw in range(draws):
            real, fake = (mean + _scores(random, correlation, groups) for mean in (d, 0.0))
            of_auc += holds(auc_interval(real=real, fake=fake, group_size=SIZE), area)
            calibrated = calibration(real, halves, group_size=SIZE)
            cell: Estimate = matched_fp(fake=fake, calibrated=calibrated, seed=draw, judge="", generator="")
            matched += holds(cell, truth)
        setting = f"AUC={area}, correlation {correlation}, {groups} groups of {SIZE}"
        yield coverage("AUC over groups", setting, of_auc, draws, AT_LEAST)
        yield coverage("FP at matched FN over groups", setting, matched, draws, AT_LEAST)


def grouped_auc_difference(draws: int) -> Iterator[Finding]:
    """Coverage of the difference of two AUCs on the same reals, scored in groups of one size or of two."""
    d = [float(np.sqrt(2) * norm.ppf(area)) for area in (0.9, 0.8)]
    for groups, second_size, correlation in product((30, 156), (SIZE, SIZE // 2), CORRELATIONS):
        random, n = random_of("grouped-auc", groups, second_size, correlation), groups * SIZE
        sizes = (SIZE, second_size)
        hits = 0
        for _ in range(draws):
            image = random.normal(0, np.sqrt((1 - correlation) / 2), n)
            reals = [d[k] + image + _judged_alone(random, correlation, n, sizes[k]) for k in range(2)]
            fakes = [_scores(random, correlation, n // size, size) for size in sizes]
            gap = auc_difference(
                first_real=reals[0], first_fake=fakes[0], second_real=reals[1], second_fake=fakes[1],
                first_group_size=sizes[0], second_group_size=sizes[1],
            )  # fmt: skip
            hits += holds(gap, 0.1)
        setting = f"AUC .9 and .8, correlation {correlation}, {groups} groups of {SIZE} and of {second_size}"
        yield coverage("difference of AUCs over groups", setting, hits, draws, AT_LEAST)


def _judged_alone(random: np.random.Generator, correlation: float, n: int, size: int) -> Scores:
    """What one judge adds to an image: something of the group, and half of the rest of the variance."""
    group = np.repeat(random.normal(0, np.sqrt(correlation), n // size), size)
    return np.asarray(group + random.normal(0, np.sqrt((1 - correlation) / 2), n))


def _decisions(random: np.random.Generator, p: float, correlation: float, groups: int) -> NDArray[np.bool_]:
    if correlation == 0:
        return random.random(groups * SIZE) < p
    strength = (1 - correlation) / correlation
    rates = random.beta(p * strength, (1 - p) * strength, (groups, 1))
    return (random.random((groups, SIZE)) < rates).ravel()


def _scores(random: np.random.Generator, correlation: float, groups: int, group_size: int = SIZE) -> Scores:
    shared, own = random.normal(0, 1, (groups, 1)), random.normal(0, 1, (groups, group_size))
    return np.asarray((np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own).ravel())
