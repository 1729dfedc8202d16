"""Intervals and tests of proportions and of AUC."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain
from statistics import variance as variance_of

import numpy as np
import pytest
import simulations
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference import statistics as reference
from scipy.stats import fisher_exact
from simulated import proportions as simulated
from simulated.auc import auc_difference_near_one, auc_near_one
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from gancross.evaluator.estimates import Proportion, Z, rule_of_three
from gancross.evaluator.statistics.auc import auc_difference, auc_interval, newcombe_limits
from gancross.evaluator.statistics.confusion import PairedDecisions, paired_decisions
from gancross.evaluator.statistics.proportions import difference, fisher_p, holm, mcnemar_p, paired_difference

Scores = NDArray[np.float64]

few_scores = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=12).map(np.array)


@st.composite
def proportions(draw: st.DrawFn, largest: int = 60) -> Proportion:
    n = draw(st.integers(1, largest))
    return Proportion(count=draw(st.integers(0, n)), n=n)


@st.composite
def paired(draw: st.DrawFn) -> PairedDecisions:
    cells = draw(st.tuples(*[st.integers(0, 30)] * 4).filter(any))
    return PairedDecisions(both=cells[0], only_first=cells[1], only_second=cells[2], neither=cells[3])


@given(proportions())
def test_wilson_is_that_of_statsmodels(proportion: Proportion) -> None:
    assert proportion.ci95 == pytest.approx(
        proportion_confint(proportion.count, proportion.n, method="wilson"), abs=1e-12
    )


def test_newcombe_gives_his_published_intervals() -> None:
    # Newcombe 1998, Statistics in Medicine 17:873–890, Table II, method 10, rows (a) and (d).
    first = difference(Proportion(count=56, n=70), Proportion(count=48, n=80))
    assert (first.low, first.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    # Newcombe 1998, Statistics in Medicine 17:2635–2650, Table III, method 10.
    second = paired_difference(PairedDecisions(both=36, only_first=12, only_second=2, neither=0))
    assert (second.low, second.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(proportions(), proportions())
def test_unpaired_difference_is_antisymmetric_and_holds_its_value(a: Proportion, b: Proportion) -> None:
    forth, back = difference(a, b), difference(b, a)
    assert (forth.value, forth.low, forth.high) == pytest.approx(
        (-back.value, -back.high, -back.low), abs=1e-12
    )
    assert -1 <= forth.low <= forth.value <= forth.high <= 1


@given(paired())
def test_paired_difference_is_antisymmetric_and_holds_its_value(decisions: PairedDecisions) -> None:
    swapped = replace(decisions, only_first=decisions.only_second, only_second=decisions.only_first)
    forth, back = paired_difference(decisions), -paired_difference(swapped)
    assert (forth.value, forth.low, forth.high) == (back.value, back.low, back.high)
    assert -1 <= forth.low <= forth.value <= forth.high <= 1
    assert forth.value == pytest.approx(decisions.first.rate - decisions.second.rate)


def test_pairing_narrows_the_interval_where_judges_agree() -> None:
    decisions = PairedDecisions(both=400, only_first=60, only_second=40, neither=9500)
    alone = difference(decisions.first, decisions.second)
    assert paired_difference(decisions).high - paired_difference(decisions).low < 0.5 * (
        alone.high - alone.low
    )


@given(proportions(), proportions())
def test_fisher_is_the_sum_over_tables(a: Proportion, b: Proportion) -> None:
    assert fisher_p(a, b) == pytest.approx(reference.fisher(a.count, a.n, b.count, b.n), rel=1e-9)


@pytest.mark.parametrize("counts", [(100, 143), (0, 10_000), (2, 13), (9_990, 9_960), (5_000, 5_100)])
def test_fisher_is_that_of_scipy_at_the_size_of_a_cross_test(counts: tuple[int, int]) -> None:
    table = np.array([[count, 10_000 - count] for count in counts])
    first, second = (Proportion(count=count, n=10_000) for count in counts)
    assert fisher_p(first, second) == pytest.approx(fisher_exact(table).pvalue, rel=1e-7, abs=1e-300)


@given(paired())
def test_mcnemar_is_that_of_statsmodels(decisions: PairedDecisions) -> None:
    table = [[decisions.both, decisions.only_first], [decisions.only_second, decisions.neither]]
    assert mcnemar_p(decisions) == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_keeps_the_order() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_decisions_on_the_same_images_are_counted_together_and_ties_are_fake() -> None:
    first, second = np.array([0.0, 1.0, 2.0, -1.0]), np.array([5.0, 1.0, 0.5, 0.0])
    decisions = paired_decisions(first <= 0.0, second <= 1.0)
    assert decisions == PairedDecisions(both=1, only_first=1, only_second=2, neither=0)


@given(few_scores, few_scores)
def test_auc_interval_is_the_union_of_delongs_and_newcombes_where_samples_are_few(
    real: Scores, fake: Scores
) -> None:
    area, variance, _, _ = reference.delong(real, fake)
    interval = auc_interval(real=real, fake=fake)
    assert interval.value == pytest.approx(area)
    if variance > 1e-12:
        limits = [delong_limits(area, variance), newcombe_limits(area, len(real), len(fake))]
        assert interval.low == pytest.approx(min(low for low, _ in limits))
        assert interval.high == pytest.approx(max(high for _, high in limits))


def delong_limits(area: float, variance: float) -> tuple[float, float]:
    reach = Z * math.sqrt(variance) / (area * (1 - area))
    low, high = (area / (1 - area) * math.exp(side * reach) for side in (-1, 1))
    return low / (1 + low), high / (1 + high)


def test_auc_interval_is_delongs_alone_where_many_samples_are_out_of_order() -> None:
    random = np.random.default_rng(0)
    real, fake = random.normal(0.5, 1, 200), random.normal(0, 1, 150)
    interval = auc_interval(real=real, fake=fake)
    area, variance, _, _ = reference.delong(real, fake)
    assert interval.ci95 == pytest.approx(delong_limits(area, variance))


def test_newcombes_limits_solve_his_equation() -> None:
    for value, n, m in ((0.8, 30, 50), (0.999, 400, 300), (0.02, 20, 20)):
        for limit in newcombe_limits(value, n, m):
            k = (n + m) / 2 - 1
            shape = 1 + k * (1 - limit) / (2 - limit) + k * limit / (1 + limit)
            assert abs(value - limit) == pytest.approx(Z * math.sqrt(limit * (1 - limit) * shape / (n * m)))


def test_simulated_coverage_near_1() -> None:
    for finding in chain(auc_near_one(20), auc_difference_near_one(20)):
        assert finding.within_target(errors=3) is not False, finding


def test_auc_of_a_perfect_judge_has_a_one_sided_limit() -> None:
    ordered = np.arange(500.0)
    perfect = auc_interval(real=ordered + 500, fake=ordered)
    assert (perfect.value, perfect.low, perfect.high) == (1.0, 1 - 3 / 500, 1.0)
    worst = auc_interval(real=ordered, fake=ordered + 500)
    assert (worst.value, worst.low, worst.high) == (0.0, 0.0, 3 / 500)
    assert (1 - rule_of_three(500)) ** 500 == pytest.approx(0.05, abs=0.001)


def test_auc_where_all_scores_are_equal_is_chance_and_not_certain() -> None:
    blank = auc_interval(real=np.zeros(300), fake=np.zeros(200))
    assert blank.value == 0.5
    assert blank.low < 0.5 < blank.high
    single = auc_interval(real=np.zeros(1), fake=np.ones(1))
    assert (single.low, single.high) == (0.0, 1.0)


@given(few_scores, few_scores, st.data())
def test_auc_difference_pairs_the_reals_and_not_the_fakes(
    real: Scores, fake: Scores, data: st.DataObject
) -> None:
    second_real = data.draw(st.lists(st.integers(-3, 3).map(float), min_size=len(real), max_size=len(real)))
    second_fake = data.draw(few_scores)
    area_1, _, reals_1, fakes_1 = reference.delong(real, fake)
    area_2, _, reals_2, fakes_2 = reference.delong(second_real, second_fake)
    variance = (
        variance_of([a - b for a, b in zip(reals_1, reals_2, strict=True)]) / len(real)
        + variance_of(fakes_1) / len(fake)
        + variance_of(fakes_2) / len(second_fake)
    )
    gap = auc_difference(
        first_real=real, first_fake=fake, second_real=np.array(second_real), second_fake=second_fake
    )
    assert gap.value == pytest.approx(area_1 - area_2)
    if variance > 1e-12:
        reach = Z * math.sqrt(variance)
        a = auc_interval(real=real, fake=fake)
        b = auc_interval(real=np.array(second_real), fake=second_fake)
        below = max(reach, math.hypot(area_1 - a.low, b.high - area_2))
        above = max(reach, math.hypot(a.high - area_1, area_2 - b.low))
        assert gap.high == pytest.approx(min(1, gap.value + above))
        assert gap.low == pytest.approx(max(-1, gap.value - below))


def test_auc_difference_is_delongs_where_many_samples_are_out_of_order() -> None:
    random = np.random.default_rng(0)
    real, second_real = random.normal(0.5, 1, (2, 120))
    fake, second_fake = random.normal(0, 1, (2, 100))
    gap = auc_difference(first_real=real, first_fake=fake, second_real=second_real, second_fake=second_fake)
    _, _, reals_1, fakes_1 = reference.delong(real, fake)
    _, _, reals_2, fakes_2 = reference.delong(second_real, second_fake)
    paired = variance_of([a - b for a, b in zip(reals_1, reals_2, strict=True)])
    reach = Z * math.sqrt(paired / 120 + variance_of(fakes_1) / 100 + variance_of(fakes_2) / 100)
    assert gap.ci95 == pytest.approx((gap.value - reach, gap.value + reach))


def test_judges_of_different_reals_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2 reals"):
        auc_difference(
            first_real=np.zeros(3), first_fake=np.zeros(2), second_real=np.zeros(2), second_fake=np.zeros(2)
        )


@settings(max_examples=30)
@given(few_scores, few_scores)
def test_auc_does_not_see_a_rising_change_of_scale(real: Scores, fake: Scores) -> None:
    plain = auc_interval(real=real, fake=fake)
    assert plain == auc_interval(real=np.exp(real), fake=np.exp(fake))


@pytest.mark.parametrize(
    "claim", ["delong", "delong-paired", "newcombe-paired", "newcombe", "j-difference", "test-sizes"]
)
def test_simulated_coverage_is_what_is_promised(claim: str) -> None:
    function, draws = simulations.CLAIMS[claim]
    for finding in function(max(40, draws // 50)):
        assert finding.within_target(errors=3) is not False, finding


def test_exact_coverage_of_wilson_where_counts_are_not_small() -> None:
    findings = simulated.wilson(1, largest=1_500, grid=101)
    assert all(finding.within_target() is not False for finding in findings)


@pytest.mark.slow
def test_power_of_the_fisher_step() -> None:
    assert all(finding.within_target() for finding in simulated.power(1))
