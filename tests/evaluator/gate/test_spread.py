"""The noise between training runs: that of the runs and that of their opponents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from changed_results import with_contestants
from grey_models import REALS, Brightness, ConstantGrey, model
from numpy.typing import NDArray
from scipy.stats import t

from gancross import Result, crosstest
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.gate.comparison import gate
from gancross.evaluator.gate.figures import METRICS
from gancross.evaluator.gate.runs import Figures, RunFigures, run_figures
from gancross.evaluator.gate.spread import mean_figure, spread_interval

Block = NDArray[np.float64]
LEVEL = 0.95


def sampled(
    random: np.random.Generator, runs: int, opponents: int, spread: tuple[float, float, float]
) -> Block:
    """x_ij = a_i + b_j + e_ij."""
    a, b, e = spread
    return (
        a * random.normal(size=(runs, 1)) + b * random.normal(size=(1, opponents))
        + e * random.normal(size=(runs, opponents))
    )  # fmt: skip


@pytest.mark.parametrize("spread", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0.5), (0.3, 1, 1)])
@pytest.mark.parametrize("new", [(3, 3), (1, 1), (3, 10)])
def test_whatever_varies_the_interval_covers_zero_as_often_as_promised(
    spread: tuple[float, float, float], new: tuple[int, int]
) -> None:
    random = np.random.default_rng(0)
    trials, covered = 1000, 0
    for _ in range(trials):
        old: Figures = {"other": sampled(random, 10, 10, spread)}
        interval = spread_interval(old, {"other": sampled(random, *new, spread)}, level=LEVEL)
        assert interval is not None
        covered += interval[0] <= 0 <= interval[1]
    # Satterthwaite's degrees of freedom are an approximation; three binomial standard deviations are 0.02.
    assert 0.925 <= covered / trials <= 0.995


def test_without_opponents_it_is_student_s_interval_for_new_runs() -> None:
    old, new = np.array([[0.1], [0.2], [0.4], [0.3], [0.7]]), np.array([[0.5], [0.9]])
    low, high = spread_interval({None: old}, {None: new}, level=LEVEL) or (0, 0)
    reach = t.ppf(0.975, 4) * np.std(old, ddof=1) * np.sqrt(1 / 5 + 1 / 2)
    assert (low, high) == pytest.approx((0.7 - 0.34 - reach, 0.7 - 0.34 + reach))


def test_opponents_methods_count_alike_however_many_runs_they_have() -> None:
    figures: Figures = {"a": np.full((2, 9), 1.0), "b": np.full((2, 1), 0.0)}
    assert mean_figure(figures) == 0.5


def test_nothing_is_known_of_a_spread_from_one_run() -> None:
    single, many = np.zeros((1, 5)), np.zeros((5, 5))
    assert spread_interval({"b": single}, {"b": many}, level=LEVEL) is None
    assert spread_interval({"b": single.T}, {"b": many}, level=LEVEL) is None


@pytest.fixture(scope="module")
def template() -> Result:
    """A real result, of which protocol and data are taken."""
    return crosstest([model("x", ConstantGrey(0.0), Brightness(0.0))], data=REALS, num_samples=20)


def crossed(template: Result, fp: Block, methods: dict[str, list[str]], n: int = 10_000) -> Result:
    """A result with the FP of each judge (row) on each generator (column), of n samples."""
    result = with_contestants(template, methods)
    cells = [
        replace(
            template.cross[0], judge=judge, generator=generator, auc=Missing("none"),
            fp=Proportion(count=round(n * float(fp[i, j])), n=n),
        )
        for i, judge in enumerate(result.names) for j, generator in enumerate(result.names)
    ]  # fmt: skip
    return replace(result, cross=tuple(cells))


def methods_of(count: int, *names: str) -> dict[str, list[str]]:
    return {name: [f"{name}{i}" for i in range(count)] for name in names}


def test_figures_are_read_run_by_opponent(template: Result) -> None:
    result = crossed(template, np.arange(36).reshape(6, 6) / 36, methods_of(3, "a", "b"), n=36)
    groups = methods_of(3, "a", "b")
    judging = run_figures(METRICS["cross-fp"], result, groups, "a")
    fooled_rates = run_figures(METRICS["fooled"], result, groups, "b")
    assert isinstance(judging, RunFigures) and isinstance(fooled_rates, RunFigures)
    assert list(judging.values) == ["b"] and list(fooled_rates.values) == ["a"]
    assert judging.values["b"].tolist() == (np.arange(36).reshape(6, 6)[:3, 3:] / 36).tolist()
    assert fooled_rates.values["a"].tolist() == judging.values["b"].T.tolist()
    without = run_figures(METRICS["cross-auc"], result, groups, "a")
    assert isinstance(without, RunFigures) and without.values == {}


def test_unlucky_opponents_are_no_regression_of_their_judge(template: Result) -> None:
    """All of a method's judges move together where the opponents of the new result happen to be hard."""
    random = np.random.default_rng(1)
    alarms, trials = 0, 100
    for _ in range(trials):
        results = []
        for count in (8, 2):
            fp = np.full((2 * count, 2 * count), 0.5) + 0.1 * random.normal(size=(1, 2 * count))
            results.append(crossed(template, fp, methods_of(count, "a", "b")))
        alarms += bool(gate(results[1], results[0], tolerances={"cross-fp": 0.0}).regressions)
    assert alarms / trials < 0.08


def test_a_method_that_the_baseline_has_not_changes_nothing(template: Result) -> None:
    random = np.random.default_rng(2)
    baseline = crossed(template, random.uniform(size=(12, 12)), methods_of(6, "a", "b"))
    fp = random.uniform(size=(6, 6))
    with_more = crossed(template, fp, methods_of(2, "a", "b", "new"))
    without = crossed(template, fp[:4, :4], methods_of(2, "a", "b"))
    tolerances = {"cross-fp": 0.0, "fooled": 0.0}
    assert gate(with_more, baseline, tolerances=tolerances) == gate(without, baseline, tolerances=tolerances)
