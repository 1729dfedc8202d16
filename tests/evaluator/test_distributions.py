"""Quantiles and tails: the numbers of `scipy.stats`, which takes too long to import, to the last bit."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from gancross.evaluator.distributions import normal_quantile, normal_tail, student_quantile, student_tail
from gancross.evaluator.estimates import LEVEL, Z

LEVELS = (0.0, 1e-12, 0.025, 0.3, 0.5, 0.95, 0.975, 1 - 1e-9, 1.0)
VALUES = (-40.0, -1.3, 0.0, 1e-9, 1.96, 7.5, 38.0, 300.0, math.inf)


def test_the_normal_distribution_is_that_of_scipy() -> None:
    assert [normal_quantile(p) for p in LEVELS] == [float(stats.norm.ppf(p)) for p in LEVELS]
    assert [normal_tail(z) for z in VALUES] == [float(stats.norm.sf(z)) for z in VALUES]
    assert float(stats.norm.ppf((1 + LEVEL) / 2)) == Z


@pytest.mark.parametrize("df", [1, 2.5, 29, 155, 9999, 1e9])
def test_students_distribution_is_that_of_scipy(df: float) -> None:
    inner = LEVELS[1:-1]
    assert [student_quantile(p, df) for p in inner] == [float(stats.t.ppf(p, df)) for p in inner]
    assert [student_tail(t, df) for t in VALUES] == [float(stats.t.sf(t, df)) for t in VALUES]
