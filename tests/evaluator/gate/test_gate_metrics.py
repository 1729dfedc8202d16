"""Laws of every metric of the gate."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from grey_models import REALS, Brightness, ConstantGrey, model
from measuring import digits_of
from referee_records import refereed

from gancross import Contestant, Result, crosstest
from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.fidelity.metrics import METRICS as FIDELITY_METRICS
from gancross.evaluator.gate.comparison import Decision, gate
from gancross.evaluator.gate.figures import METRICS, REFEREE_METRICS, gate_names, pooled_proportion
from gancross.evaluator.verdict.figures import CELL_FIGURES


def darkness(sign: float = 1.0) -> Brightness:
    """A judge to which dark is real; digits are dark, their negatives are bright."""
    return Brightness(-0.2, sign=-sign)


@cache
def crosstested(samples: str, judge: float) -> Result:
    """Contestant "a" with those samples and a judge of that sign, beside an opponent that never changes."""
    negatives = 255 - digits_of("train")
    of_a = negatives if samples == "negatives" else digits_of(samples)
    models = [
        Contestant(name="a", samples=of_a, discriminator=darkness(judge)),
        Contestant(name="opponent", samples=negatives, discriminator=darkness()),
    ]
    result = crosstest(
        models, data=digits_of("test"), num_samples=400, metrics=tuple(FIDELITY_METRICS), kid_subset_size=100
    )
    return refereed(result, [{"train": 1.5, "noise": 6.0, "negatives": 3.0}[samples], 3.0], n=200)


def decision(metric: str, new: Result, baseline: Result) -> Decision:
    """Of contestant "a"; the tolerance decides for figures without an interval."""
    changes = gate(new, baseline, tolerances={metric: 1e-6}).comparisons
    (change,) = (change for change in changes if change.name == "a")
    return change.decision


@pytest.mark.parametrize("metric", METRICS)
def test_a_worse_discriminator_or_a_worse_generator_is_a_regression(metric: str) -> None:
    """What a discriminator turned upside down does not move, noise in place of digits does."""
    sides = crosstested("negatives", -1.0), crosstested("negatives", 1.0)
    if decision(metric, *sides) == "within noise":
        sides = crosstested("noise", 1.0), crosstested("train", 1.0)
    assert decision(metric, *sides) == "regression"
    assert decision(metric, *reversed(sides)) == "improvement"


def test_every_gate_metric_says_what_it_is() -> None:
    meanings = [metric.meaning for metric in METRICS.values()]
    assert all(meanings) and len(set(meanings)) == len(meanings)


def test_gate_names_of_cell_figures_are_metrics_once() -> None:
    names = [name for key, figure in CELL_FIGURES.items() for name in gate_names(key, figure).values()]
    names += [figure.gate for metric in FIDELITY_METRICS.values() for figure in metric.figures if figure.gate]
    assert sorted([*names, "fn", *REFEREE_METRICS]) == sorted(METRICS)


def test_what_needs_opponents_or_fidelity_is_not_read_without_them() -> None:
    result = crosstest([model("x", ConstantGrey(0.0), Brightness(0.0))], data=REALS, num_samples=20)
    readings = {name: metric.read(result, "x", ()) for name, metric in METRICS.items()}
    assert {name for name, reading in readings.items() if reading is not None} == {"fn", "auc"}


def test_pooled_samples_that_depend_on_each_other_count_as_their_effective_number() -> None:
    alone, grouped = Proportion(count=5, n=100), Proportion(count=9, n=100, effective_n=20.0)
    assert pooled_proportion([alone, alone]) == Proportion(count=10, n=200)
    assert pooled_proportion([alone, grouped]) == Proportion(count=14, n=200, effective_n=120.0)


def test_a_baseline_of_the_former_hash_of_data_is_named_as_such() -> None:
    new = crosstest([model("a", ConstantGrey(0.0), Brightness(0.0))], data=REALS, num_samples=30)
    hashed = replace(new.protocol.data, sha256="0" * 64)
    old = replace(new, protocol=replace(new.protocol, data=hashed), probes=Missing("recorded before"))
    with pytest.raises(UsageError, match=r"earlier format, which hashed .*; record a new baseline"):
        gate(new, old)
    with pytest.raises(UsageError, match=r"protocol\.data\.sha256 is"):
        gate(new, replace(old, probes=new.probes))
