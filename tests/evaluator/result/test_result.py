"""A result of a small cross-test goes to JSON and back; what is none of a cross-test is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from grey_models import REALS, BlackOrWhite, Brightness, NormalizedBrightness, greys, model
from jsonschema import Draft202012Validator

from gancross import Contestant, Result, crosstest, load_result
from gancross.errors import DataError, UsageError
from gancross.evaluator.estimates import Estimate, Measurement, Missing, Proportion
from gancross.evaluator.fidelity.figures import FidelityFigures
from gancross.evaluator.result.reading import result_from_dict, result_schema
from gancross.evaluator.result.types import FORMAT


@cache
def images() -> Result:
    """Every part of a record: batch norm, a critic, bare samples, runs of methods, training data."""
    contestants = [
        *(
            model(f"é [/red] {k}", BlackOrWhite(0.3 + 0.1 * k), Brightness(0.1 * k), method="plain")
            for k in range(2)
        ),
        model("normalized", BlackOrWhite(0.6), NormalizedBrightness(), method="normalized"),
        model("critic", BlackOrWhite(0.5), Brightness(0.0), score_kind="critic", threshold=None),
        Contestant(name="folder", samples=greys([0, 10, 250])),
    ]
    return crosstest(contestants, data=REALS, train_data=greys([200] * 20), num_samples=60)


@cache
def vectors() -> Result:
    """A single contestant on vectors, without controls, with fidelity."""
    reals = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    contestant = Contestant(name="v", samples=reals + 1, discriminator=torch.nn.Linear(2, 1))
    options: dict[str, Any] = {"controls": False, "norm_check": False, "seed": 3}
    return crosstest(
        [contestant], data=reals, num_samples=40, metrics=["fid", "is"], kid_subset_size=20, **options
    )


RESULTS: dict[str, Callable[[], Result]] = {"images": images, "vectors": vectors}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_the_same_after_json(name: str, tmp_path: Path) -> None:
    result = RESULTS[name]()
    content = result.to_dict()
    again = result_from_dict(content)
    assert again == result
    assert again.to_dict() == content
    assert again.to_json() == result.to_json()
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == again
    assert (tmp_path / "result.json").read_text() == result.to_json()


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_keeps_to_the_schema(name: str) -> None:
    Draft202012Validator.check_schema(result_schema())
    Draft202012Validator(result_schema()).validate(json.loads(RESULTS[name]().to_json()))


def test_what_the_record_tells_of_the_options_comes_back() -> None:
    options = result_from_dict(vectors().to_dict()).protocol.options
    assert (options.metrics, options.controls, options.kid_subset_size) == (("fid", "is"), False, 20)
    assert result_from_dict(images().to_dict()).protocol.options.controls


def test_the_result_has_what_the_other_tests_need() -> None:
    """Otherwise the round trip would pass over these kinds of figures."""
    result = images()
    assert isinstance(result.cells["critic", "folder"].fp, Missing)
    assert isinstance(result.cells["critic", "folder"].auc, Estimate)
    assert isinstance(result.cells["normalized", "folder"].fp, Proportion)
    assert isinstance(result.generalisation_gap["normalized"], Estimate)
    assert isinstance(result.generalisation_gap["critic"], Missing)
    assert not isinstance(result.batch_norm["normalized"], Missing)
    assert isinstance(result.batch_norm["critic"], Missing)
    assert not isinstance(result.groups.claims, Missing) and result.groups.strengths is not None
    assert not isinstance(result.controls, Missing)
    fidelity = vectors().fidelity
    assert not isinstance(fidelity, Missing)
    assert {type(figure) for figure in fidelity["v"].figures.values()} == {Measurement, Missing}
    assert isinstance(vectors().controls, Missing)


def test_a_figure_that_a_contestant_lacks_was_not_measured() -> None:
    measured = Measurement(value=1.0, ci95=(0.5, 1.5))
    assert FidelityFigures(n=3, figures={"a": measured}).of("b") == Missing("not measured")


def test_only_judges_have_cells_and_names_keep_their_order() -> None:
    result = images()
    assert result.names == ["é [/red] 0", "é [/red] 1", "normalized", "critic", "folder"]
    assert result.judges == result.names[:-1]
    assert list(result.cells) == [(judge, name) for judge in result.judges for name in result.names]


Record = dict[str, Any]


def _renamed(record: Record) -> None:
    record["contestants"][1]["name"] = record["contestants"][0]["name"]


def _another_winner(record: Record) -> None:
    record["pairs"][0]["paper"]["winner"] = "nobody"


def _one_bin_less(record: Record) -> None:
    record["histograms"]["critic"]["real"].pop()


def _falling_edges(record: Record) -> None:
    record["histograms"]["critic"]["edges"].reverse()


CONTRADICTIONS: dict[str, tuple[Callable[[Record], object], str]] = {
    "a name twice": (_renamed, "two contestants have one name"),
    "another's histogram": (
        lambda record: record["histograms"].update(x=record["histograms"]["critic"]),
        "histograms: not of judges among the contestants",
    ),
    "a matrix missing": (
        lambda record: record["confusion"].pop("folder"),
        "confusion: not of the contestants",
    ),
    "a gap missing": (
        lambda record: record["duality_gap"].pop("folder"),
        "duality_gap: not of the contestants",
    ),
    "a curve's judge missing": (lambda record: record["roc"].pop("critic"), "roc: not of the judges"),
    "a control missing": (
        lambda record: record["controls"]["judges"].pop("critic"),
        "controls: not of the judges",
    ),
    "a cell missing": (
        lambda record: record["cross"].pop(),
        "cross: not every judge on every generator, once",
    ),
    "a cell twice": (
        lambda record: record["cross"].append(record["cross"][0]),
        "cross: not every judge on every generator, once",
    ),
    "a curve missing": (lambda record: record["roc"]["critic"].pop("folder"), "roc: not of the contestants"),
    "a mode's rate missing": (
        lambda record: record["batch_norm"]["normalized"]["modes"]["eval"]["fp"].pop("folder"),
        "batch_norm: not of the contestants",
    ),
    "a pair missing": (lambda record: record["pairs"].pop(), "pairs: not every two contestants, once"),
    "another winner": (_another_winner, "pairs: a winner that did not take part"),
    "falling edges": (_falling_edges, "histograms: edges do not rise"),
    "a bin missing": (_one_bin_less, "histograms: a count for every bin is needed"),
    "a bin's generator missing": (
        lambda record: record["histograms"]["critic"]["generators"].pop("folder"),
        "histograms: not of the contestants",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_one_line(case: str, tmp_path: Path) -> None:
    change, reason = CONTRADICTIONS[case]
    record = cast(Record, copy.deepcopy(images().to_dict()))
    change(record)
    Draft202012Validator(result_schema()).validate(json.loads(json.dumps(record)))
    path = tmp_path / "result.json"
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match="not a valid result: ") as refused:
        load_result(path)
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("way", "value", "place"),
    [
        (("cross", 0, "fp", "rate"), 2, r"cross\[0\]"),
        (("cross", 0, "auc"), 0.5, r"cross\[0\]"),
        (("confusion", "critic", "counts"), [[1, 2]], "confusion.critic"),
        (("generalisation_gap", "normalized", "value"), "0", "generalisation_gap.normalized"),
        (("batch_norm", "normalized", "flagged"), 1, "batch_norm.normalized"),
        (("duality_gap", "critic"), {}, "duality_gap.critic"),
        (("pairs", 0, "tests", "holm_p"), 1.5, r"pairs\[0\]"),
        (("protocol", "norm"), "other", "protocol.norm"),
        (("protocol", "data", "sha256"), "0", "protocol.data.sha256"),
        (("contestants",), [], "contestants"),
        (("status",), "failed", "status"),
        (("unknown",), 1, "unknown"),
        (("flags",), [1], "flags"),
    ],
)
def test_what_breaks_the_schema_is_refused_with_its_place(
    way: tuple[str | int, ...], value: object, place: str, tmp_path: Path
) -> None:
    record: Any = copy.deepcopy(images().to_dict())
    inner = record
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    path = tmp_path / "result.json"
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=f"not a valid result: .*{place}") as refused:
        load_result(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a result this version reads: format None"),
        ('{"format": "gancross.result/9"}', f"format 'gancross.result/9', expected '{FORMAT}'"),
        (f'{{"format": "{FORMAT}"}}', "not a valid result"),
    ],
)
def test_other_files_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(DataError, match=reason) as refused:
        load_result(path)
    assert str(refused.value).startswith(f"{path}: ") and "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json"):
        load_result(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [("text", "\ud800", "not Unicode"), ("nested", json.loads("[" * 20 + "]" * 20), "nested deeper than")],
)
def test_values_that_no_record_has_are_refused(key: str, value: object, reason: str) -> None:
    record: Any = copy.deepcopy(images().to_dict())
    record["provenance"][key] = value
    with pytest.raises(ValueError, match=reason):
        result_from_dict(record)
