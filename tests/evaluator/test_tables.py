"""Laws of every entry of the tables: cell figures, fidelity metrics, controls."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal

import numpy as np
import pytest
import torch
from grey_models import REALS, BlackOrWhite, Brightness, ConstantScore, model
from hypothesis import given
from hypothesis import strategies as st
from measuring import digits_of, measure, vectors
from numpy.typing import NDArray
from torch import nn

from gancross import Contestant, Result, crosstest
from gancross.errors import UsageError
from gancross.evaluator.estimates import Estimate, Figure, Missing, Proportion
from gancross.evaluator.fidelity.digits_cnn import CLASSES
from gancross.evaluator.fidelity.metrics import METRICS as FIDELITY_METRICS
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.judging.controls import CONTROLS
from gancross.evaluator.judging.scores import ScoresBySource
from gancross.evaluator.statistics.matched_fp import calibration
from gancross.evaluator.statistics.resampling import draw_halves
from gancross.evaluator.verdict.figures import CELL_FIGURES, Cell, cell_scores, computed_cell

Scores = NDArray[np.float64]


def value_of(figure: Figure) -> float:
    assert not isinstance(figure, Missing), figure
    return figure.rate if isinstance(figure, Proportion) else figure.value


def better_of(figures: tuple[float, float], better: Literal["higher", "lower"]) -> float:
    return max(figures) if better == "higher" else min(figures)


# Cell figures


def cell(real: Scores, fake: Scores, own: Scores, **judge: Any) -> Cell:
    """The cell of judge "a" on generator "b", from its scores of the test data and of both generators."""
    contestant = Contestant(
        name="a", samples=torch.zeros(1, 2), discriminator=nn.Linear(2, 1), **({"threshold": 0.0} | judge)
    )
    calibrated = calibration(real, draw_halves(np.arange(len(real)), seed=0, resamples=99))
    scores = ScoresBySource(arrays={None: real, "a": own, "b": fake})
    return computed_cell(cell_scores(contestant, "b", scores, calibrated, 0))


@cache
def perfect_and_blind() -> tuple[Cell, Cell]:
    """A judge that detects both generators, and one that detects its own alone."""
    random = np.random.default_rng(0)
    real, detected = random.uniform(1, 8, 400), random.uniform(-8, -1, 400)
    return cell(real, detected, detected), cell(real, random.uniform(1, 8, 400), detected)


@pytest.mark.parametrize("key", CELL_FIGURES)
def test_a_perfect_judge_has_the_better_cell_figure(key: str) -> None:
    figure = CELL_FIGURES[key]
    assert figure.better is not None, "every figure of today has a better end"
    perfect, blind = (value_of(result.of(key)) for result in perfect_and_blind())
    assert perfect != blind and better_of((perfect, blind), figure.better) == perfect
    if key != "transfer_gap":  # it is 0 where the own generator is detected as well
        end = figure.range[1] if figure.better == "higher" else figure.range[0]
        assert perfect == pytest.approx(end, abs=0.15)


@given(
    st.integers(0, 1000), st.floats(-4, 4), st.floats(-4, 4),
    st.sampled_from(["logit", "f-gan:kl", "f-gan:neyman"]),
)  # fmt: skip
def test_cell_figures_stay_within_their_ranges(seed: int, shift: float, own: float, score_kind: str) -> None:
    random = np.random.default_rng(seed)
    figures = cell(
        random.normal(0, 1, 30), random.normal(shift, 1, 25), random.normal(own, 1, 20), score_kind=score_kind
    )
    for key, entry in CELL_FIGURES.items():
        figure = figures.of(key)
        assert not isinstance(figure, Missing), (key, figure)
        low, high = entry.range
        assert low <= value_of(figure) <= high, key
        assert low <= figure.ci95[0] <= figure.ci95[1] <= high, key


@pytest.mark.parametrize("key", [key for key, figure in CELL_FIGURES.items() if figure.is_bound])
def test_a_bound_has_a_lower_limit_below_its_value(key: str) -> None:
    assert CELL_FIGURES[key].arrow.startswith("≥")
    random = np.random.default_rng(1)
    figures = [result.of(key) for result in perfect_and_blind()]
    figures += [cell(random.normal(1, 1, 30), random.normal(0, 1, 30), random.normal(0, 1, 30)).of(key)]
    for figure in figures:
        assert isinstance(figure, Estimate) and figure.low < figure.value
    blind = figures[1]
    assert isinstance(blind, Estimate) and blind.low < 0  # nothing is proved


@pytest.mark.parametrize("key", CELL_FIGURES)
def test_without_a_threshold_a_cell_figure_is_the_same_or_missing_with_a_reason(key: str) -> None:
    random = np.random.default_rng(2)
    scores = random.normal(2, 1, 40), random.normal(0, 1, 40), random.normal(-1, 1, 40)
    figure, expected = cell(*scores, threshold=None).of(key), cell(*scores).of(key)
    assert figure == expected or (isinstance(figure, Missing) and "threshold" in figure.reason)
    assert not isinstance(expected, Missing)


def test_what_needs_a_threshold_is_missing_without_one() -> None:
    random = np.random.default_rng(2)
    critic = cell(*random.normal(0, 1, (3, 40)), threshold=None, score_kind="critic")
    missing = {key for key in CELL_FIGURES if isinstance(critic.of(key), Missing)}
    assert missing == {"fp", "j", "jsd_bound_nats", "transfer_gap"}  # a critic claims no ratio either


@cache
def one_real() -> Result:
    models = [model(name, BlackOrWhite(0.5), Brightness(0.1)) for name in "ab"]
    return crosstest(models, data=REALS[-1:], num_samples=20)


@pytest.mark.parametrize("key", CELL_FIGURES)
def test_with_one_real_a_cell_figure_is_within_its_range_or_missing_with_a_reason(key: str) -> None:
    figure = one_real().cells["a", "b"].of(key)
    low, high = CELL_FIGURES[key].range
    if isinstance(figure, Missing):
        assert figure.reason
    else:
        assert low <= value_of(figure) <= high


def test_what_needs_two_reals_is_missing_with_one() -> None:
    cells = one_real().cells["a", "b"]
    assert {key for key in CELL_FIGURES if isinstance(cells.of(key), Missing)} == {
        "fp_at_fn5", "jsd_bound_nats",
    }  # fmt: skip


def test_cell_figures_are_told_apart_by_their_words() -> None:
    figures = CELL_FIGURES.values()
    headings = [figure.heading() for figure in figures]
    short = [figure.heading(short=True) for figure in figures]
    for words in (headings, short, [figure.meaning for figure in figures]):
        assert all(words) and len(set(words)) == len(words)


# Fidelity metrics

RANGES = {
    "frechet_distance": (0, math.inf), "classifier_score": (1, CLASSES),
    "classifier_score_std": (0, math.inf), "kernel_distance_std": (0, math.inf), "precision": (0, 1),
    "recall": (0, 1), "f_score": (0, 1),
}  # fmt: skip


SETS = {
    "vectors": (vectors(0, n=200), vectors(0, n=400)[200:], vectors(1, n=200) + 8),
    "digits": (digits_of("test"), digits_of("train"), digits_of("noise")),
}


@pytest.mark.parametrize("name", FIDELITY_METRICS)
@pytest.mark.parametrize("features", SETS)
def test_good_samples_have_the_better_fidelity(features: str, name: str) -> None:
    real, good, bad = SETS[features]
    metric = FIDELITY_METRICS[name]
    measured = measure(real, {"good": good, "bad": bad}, metrics=[name])
    extractor = measured.protocol.extractor
    assert list(measured.figures["good"].figures) == list(metric.keys(extractor))
    for figure, key in zip(metric.figures, metric.keys(extractor), strict=True):
        assert figure.matches(key) and key.endswith(f"[{extractor}]")
        values = [measured.figures[which].figures[key] for which in ("good", "bad")]
        if metric.needs == "classes" and features == "vectors":
            assert all(
                isinstance(value, Missing) and "class probabilities" in value.reason for value in values
            )
            continue
        assert not any(isinstance(value, Missing) for value in values)
        high, low = (value.value for value in values if not isinstance(value, Missing))
        least, most = RANGES.get(figure.key, (-math.inf, math.inf))
        assert all(math.isfinite(value) and least <= value <= most for value in (high, low)), figure.key
        if figure.better is not None:
            assert high != low and better_of((high, low), figure.better) == high, figure.key


@pytest.mark.parametrize("name", FIDELITY_METRICS)
def test_the_fewest_samples_are_enough_and_fewer_are_refused_with_one_line(name: str) -> None:
    fewest = FIDELITY_METRICS[name].fewest(20)
    real = digits_of("test")
    measured = measure(real, {"a": digits_of("train", fewest)}, metrics=[name], kid_subset_size=20)
    figures = measured.figures["a"].figures.values()
    assert all(not isinstance(figure, Missing) and math.isfinite(figure.value) for figure in figures)
    counts = {None: 596, "a": fewest - 1}
    with pytest.raises(UsageError, match=f"'a': {fewest - 1} samples, .*'{name}'.* at least {fewest}") as few:
        check([name], shape=(1, 8, 8), counts=counts, kid_subset_size=20)
    assert "\n" not in str(few.value)


def test_no_two_fidelity_figures_share_a_key_or_a_gate_name() -> None:
    figures = [figure for metric in FIDELITY_METRICS.values() for figure in metric.figures]
    for names in ([figure.key for figure in figures], [figure.gate for figure in figures if figure.gate]):
        assert len(set(names)) == len(names)
    for figure in figures:
        for other in figures:
            assert figure.matches(f"{other.key}[identity]") is (figure is other)


# Controls


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("data", [REALS, torch.arange(20.0).reshape(10, 2)], ids=["images", "vectors"])
def test_controls_of_judges_with_one_answer(data: torch.Tensor, control: str) -> None:
    judges = {"real": ConstantScore(1.0), "fake": ConstantScore(-1.0)}
    models = [Contestant(name=name, samples=data, discriminator=judge) for name, judge in judges.items()]
    models.append(
        Contestant(
            name="critic", samples=data, discriminator=ConstantScore(1.0), score_kind="critic", threshold=None
        )
    )
    result = crosstest(models, data=data, num_samples=30)
    assert not isinstance(result.controls, Missing)
    rates = {name: result.controls.judges[name].of(control) for name in (*judges, "critic")}
    draw = CONTROLS[control].draw
    samples = data if draw is None else draw(data, 30, 0)
    assert isinstance(rates["critic"], Missing) and rates["critic"].reason
    if samples is None:
        absent = CONTROLS[control].absent
        assert absent and all(rate == Missing(absent) for rate in rates.values())
    else:
        n = len(samples)
        assert rates["real"] == Proportion(count=n, n=n) and rates["fake"] == Proportion(count=0, n=n)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_is_drawn_from_its_seed_and_real_only_where_it_is_the_test_data(control: str) -> None:
    entry = CONTROLS[control]
    assert entry.title and entry.is_real is (entry.draw is None)
    if entry.draw is not None:
        first, again = entry.draw(REALS, 30, 0), entry.draw(REALS, 30, 0)
        assert first is not None and again is not None and torch.equal(first[:], again[:])
        assert first.dtype == REALS.dtype and first.shape[1:] == REALS.shape[1:]
