"""FP at matched FN: calibration, halves, bootstrap."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference import statistics as reference
from simulated.matched import matched, matched_few

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.matched_fp import (
    FEW_REALS,
    MatchedFp,
    _resampled_thresholds,
    calibration,
    has_few_reals,
    matched_difference,
    matched_fp,
    matched_threshold,
)
from gancross.evaluator.statistics.quantiles import percentile_interval, quantile_limits
from gancross.evaluator.statistics.resampling import Halves, draw_halves, times_drawn
from gancross.random_streams import Stream

Scores = NDArray[np.float64]


def figure_of(
    real: Scores, fake: Scores, *, halves: Halves | None = None, seed: int = 0, judge: str = "a",
    generator: str = "b",
) -> MatchedFp:  # fmt: skip
    halves = halves or draw_halves(np.arange(len(real)), seed=0, resamples=199)
    calibrated = calibration(real, halves)
    return matched_fp(fake=fake, calibrated=calibrated, seed=seed, judge=judge, generator=generator)


@pytest.fixture
def scores() -> tuple[Scores, Scores]:
    random = np.random.default_rng(5)
    return random.normal(2.5, 1, 1_001), random.normal(0, 1, 700)


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=80))
def test_threshold_is_the_largest_score_within_5_percent(scores: list[float]) -> None:
    assert matched_threshold(np.array(scores)) == reference.matched_threshold(scores, 0.05)


def test_value_is_measured_with_the_other_half_and_averaged(scores: tuple[Scores, Scores]) -> None:
    real, fake = scores
    halves = draw_halves(np.arange(len(real)), seed=0, resamples=9)
    first, second = (real[half.index].tolist() for half in halves)
    assert sorted(first + second) == sorted(real.tolist())
    taus = [reference.matched_threshold(half, 0.05) for half in (first, second)]
    figure = figure_of(real, fake, halves=halves)
    assert figure.thresholds == tuple(taus)
    assert figure.fn == pytest.approx(
        (np.mean([score <= taus[0] for score in second]) + np.mean([score <= taus[1] for score in first])) / 2
    )
    assert figure.value == pytest.approx(np.mean([(score > tau) for tau in taus for score in fake.tolist()]))


@pytest.mark.parametrize(("n", "few"), [(2 * FEW_REALS - 1, True), (2 * FEW_REALS, False)])
def test_fewer_than_1000_reals_a_half_are_few(n: int, few: bool) -> None:
    assert has_few_reals(n) is few


@pytest.mark.parametrize("sizes", [[300, *[1] * 12], [321, 2, 2, 2, 2, 2], [1, 2, 3, 40, 5], [7, 1]], ids=str)
def test_resamples_of_unequal_units_have_their_own_five_percent(sizes: list[int]) -> None:
    """One that misses a large unit holds few reals, even fewer than 5 % of the half."""
    units = np.repeat(np.arange(len(sizes)), sizes)
    real = np.random.default_rng(0).normal(size=len(units)).round(1)
    for seed in range(5):
        for half in draw_halves(units, seed=seed, resamples=30):
            own = real[half.index]
            resamples = [np.repeat(own, times) for times in half.times_of(np.arange(len(own))).T]
            assert half.lengths.tolist() == [len(resample) for resample in resamples]
            expected = [reference.matched_threshold(resample.tolist(), 0.05) for resample in resamples]
            assert _resampled_thresholds(own, half).tolist() == expected


@pytest.mark.parametrize("rounding", [8, 1, 0])
def test_every_resample_repeats_the_calibration(scores: tuple[Scores, Scores], rounding: int) -> None:
    # So many fakes at every score of a real that their own resampling hardly moves a share.
    real = np.round(scores[0], rounding)
    halves = draw_halves(np.arange(len(real)), seed=3, resamples=20)
    taus = [
        [
            reference.matched_threshold(np.repeat(real[half.index], times_N).tolist(), 0.05)
            for times_N in half.times_of(np.arange(len(half.index))).T
        ]
        for half in halves
    ]
    values = np.unique(real)
    fake = np.repeat(values, 1_000_000 // len(values))
    expected = [np.mean([(values > tau).mean() for tau in pair]) for pair in zip(*taus, strict=True)]
    figure = figure_of(real, fake, halves=halves)
    noise = 0.5 / np.sqrt(len(fake))
    assert figure.replicates is not None
    assert np.abs(figure.replicates - expected).max() < 5 * noise


def test_where_no_score_qualifies_everything_is_real_and_flagged() -> None:
    tied = figure_of(np.zeros(400), np.linspace(-1, 1, 300))
    assert tied.thresholds == (None, None)
    assert (tied.is_unmatched, tied.fn, tied.value, tied.high) == (True, 0.0, 1.0, 1.0)
    assert tied.low == 1 - 3 / 300
    few = figure_of(np.arange(30.0), np.arange(30.0))
    assert few.is_unmatched  # 5 % of 15 reals is less than one


def test_a_perfect_judge_still_has_an_upper_limit() -> None:
    many = figure_of(np.linspace(5, 6, 2_000), np.linspace(0, 1, 300))
    assert (many.value, many.low, many.high) == (0.0, 0.0, 3 / 300)
    few = figure_of(np.linspace(5, 6, 400), np.linspace(0, 1, 300))
    assert (few.value, few.low) == (0.0, 0.0) and 3 / 300 < few.high < 4 / 300  # Wilson's, two-sided


def test_limits_with_few_reals_are_those_of_the_quantile_and_of_wilson_combined() -> None:
    """Evenly spaced scores, so that every share is known: FP(τ) = 1 − τ."""
    real, fake = np.linspace(0, 1, 401), np.linspace(0, 1, 100_000)
    figure = figure_of(real, fake)
    least, most = (1 - tau for tau in quantile_limits(real, 0.05)[::-1])
    low, high = Proportion(count=round(figure.value * 100_000), n=100_000).ci95
    assert figure.low == pytest.approx(
        figure.value - np.hypot(figure.value - least, figure.value - low), abs=1e-4
    )
    assert figure.high == pytest.approx(
        figure.value + np.hypot(most - figure.value, high - figure.value), abs=1e-4
    )


def test_limits_of_a_quantile_hold_it_whatever_the_distribution() -> None:
    """Whole ranks are those of the binomial distribution; few scores have no lower limit."""
    random, draws = np.random.default_rng(0), 4_000
    scores = np.sort(random.random((draws, 200)), axis=1)
    limits = np.array([quantile_limits(row, 0.05) for row in scores])
    for missed in (limits[:, 0] > 0.05, limits[:, 1] < 0.05):
        assert missed.mean() == pytest.approx(0.025, abs=3 * (0.025 * 0.975 / draws) ** 0.5 + 0.003)
    assert quantile_limits(np.arange(30.0), 0.05)[0] == -np.inf
    assert quantile_limits(np.arange(30.0), 0.99)[1] == np.inf


def test_figures_depend_on_names_and_seed_alone() -> None:
    random = np.random.default_rng(5)
    real, fake = random.normal(2.5, 1, 2_001), random.normal(0, 1, 700)
    assert figure_of(real, fake) == figure_of(real, fake)
    assert figure_of(real, fake).value == figure_of(real, fake, judge="c").value
    assert figure_of(real, fake).ci95 != figure_of(real, fake, judge="c").ci95
    assert figure_of(real, fake).ci95 != figure_of(real, fake, seed=1).ci95


def test_scale_of_the_scores_does_not_matter(scores: tuple[Scores, Scores]) -> None:
    real, fake = scores
    plain, stretched = figure_of(real, fake), figure_of(np.exp(real), np.exp(fake))
    assert (plain.value, plain.ci95, plain.fn) == (stretched.value, stretched.ci95, stretched.fn)


def test_difference_is_antisymmetric_and_narrower_than_unpaired(scores: tuple[Scores, Scores]) -> None:
    real, fake = scores
    first, second = figure_of(real, fake), figure_of(real + 0.01 * np.sin(real), fake, judge="c")
    gap = matched_difference(first, second)
    assert matched_difference(second, first) == -gap
    assert first.replicates is not None and second.replicates is not None
    apart = np.random.default_rng(0).permutation(second.replicates)
    low, high = percentile_interval(first.replicates - apart)
    assert gap.high - gap.low < 0.8 * (high - low)


def test_percentiles_are_order_statistics() -> None:
    assert percentile_interval(np.arange(1999.0)[::-1]) == (49.0, 1949.0)


def test_what_belongs_together_stays_on_one_side_and_is_drawn_together() -> None:
    units = np.repeat(np.arange(40), np.random.default_rng(0).integers(1, 9, 40))
    halves = draw_halves(units, seed=0, resamples=50)
    sides = [set(units[half.index].tolist()) for half in halves]
    assert sides[0].isdisjoint(sides[1]) and sides[0] | sides[1] == set(range(40))
    assert abs(len(halves[0].index) - len(units) / 2) < 9
    for half in halves:
        for unit in set(units[half.index].tolist()):
            members = half.times_of(np.flatnonzero(units[half.index] == unit))
            assert (members == members[0]).all()


def test_groups_are_drawn_whole_and_widen_the_interval(scores: tuple[Scores, Scores]) -> None:
    size, random = 20, np.random.default_rng(1)
    real, fake = (np.repeat(random.normal(mean, 1, 60), size) for mean in (2.5, 0))  # a group scores alike
    grouped = draw_halves(np.arange(len(real)) // size, seed=0, resamples=199)
    together = matched_fp(
        fake=fake, calibrated=calibration(real, grouped, group_size=size), seed=0, judge="a", generator="b"
    )
    apart = figure_of(real, fake)
    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert together.replicates is not None
    # Student's quantile of 30 groups a half, and a resample's deviation against that of new groups.
    factor = 2.0452 / 1.9600 * (30 / 29) ** 0.5
    low, high = percentile_interval(together.replicates)
    assert together.ci95 == pytest.approx(
        [np.clip(together.value + factor * (limit - together.value), 0, 1) for limit in (low, high)], abs=1e-4
    )
    low, high = percentile_interval(together.replicates - together.replicates[::-1])
    turned = replace(together, counts=together.replicates[::-1])
    assert matched_difference(together, turned).ci95 == pytest.approx((factor * low, factor * high), abs=1e-4)
    shares = together.replicates * 2 * len(fake)  # whole groups above each of two thresholds
    assert np.abs(shares / size - np.round(shares / size)).max() < 1e-9


@pytest.mark.parametrize("ties", [False, True], ids=["all different", "many alike"])
def test_resamples_of_groups_are_those_counted_one_by_one(ties: bool) -> None:
    """300 groups of 3 fakes, the last one cut short."""
    random = np.random.default_rng(2)
    real, fake = random.normal(1, 1, 90), random.normal(0, 1, 898)
    if ties:
        real, fake = np.ceil(real), np.ceil(fake)
    calibrated = calibration(real, draw_halves(np.arange(90) // 3, seed=0, resamples=9), group_size=3)
    figure = matched_fp(fake=fake, calibrated=calibrated, seed=0, judge="a", generator="b")
    times = times_drawn(300, Stream(0, "matched-fn", "fakes", "a", "b").numpy_generator(), 9)
    groups = np.split(fake, np.arange(3, 898, 3))
    assert figure.replicates is not None
    for resample, replicate in enumerate(figure.replicates):
        drawn = np.concatenate(
            [group for group, number in zip(groups, times[:, resample], strict=True) for _ in range(number)]
        )
        thresholds = (half[resample] for half in calibrated.resampled)
        assert replicate == sum(int((drawn > tau).sum()) for tau in thresholds) / (2 * len(drawn))


def test_one_test_image_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="halved"):
        draw_halves(np.arange(1), seed=0)


def test_a_pair_costs_less_than_a_second_of_one_core() -> None:
    random = np.random.default_rng(0)
    started = time.process_time()
    halves = draw_halves(np.arange(10_000), seed=0)
    cells = [
        figure_of(random.normal(2, 1, 10_000), random.normal(0, 1, 10_000), halves=halves, judge=str(k))
        for k in range(4)
    ]
    matched_difference(cells[0], cells[1])
    assert time.process_time() - started < 1.5  # half as much again for a busy machine


def test_simulated_coverage_is_what_is_promised() -> None:
    for finding in chain(matched(40), matched_few(8)):
        assert finding.within_target(errors=3) is not False, finding
