"""What is counted of the records of planted pairs, and which pairs are clear."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from paths import ROOT
from planted import SHAPES
from planted_pairs.counts import claims, share, summary
from planted_pairs.evidence import Evidence, crosses, evidence, is_clear, standard_errors
from planted_pairs.records import Line, PairOptions
from planted_pairs.tables import tables
from scipy.stats import beta

from gancross.evaluator.referees.intervals import MeanFigure

RUNGS = 12


@pytest.mark.parametrize("df", [3.0, 7.5, 60.0, 5000.0])
def test_standard_errors_are_found_from_limits(df: float) -> None:
    figure = MeanFigure(value=0.1, standard_error=0.02, df=df, span=(-2.0, 2.0))
    half = figure.estimate.high - figure.value
    for one_sided, level in (
        (figure.upper(0.95) - figure.value, 0.95),
        (figure.value - figure.lower(1 - 0.05 / RUNGS), 1 - 0.05 / RUNGS),
        (figure.smallest_shown(power=0.8) - half, 0.8),
    ):
        assert standard_errors(half, one_sided, level=level) == pytest.approx(0.02, rel=1e-3)


def shown(
    mean: float = -0.1, *, d: Sequence[float] = (-0.2, 0.0), far: float = 0.4, kappa: float = 0.8
) -> Evidence:
    errors = np.full(2, 0.02)
    return Evidence(
        mean=mean, mean_error=0.02, d_K=np.array(d), d_error_K=errors, near_K=np.array([0.1, 0.0]),
        near_error_K=errors, far_K=np.array([far, 0.0]), far_error_K=errors, kappa_K=np.full(2, kappa),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("twin", "clear"),
    [
        (shown(), True),
        (shown(mean=-0.07), False),
        (shown(d=(-0.2, 0.03)), True),  # not beyond chance
        (shown(d=(-0.2, 0.04)), False),
        (shown(far=0.3), False),
    ],
)
def test_clear_pairs_are_those_of_the_three_conditions(twin: Evidence, clear: bool) -> None:
    assert is_clear(shown(), [twin]) is clear
    assert not is_clear(shown(), [])
    assert not is_clear(shown(kappa=0.2), [twin])
    assert crosses(shown(), [twin]) is False
    assert crosses(shown(), [shown(d=(-0.2, 0.09))])


def limited(value: float, error: float, df: float = 30.0) -> MeanFigure:
    return MeanFigure(value=value, standard_error=error, df=df, span=(-2.0, 2.0))


def line(
    pair: str, *, part: str = "reporting", group: str = "nested", answer: str = "named",
    winner: str | None = "b", data: str = "moons", difference: float = 0.3, dominated: bool = False,
) -> Line:  # fmt: skip
    """Of a pair with b nearer to the data, where the difference of a − b is above 0."""
    mean, level = limited(difference, 0.02), 1 - 0.05 / RUNGS
    sides = {"a": limited(0.1 + difference, 0.02), "b": limited(0.1, 0.02)}
    rung = {
        "difference": {"value": mean.value, "ci95": list(mean.estimate.ci95)},
        "lower": mean.lower(0.95), "upper": mean.upper(0.95),
        **{
            f"g_of_{name}": {"lower": side.lower(level), "upper": side.upper(level), "kappa": 0.8}
            for name, side in sides.items()
        },
    }  # fmt: skip
    estimates = {name: side.estimate for name, side in sides.items()}
    return {
        "data": data, "part": part, "replicate": 0, "group": group, "pair": pair, "kind": "noise",
        "first": "b", "nearer": "b" if group == "nested" else None, "contestants": {"a": "far", "b": "near"},
        "setting": "s", "answer": answer, "seconds": 1.0,
        "named": {"generator": winner, "KID": "a"},
        "comparison": {
            "a": "a", "b": "b", "mean": {"value": mean.value, "ci95": list(mean.estimate.ci95)},
            "smallest_shown": mean.smallest_shown(power=0.8), "rungs": [rung] * RUNGS,
        },
        "g": {name: [[e.value, e.low, e.high]] * RUNGS for name, e in estimates.items()},
        "detectability": {name: [e.value, e.low, e.high] for name, e in estimates.items()},
        "checks": {
            "null": False, "power": None, "budget": False, "kappa": 0.8, "dominance": [{"fails": dominated}],
        },
    }  # fmt: skip


RECORDS = [
    line("one"), line("one", part="choosing"), line("two", winner=None, answer="not told apart"),
    line("three", winner="a", data="digits", difference=-0.3),
    line("four", winner=None, answer="withheld", dominated=True),
    line("five", winner=None, answer="withheld", difference=-0.3),
    line("six", winner=None, answer="too close for this budget"),
    line("equal", group="equal", winner=None, answer="not told apart"), line("same", group="equal"),
    line("cross", group="crossing", winner=None, answer="crossing"),
    line("aside", group="beside", part="beside"),
]  # fmt: skip


def test_evidence_has_the_nearer_first() -> None:
    found = evidence(RECORDS[0])
    assert found.mean == pytest.approx(-0.3)
    assert found.d_K == pytest.approx(np.full(RUNGS, -0.3))
    assert (found.near_K[0], found.far_K[0]) == pytest.approx((0.1, 0.4))
    errors = [found.mean_error, found.d_error_K[0], found.near_error_K[0], found.far_error_K[0]]
    assert errors == pytest.approx([0.02] * 4, rel=1e-3)


def test_counts_are_those_of_the_records() -> None:
    part = summary(RECORDS)["parts"]["reporting"]
    counts = {
        rule: [
            part["nested"]["vectors and digits"][rule][name]["count"] for name in ("right", "wrong", "nobody")
        ]
        for rule in ("generator", "KID")
    }
    assert counts == {"generator": [1, 1, 4], "KID": [0, 6, 0]}
    assert part["nested"]["digits"]["generator"]["wrong"]["count"] == 1
    assert (part["equal"]["all"]["generator"]["count"], part["equal"]["all"]["generator"]["n"]) == (1, 2)
    checks = part["checks"]["vectors"]
    assert (checks["withheld"]["count"], checks["withheld"]["n"]) == (1, 2)
    assert checks["by_check"] == {"null": 0, "power": 0, "budget": 0, "dominance": 1}
    assert (checks["wrong_names_withheld"], checks["too_close_for_this_budget"]) == (1, 1)
    assert (part["crossing"]["all"]["planted"], part["crossing"]["all"]["reported"]["n"]) == (1, 0)  # no twin
    assert (part["clear"]["all"]["count"], part["clear"]["all"]["n"]) == (1, 1)  # the only one with a twin


def test_limits_are_exact() -> None:
    found = share(3, 40)
    assert found["ci95"] == pytest.approx([beta.ppf(0.025, 3, 38), beta.ppf(0.975, 4, 37)])
    assert share(0, 150)["upper95"] == pytest.approx(1 - 0.05 ** (1 / 150))
    assert share(0, 150)["upper95"] < 0.02
    assert share(0, 0)["rate"] is None


def test_claims_say_what_is_missed() -> None:
    def met(records: list[Line], *, shortened: bool = False) -> list[bool]:
        return [claim["met"] for claim in claims(summary(records), shortened=shortened)]

    good = [line(f"pair {number}") for number in range(150)]
    assert met(good, shortened=True) == [True]
    assert met(good[1:], shortened=True) == [False]
    assert met([*good, line("wrong", winner="a")], shortened=True) == [False]
    assert met([*good, line("withheld", winner=None, answer="withheld")]) == [True, True]
    withheld = [line(f"withheld {number}", winner=None, answer="withheld") for number in range(20)]
    assert met([*good, *withheld]) == [True, False]


@pytest.mark.parametrize("name", ["planted", "planted-crossing"])
def test_the_page_shows_the_record_of_the_reporting_half(name: str) -> None:
    document = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/explanation/planted-pairs.md").read_text(encoding="utf-8")
    assert tables(document, parts=("reporting",)) in page
    assert [claim["claim"] for claim in document["claims"] if not claim["met"]] == []
    options = PairOptions(budget="quick", divisor=1)
    for form, shape in SHAPES.items():  # another protocol or κ makes the record out of date
        assert document["settings"][form] == options.setting(shape)


def test_the_tables_show_every_rule_and_claim() -> None:
    document = summary(RECORDS)
    text = tables({**document, "claims": claims(document, shortened=False)})
    assert "| moons | generator | 5 | 1 | 0 [0.0%, 52.2%] | 4 |" in text
    assert "| all | 1 | 0 | 0 | 0 |" in text
    assert "| moons | far | near | 0.400, 0.100 | named | b | a |" in text
    assert text.count("MISSED") + text.count("- met") == len(claims(document, shortened=False))
