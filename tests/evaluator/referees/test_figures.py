"""Figures of one contestant before its referees."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import simulations
from hypothesis import given
from hypothesis import strategies as st
from referee_scores import drawn_scores
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import roc_auc_score

from gancross.evaluator.codec.encoding import decode, encode
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.figures import antitonic, contestant_figures, half_detection_noise
from gancross.evaluator.referees.placements import placements
from gancross.evaluator.statistics.bounds import jensen_shannon_bound

SIGMAS = (0.1, 1.0, 10.0)


def band(values: list[float], reach: float) -> list[Estimate]:
    return [Estimate(value=v, low=v - reach, high=v + reach) for v in values]


def test_every_figure_is_the_mean_over_referees() -> None:
    scores = drawn_scores(num_real=60, num_samples=50, d=(2.0, 1.0, 0.2))
    figures = contestant_figures(scores, SIGMAS)
    for k, rung in enumerate(figures.rungs):
        pairs = [(referee.real_KN[k], referee.fake_KM[k]) for referee in scores.referees]
        areas = [
            roc_auc_score([1] * len(real) + [0] * len(fake), np.concatenate([real, fake]))
            for real, fake in pairs
        ]
        bounds = [
            jensen_shannon_bound(real=real.astype(float), fake=fake.astype(float), score_kind="logit")
            for real, fake in pairs
        ]
        fn, fp = (
            np.mean([(real <= 0).mean() for real, _ in pairs]),
            np.mean([(f > 0).mean() for _, f in pairs]),
        )
        assert rung.sigma == SIGMAS[k]
        assert rung.auc.value == pytest.approx(np.mean(areas))
        assert rung.g.value == pytest.approx(2 * np.mean(areas) - 1)
        assert (rung.fn.value, rung.fp.value, rung.j.value) == pytest.approx((fn, fp, 1 - fn - fp))
        assert rung.jsd_bound_nats.value == pytest.approx(
            np.mean([bound.value for bound in bounds if isinstance(bound, Estimate)])
        )
    assert figures.detectability.value == pytest.approx(np.mean([rung.g.value for rung in figures.rungs]))
    assert figures.num_samples == 50


def test_g_is_twice_auc_less_one_with_its_interval() -> None:
    for rung in contestant_figures(drawn_scores(num_real=200, num_samples=200), SIGMAS).rungs:
        assert rung.g.ci95 == pytest.approx((2 * rung.auc.low - 1, 2 * rung.auc.high - 1))


def test_placements_known_already_change_nothing() -> None:
    scores = drawn_scores(num_real=60, num_samples=60)
    assert contestant_figures(scores, SIGMAS, placed=placements(scores)) == contestant_figures(scores, SIGMAS)


def test_reals_against_reals_and_perfect_referees() -> None:
    chance, perfect = (contestant_figures(drawn_scores(d=d), SIGMAS) for d in (0.0, 60.0))
    assert chance.detectability.low < 0 < chance.detectability.high
    assert chance.half_detection_noise.censored == "below"
    assert all(rung.jsd_bound_nats.low < 0 for rung in chance.rungs)
    assert perfect.detectability.value == 1.0 and 0.97 < perfect.detectability.low < 1.0
    assert perfect.half_detection_noise.censored == "beyond"
    assert all(
        0 < rung.jsd_bound_nats.low < rung.jsd_bound_nats.value < math.log(2) for rung in perfect.rungs
    )


def test_limits_of_the_jsd_bound_are_the_means_of_those_at_a_share_of_the_level() -> None:
    scores = drawn_scores(num_real=300, num_samples=300, seeds=1)
    (alone, *_), (twice, *_) = (
        contestant_figures(replace(scores, referees=referees), SIGMAS).rungs
        for referees in (scores.referees, [*scores.referees, *scores.referees])
    )
    assert twice.jsd_bound_nats.value == pytest.approx(alone.jsd_bound_nats.value)
    assert twice.jsd_bound_nats.low < alone.jsd_bound_nats.low  # four referees share what two did


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_antitonic_is_scikit_learns(values: list[float]) -> None:
    assert antitonic(np.array(values)) == pytest.approx(
        isotonic_regression(np.array(values), increasing=False), abs=1e-12
    )


@given(st.lists(st.floats(0.01, 0.3), min_size=2, max_size=8), st.floats(-1, 1), st.floats(0.01, 0.5))
def test_the_interval_holds_the_value(falls: list[float], top: float, reach: float) -> None:
    values = [top - fall for fall in np.cumsum(falls)]
    noise = half_detection_noise(np.geomspace(0.1, 10, len(values)).tolist(), band(values, reach))
    low, high = noise.ci95
    assert 0.1 <= low <= high <= 10
    if isinstance(noise.value, Missing):
        assert noise.censored == ("below" if values[0] < 0.5 else "beyond")
    else:
        assert low * (1 - 1e-12) <= noise.value <= high * (1 + 1e-12) and noise.censored is None


def test_half_detection_noise_is_read_off_a_line() -> None:
    noise = half_detection_noise((0.1, 1.0, 10.0), band([0.9, 0.6, 0.2], 0.1))
    assert noise.value == pytest.approx(10**0.25)  # a quarter of the way from .6 to .2
    assert noise.ci95 == pytest.approx((1.0, 10**0.5))


def test_half_detection_noise_of_a_rise_is_that_of_its_regression() -> None:
    # ¼ and ¾ are pooled to one half, which is a plateau: its middle on the scale of logarithms.
    noise = half_detection_noise((0.1, 1.0, 10.0, 100.0), band([0.875, 0.25, 0.75, 0.125], 0.0625))
    assert noise.value == pytest.approx(math.sqrt(10.0))
    assert noise.ci95[0] < 1.0 and noise.ci95[1] > 10.0


@pytest.mark.parametrize(
    ("values", "censored", "interval"),
    [
        ([0.45, 0.3, 0.1], "below", (0.1, 10 ** (-1 + 0.05 / 0.15))),  # the upper limits: .55, .4, .2
        ([0.3, 0.2, 0.1], "below", (0.1, 0.1)),
        ([0.95, 0.8, 0.55], "beyond", (10 ** (0.2 / 0.25), 10.0)),  # the lower ones: .85, .7, .45
        ([0.95, 0.9, 0.8], "beyond", (10.0, 10.0)),
    ],
)
def test_censored_half_detection_noise(
    values: list[float], censored: str, interval: tuple[float, float]
) -> None:
    noise = half_detection_noise((0.1, 1.0, 10.0), band(values, 0.1))
    assert isinstance(noise.value, Missing) and noise.censored == censored
    assert noise.ci95 == pytest.approx(interval)


@pytest.mark.parametrize("d", [0.0, (3.0, 1.0, 0.1)])
def test_the_record_reads_back(d: float) -> None:
    figures = contestant_figures(drawn_scores(num_real=40, num_samples=40, d=d), SIGMAS)
    assert decode(RefereedContestant, encode(figures)) == figures


@pytest.mark.parametrize("claim", ["referee-intervals", "referee-trained"])
def test_simulated_coverage_is_what_is_promised(claim: str) -> None:
    for finding in simulations.CLAIMS[claim][0](10):
        assert finding.within_target(errors=3) is not False, finding
