"""Intervals of means over items and referees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gancross.evaluator.referees.intervals import Items, MeanFigure, mean_figure

UNIT = (0.0, 1.0)
levels = st.lists(st.floats(0, 1), min_size=2, max_size=30).map(np.array)


def figure(value: float, error: float, df: float = 5.0, span: tuple[float, float] = (-1, 1)) -> MeanFigure:
    return MeanFigure(value=value, standard_error=error, df=df, span=span)


@given(levels)
def test_variance_is_that_with_one_pseudo_item_at_either_end(values: np.ndarray) -> None:
    assert Items(values_N=values, span=UNIT).variance == pytest.approx(
        np.var([*values, 0.0, 1.0], ddof=1), rel=1e-9
    )


@given(levels)
def test_variance_does_not_know_the_sign(values: np.ndarray) -> None:
    difference = values - 0.3
    plain, negated = (Items(values_N=v, span=(-1, 1)).variance for v in (difference, -difference))
    assert plain == negated


def test_standard_error_and_degrees_of_freedom_by_hand() -> None:
    random = np.random.default_rng(0)
    reals, fakes, referees = random.random(50), random.random(40), random.random(4)
    found = mean_figure(
        referees_R=referees,
        items=[Items(values_N=values, span=UNIT) for values in (reals, fakes)],
        span=(-1, 1), scale=2,
    )  # fmt: skip
    a, b = (4 * np.var([*values, 0, 1], ddof=1) / len(values) for values in (reals, fakes))
    c = np.var(referees, ddof=1) / 4
    assert found.value == pytest.approx(referees.mean())
    assert found.standard_error == pytest.approx(math.sqrt(a + b + c))
    assert found.df == pytest.approx((a + b + c) ** 2 / (a**2 / 49 + b**2 / 39 + c**2 / 3))


def test_equal_referees_leave_the_items_degrees_of_freedom() -> None:
    values = np.random.default_rng(0).random(30)
    found = mean_figure(
        referees_R=np.full(4, 0.5), items=[Items(values_N=values, span=UNIT)], span=UNIT
    )  # fmt: skip
    assert found.df == pytest.approx(29)


def test_referees_alone_give_students_interval() -> None:
    referees = np.array([0.1, 0.5, 0.2, 0.9])
    found = mean_figure(
        referees_R=referees, items=[Items(values_N=np.full(10**6, 0.5), span=UNIT)], span=(-9, 9)
    ).estimate
    low, high = stats.t.interval(0.95, 3, loc=referees.mean(), scale=stats.sem(referees))
    assert found.ci95 == pytest.approx((low, high), abs=1e-6)


def test_items_that_are_all_alike_have_an_interval() -> None:
    found = mean_figure(
        referees_R=np.ones(4), items=[Items(values_N=np.ones(100), span=UNIT)], span=UNIT
    )  # fmt: skip
    assert found.standard_error == pytest.approx(1 / math.sqrt(100 * 102))
    assert found.estimate.high == 1.0 and 0.97 < found.estimate.low < 1.0


@settings(max_examples=50)
@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(1, 100))
def test_the_interval_excludes_0_where_p_is_below_5_percent(value: float, error: float, df: float) -> None:
    each = figure(value, error, df)
    assert each.p == pytest.approx(2 * stats.t.sf(abs(value) / error, df))
    if abs(each.p - 0.05) > 1e-9:
        assert each.estimate.excludes_zero == (each.p < 0.05)


def test_one_sided_limits_are_students_quantiles_within_the_span() -> None:
    each = figure(0.2, 0.1, 7.0)
    assert each.upper(0.95) == pytest.approx(0.2 + 0.1 * stats.t.ppf(0.95, 7))
    assert each.lower(0.99) == pytest.approx(0.2 - 0.1 * stats.t.ppf(0.99, 7))
    assert figure(0.9, 1.0).upper(0.95) == 1.0 and figure(0.9, 1.0).lower(0.95) == -1.0


def test_a_mean_of_the_smallest_size_shown_is_shown_as_often_as_said() -> None:
    random, df, error = np.random.default_rng(0), 400, 0.02
    truth = figure(0.0, error, df).smallest_shown(power=0.8)
    errors = error * np.sqrt(random.chisquare(df, 4_000) / df)
    t = np.abs(random.normal(truth, error, 4_000)) / errors
    assert (2 * stats.t.sf(t, df) < 0.05).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("referees", "items"), [(1, 10), (4, 1)])
def test_too_few_of_either_are_refused(referees: int, items: int) -> None:
    with pytest.raises(ValueError, match="got 1"):
        mean_figure(
            referees_R=np.zeros(referees), items=[Items(values_N=np.zeros(items), span=UNIT)], span=UNIT
        )
