"""κ of budget: ratios by hand, and which of the shipped measurements apply."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from paths import ROOT
from tiny_referees import tiny

from gancross.evaluator.referees import budget
from gancross.evaluator.referees.budget import (
    LEAST,
    UNMEASURED,
    Measurement,
    PlantedFault,
    budget_check,
    measurements,
)
from gancross.evaluator.referees.protocol import BUDGETS, VERSION

MULTIPLES = (0.5, 1.0, 2.0)


def fault(*g_TK: tuple[float, ...], kind: str = "shift") -> PlantedFault:
    return PlantedFault(kind=kind, severity=0.1, g_TK=g_TK)


def measurement(
    *faults: PlantedFault, n: int = 250, shape: tuple[int, ...] = (3,), data: str = "toy"
) -> Measurement:
    return Measurement(
        version=VERSION, budget="quick", data=data, shape=shape, num_training=n, multiples=MULTIPLES,
        faults=faults,
    )  # fmt: skip


def of_kappa(kappa: float, **where: object) -> Measurement:
    return measurement(fault((0, 0), (kappa, kappa), (1, 1)), **where)  # type: ignore[arg-type]


def test_kappa_is_the_smallest_share_of_the_largest_detectability() -> None:
    first = fault((0.1, 0.1), (0.6, 0.2), (0.5, 0.5))  # D is .1, .4, .5
    second = fault((0.9, 0.9), (0.6, 0.6), (0.6, 0.6))  # longer training shows less: .9, .6, .6
    assert measurement(first).kappa == pytest.approx(0.8)
    assert measurement(first, second).kappa == pytest.approx(2 / 3)
    for hidden in (fault((0, 0), (-0.1, 0), (0, 0)), fault((0, 0), (0.01, 0.01), (0.049, 0.049))):
        assert measurement(hidden).kappa == 0 and measurement(hidden, first).kappa == pytest.approx(0.8)
    assert measurement(fault((0, 0), (-0.2, 0), (0.4, 0))).kappa == 0


def test_kappa_of_a_rung_is_that_of_the_faults_of_like_size_there() -> None:
    small = fault((0.0, 0.0), (0.1, 0.3), (0.2, 0.3))  # κ by rung .5 and 1, largest .2 and .3
    large = fault((0.0, 0.0), (0.9, 0.2), (1.0, 0.8))  # κ by rung .9 and .25, largest 1 and .8
    hidden = fault((0.0, 0.0), (0.001, 0.001), (0.04, 0.04))
    both = measurement(small, large, hidden)
    overall = both.kappa
    assert overall == pytest.approx(min(0.2 / 0.25, 0.55 / 0.9))
    for g, expected in (
        (0.2, (0.5, 1.0)), (0.1, (0.5, overall)), (0.099, (overall, overall)), (0.4, (0.5, 0.25)),
        (0.5, (0.9, 0.25)), (0.41, (overall, 0.25)), (0.61, (0.9, 0.25)), (0.0, (overall, overall)),
        (0.03, (overall, overall)), (-0.2, (overall, overall)),
    ):  # fmt: skip
        assert both.kappa_of(np.array([g, g])) == pytest.approx(expected), g


def checked(
    monkeypatch: pytest.MonkeyPatch, *shipped: Measurement, shape: tuple[int, ...] = (3,), n: int = 300
) -> budget.BudgetCheck:
    monkeypatch.setattr(budget, "shipped", lambda: shipped)
    return budget_check(tiny(), shape, n)


def test_the_next_smaller_number_and_the_smallest_kappa_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = [
        of_kappa(0.9, n=250, data="a"), of_kappa(0.8, n=1000, data="a"), of_kappa(0.7, n=1000, data="b"),
        of_kappa(0.6, n=5000, data="a"), of_kappa(0.1, n=1000, shape=(1, 8, 8)),
    ]  # fmt: skip
    for n, kappa, applied in ((250, 0.9, 250), (999, 0.9, 250), (1000, 0.7, 1000), (4999, 0.7, 1000),
                              (5000, 0.6, 5000), (10**6, 0.6, 5000)):  # fmt: skip
        control = checked(monkeypatch, *shipped, n=n).control
        assert control.kappa == pytest.approx(kappa)
        assert (control.num_training, control.fails) == (applied, False)
    check = checked(monkeypatch, *shipped, n=1000)
    assert check.control.source == "shipped, measured on a, b up to 2 times the steps"
    assert check.kappa_of(np.array([1.0, 0.2])) == pytest.approx([0.7, 0.7])
    assert checked(monkeypatch, *shipped, n=249).control.num_training is None


def test_vectors_of_any_dimension_are_one_kind_and_images_are_as_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = [of_kappa(0.9, shape=(2,)), of_kappa(0.8, shape=(3, 8, 8)), of_kappa(0.7, shape=(1, 8, 8))]
    assert checked(monkeypatch, *shipped, shape=(50,)).control.kappa == pytest.approx(0.9)
    assert checked(monkeypatch, *shipped, shape=(1, 8, 8)).control.kappa == pytest.approx(0.7)
    for shape in ((1, 8, 9), (3, 16, 16)):
        check = checked(monkeypatch, *shipped, shape=shape)
        assert (check.control.kappa, check.control.fails) == (UNMEASURED, False) == (0.5, False)
        source = f"not measured for images of {shape[1]}×{shape[2]} with 300 training reals"
        assert check.control.source == source and check.kappa_of(np.ones(4)).tolist() == [0.5] * 4


@pytest.mark.parametrize("other", [{"version": VERSION + 1}, {"budget": "full"}])
def test_measurements_of_another_protocol_do_not_apply(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, object]
) -> None:
    changed = replace(of_kappa(0.9), **other)  # type: ignore[arg-type]
    assert checked(monkeypatch, changed).control.num_training is None


def test_below_three_tenths_the_check_fails_and_what_is_measured_at_hand_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kappa in (LEAST - 0.01, LEAST + 0.01):
        assert checked(monkeypatch, of_kappa(kappa)).control.fails == (kappa < 0.3)
    own = budget_check(tiny(), (3,), 300, measured=of_kappa(0.95, data="mine"))
    assert own.control.kappa == pytest.approx(0.95) and own.control.source == "measured on mine"


def test_the_full_budget_trains_longer_unless_judges_would_learn_few_images_by_heart() -> None:
    for form, full in BUDGETS["full"].items():
        quick = BUDGETS["quick"][form]
        assert full == replace(quick, budget="full", seeds=4, steps=4 * quick.steps)
        few = full if form == "vectors" else replace(full, steps=quick.steps)
        assert (full.at(499), full.at(500)) == (few, full)
        assert quick.at(20) == quick.at(10**6) == quick


def test_a_quick_measurement_holds_the_full_one_up_to_twice_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g_TK = tuple((value, value / 2) for value in (0.1, 0.2, 0.3, 0.4, 0.5))
    quick = replace(measurement(fault(*g_TK)), multiples=(0.5, 1.0, 2.0, 4.0, 8.0))
    longer = budget.of_steps(quick, 4)
    assert longer.multiples == (0.5, 1.0, 2.0) and longer.faults[0].g_TK == g_TK[2:]
    assert budget.of_steps(quick, 1) == quick
    monkeypatch.setattr(budget, "shipped", lambda: (quick,))
    assert budget_check(tiny(budget="full"), (3,), 499).control.kappa == pytest.approx(0.4 / 0.5)
    monkeypatch.setattr(budget, "shipped", lambda: (replace(quick, shape=(1, 8, 8)),))
    for n, kappa in ((499, 0.2 / 0.5), (500, 0.4 / 0.5)):
        check = budget_check(tiny("small images", budget="full"), (1, 8, 8), n)
        assert check.control.kappa == pytest.approx(kappa)


def test_what_ships_is_read_and_holds_protocols_of_this_version() -> None:
    text = json.dumps([{
        "version": 1, "budget": "full", "data": "d", "shape": [1, 8, 8], "num_training": 250,
        "multiples": [0.5, 1.0],
        "faults": [{"kind": "shift", "severity": 0.1, "g": [[0.1, 0.2], [0.3, 0.4]]}],
    }])  # fmt: skip
    (entry,) = measurements(text)
    assert entry.shape == (1, 8, 8) and entry.faults[0].g_TK == ((0.1, 0.2), (0.3, 0.4)) and entry.kappa == 1
    for shipped in budget.shipped():
        assert shipped.version == VERSION and shipped.budget in BUDGETS and 0 <= shipped.kappa <= 1


def test_the_measurements_are_part_of_what_is_installed() -> None:
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    installed = {path for pattern in package_data["gancross"] for path in (ROOT / "gancross").glob(pattern)}
    files = {
        path for path in (ROOT / "gancross").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }  # fmt: skip
    assert files <= installed
