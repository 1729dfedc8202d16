"""Figures by class in the record of a cross-test: to JSON and back, refused where it contradicts itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from grey_models import REALS, BlackOrWhite, Brightness, greys, model
from jsonschema import Draft202012Validator

from gancross import Contestant, Result, crosstest, load_result
from gancross.data.labels import labels_of_arrays
from gancross.data.sets import DataSet, finite
from gancross.errors import DataError
from gancross.evaluator import crosstest as module
from gancross.evaluator.classes.records import ClassFigures
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.scores import Scores
from gancross.evaluator.judging.scoring import score_all
from gancross.evaluator.result.reading import result_from_dict, result_schema

NAMES = ("dark", "grey [/red]", "é")
CONDITIONAL = ("first", "second")
Record = dict[str, Any]


def data() -> DataSet:
    labels = labels_of_arrays("greys", None, torch.arange(10) % 3, class_names=NAMES)
    return finite("greys", train=None, test=REALS, split="all", labels=labels)


def contestants() -> list[Contestant]:
    return [
        model("first", BlackOrWhite(0.3), Brightness(0.1)),
        model("second", BlackOrWhite(0.6), Brightness(0.4)),
        Contestant(name="folder", samples=greys([0, 10, 250])),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _classes_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample i of the test data and of two contestants has class i mod 3."""

    def scored(*positional: Any, **keywords: Any) -> Scores:
        scores = score_all(*positional, **keywords)
        (of_judge, *_) = scores.by_norm["eval"].values()
        return replace(scores, classes={
            label: np.arange(len(of_judge[label])) % 3 for label in (None, *CONDITIONAL)
        })  # fmt: skip

    monkeypatch.setattr(module, "score_all", scored)


def crosstested(models: Sequence[Contestant] | None = None) -> Result:
    return crosstest(
        contestants() if models is None else models, data=data(), num_samples=60, controls=False,
        norm_check=False, device="cpu",
    )  # fmt: skip


def of(result: Result) -> ClassFigures:
    assert result.classes is not None
    return result.classes


def test_a_cross_test_has_figures_of_every_judge_on_every_source_with_classes() -> None:
    result = crosstested()
    figures = of(result)
    assert figures.names == NAMES and figures.num_real == (4, 3, 3)
    assert figures.num_generated == dict.fromkeys(CONDITIONAL, (20, 20, 20))
    assert set(figures.reals) == set(CONDITIONAL)
    assert [(entry.judge, entry.generator) for entry in figures.cross] == [
        (judge, generator) for judge in CONDITIONAL for generator in CONDITIONAL
    ]
    for entry in figures.cross:
        fps = [of_class.fp for of_class in entry.classes]
        whole = result.cells[entry.judge, entry.generator].fp
        assert isinstance(whole, Proportion)
        assert sum(fp.count for fp in fps if isinstance(fp, Proportion)) == whole.count


def test_the_record_is_the_same_after_json_and_keeps_to_the_schema(tmp_path: Path) -> None:
    result = crosstested()
    assert result_from_dict(result.to_dict()) == result
    result.save(tmp_path / "result.json")
    again = load_result(tmp_path / "result.json")
    assert again.to_json() == result.to_json() and of(again) == of(result)
    Draft202012Validator(result_schema()).validate(json.loads(result.to_json()))
    assert result.to_json().count("grey [/red]") == 1  # names stand in it once


def test_a_record_without_classes_has_no_such_field_and_is_read() -> None:
    content = replace(crosstested(), classes=None).to_dict()
    assert "classes" not in content and result_from_dict(content).classes is None


def test_the_order_of_contestants_changes_nothing_but_the_order() -> None:
    before, after = crosstested(), crosstested(contestants()[::-1])
    old, new = of(before), of(after)
    assert (new.names, new.num_real, new.reals) == (old.names, old.num_real, old.reals)
    assert new.num_generated == old.num_generated
    order = {(entry.judge, entry.generator): entry for entry in new.cross}
    assert [order[entry.judge, entry.generator] for entry in old.cross] == list(old.cross)


def test_a_figure_that_is_not_finite_is_missing_and_costs_no_other() -> None:
    result = crosstested()
    first, *others = of(result).cross
    broken = replace(first.classes[1], auc=Estimate(value=float("nan"), low=0.0, high=1.0))
    cross = (replace(first, classes=(first.classes[0], broken, first.classes[2])), *others)
    checked = of(with_finite_figures(replace(result, classes=replace(of(result), cross=cross))))
    auc = checked.cross[0].classes[1].auc
    assert isinstance(auc, Missing) and "not a finite number" in auc.reason
    assert checked.cross[0].classes[1].fp == first.classes[1].fp and checked.cross[1:] == tuple(others)


CONTRADICTIONS: dict[str, tuple[Callable[[Record], object], str]] = {
    "a judge missing": (lambda classes: classes["reals"].pop("first"), "classes: not of the judges"),
    "reals without numbers": (lambda classes: classes.update(num_real=None), "classes: not of the judges"),
    "a table missing": (
        lambda classes: classes["cross"].pop(),
        "classes: not every judge on every generator with classes, once",
    ),
    "a stranger": (
        lambda classes: classes["num_generated"].update(stranger=[1, 1, 1]),
        "classes: not every judge on every generator with classes, once",
    ),
    "a class missing": (
        lambda classes: classes["cross"][0]["classes"].pop(), "classes: an entry for every class is needed",
    ),
    "a name too many": (
        lambda classes: classes["names"].append("x"), "classes: an entry for every class is needed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused(case: str, tmp_path: Path) -> None:
    change, reason = CONTRADICTIONS[case]
    record = cast(Record, copy.deepcopy(crosstested().to_dict()))
    change(record["classes"])
    (tmp_path / "result.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=f"not a valid result: {reason}"):
        load_result(tmp_path / "result.json")
