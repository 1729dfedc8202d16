"""Rates and differences of samples that were scored in groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from simulated.findings import Finding
from simulated.groups import grouped_auc_difference, grouped_rates

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.groups import (
    effective_number,
    mean_difference,
    number_of_groups,
    proportion,
    variance_of_mean,
)
from gancross.evaluator.statistics.proportions import fisher_p


def test_independent_samples_have_wilsons_interval() -> None:
    decisions = np.arange(50) < 7
    assert proportion(decisions, 1) == Proportion(count=7, n=50)


@given(st.integers(2, 9), st.integers(2, 40), st.integers(0, 999))
def test_a_group_that_decides_alike_counts_about_once(size: int, groups: int, seed: int) -> None:
    by_group = np.random.default_rng(seed).random(groups) < 0.4
    grouped = proportion(np.repeat(by_group, size), size)
    assert grouped.effective_n is not None
    assert grouped.effective_n <= groups * 1.01 if 0 < by_group.sum() < groups else groups
    low, high = grouped.ci95
    assert 0 <= low <= grouped.rate <= high <= 1
    apart = Proportion(count=grouped.count, n=grouped.n).ci95
    assert high - low > apart[1] - apart[0]


def test_groups_that_are_no_more_alike_than_chance_cost_little() -> None:
    decisions = np.random.default_rng(0).random(6_400) < 0.3
    assert effective_number(decisions, 64) > 0.5 * 6_400


@given(st.lists(st.integers(-3, 3), min_size=4, max_size=40))
def test_with_groups_of_one_size_the_difference_is_a_t_test_of_group_means(values: list[int]) -> None:
    by_group = np.array(values) / 3
    estimate, p = mean_difference(np.repeat(by_group, 5), 5)
    assert estimate.value == pytest.approx(by_group.mean())
    if np.ptp(by_group) > 0:
        reference = ttest_1samp(by_group, 0.0)
        limits = reference.confidence_interval()
        assert p == pytest.approx(reference.pvalue)
        assert estimate.low == pytest.approx(max(-1, limits.low))
        assert estimate.high == pytest.approx(min(1, limits.high))
    else:
        assert estimate.high - estimate.low > 0 and (p == 1) == (estimate.low <= 0 <= estimate.high)


@pytest.mark.parametrize(("p", "correlation"), [(0.01, 0.0), (0.01, 0.5), (0.1, 0.1)])
def test_limits_of_a_rate_hold_where_few_groups_hold_the_rare_decision(p: float, correlation: float) -> None:
    strength = (1 - correlation) / correlation if correlation else 1e9
    random, draws, inside = np.random.default_rng(7), 200, 0
    for _ in range(draws):
        rates = random.beta(p * strength, (1 - p) * strength, (156, 1))
        low, high = proportion((random.random((156, 64)) < rates).ravel(), 64).ci95
        inside += low <= p <= high
    assert inside / draws > 0.935 - 3 * math.sqrt(0.935 * 0.065 / draws)


def test_a_lone_decision_in_groups_counts_groups_and_not_samples() -> None:
    """One of 2,560 tells nothing about how alike a group is: 40 groups may be 40 decisions."""
    lone = np.arange(2_560) == 7
    assert effective_number(lone, 64) == effective_number(~lone, 64) == 40
    assert effective_number(np.zeros(2_560, dtype=bool), 64) == 40


def test_the_last_group_may_be_smaller() -> None:
    assert number_of_groups(10, 4) == 3
    values = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 1, 1])
    residuals = np.array([1.6, -2.4, 0.8])  # of the groups' sums from 0.6 a sample
    assert variance_of_mean(values, 4) == pytest.approx(3 / 2 * (residuals**2).sum() / 100)


def test_auc_of_groups_is_wider_by_what_a_group_shares() -> None:
    random = np.random.default_rng(0)
    real, fake = (np.repeat(random.normal(mean, 1, 50), 20) for mean in (1.0, 0.0))
    apart, grouped = auc_interval(real=real, fake=fake), auc_interval(real=real, fake=fake, group_size=20)
    assert grouped.value == apart.value
    assert grouped.high - grouped.low > 3 * (apart.high - apart.low)


def test_fishers_test_counts_effective_samples() -> None:
    a, b = (Proportion(count=count, n=10_000, effective_n=100) for count in (1_000, 1_500))
    assert fisher_p(a, b) == fisher_p(Proportion(count=10, n=100), Proportion(count=15, n=100)) > 0.05


@pytest.mark.parametrize(("claim", "draws"), [(grouped_rates, 25), (grouped_auc_difference, 12)])
def test_simulated_intervals_and_tests_over_groups_keep_their_promise(
    claim: Callable[[int], Iterable[Finding]], draws: int
) -> None:
    for finding in claim(draws):
        assert finding.within_target(errors=3) is not False, finding
