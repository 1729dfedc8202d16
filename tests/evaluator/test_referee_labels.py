"""Calls whose referees see labels: the record and the headline, labels of training reals, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_referees import perfect, points, save_images, use_tiny

import gancross
from gancross import Contestant, Result
from gancross.data import mixture
from gancross.data.labels import labels_of_arrays
from gancross.data.lazy import LazyReals
from gancross.data.sets import DataSet, FiniteReals, finite
from gancross.errors import UsageError
from gancross.evaluator import refereeing
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.gate import protocols
from gancross.evaluator.judged_data import known_training, load_reals
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees import work
from gancross.evaluator.referees.decision import decided
from gancross.evaluator.referees.labels import training_labels
from gancross.evaluator.referees.records import GLimits, Referees
from gancross.evaluator.result.reading import result_from_dict
from gancross.evaluator.result.refereed import refereed_result
from gancross.evaluator.result.types import RefereeCost
from gancross.evaluator.result.validation import bad_value
from gancross.random_streams import Stream
from gancross.report.text.markdown import markdown_report
from gancross.report.text.verdict_sentences import verdict_sentences

N = 520


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small(monkeypatch, tmp_path)


def use_small(patch: pytest.MonkeyPatch, cache: Path) -> None:
    patch.setenv("GANCROSS_CACHE", str(cache))
    patch.setattr(refereeing, "budget_check", perfect)
    use_tiny(patch, steps=60, width=8)


def of_mixture(name: str, *, turned: int = 0) -> Contestant:
    """Points of the mixture and their modes, or other ones."""
    stream = Stream(3, "samples")
    labels = (mixture.modes(stream, 0, N) + turned) % mixture.COMPONENTS
    return Contestant(name=name, samples=mixture.samples(stream, 0, N), labels=labels)


def refereed(*contestants: Contestant, data: DataSet | str = "mixture", **options: Any) -> Result:
    given: dict[str, Any] = {"num_samples": N, "referee_labels": True, "device": "cpu"} | options
    return gancross.referee(contestants, data=data, **given)


def referees_of(result: Result) -> Referees:
    assert isinstance(result.referees, Referees)
    return result.referees


def labelled() -> DataSet:
    """Points of the mixture in memory, to train and to test."""
    train, test = Stream(1, "train"), Stream(1, "test")
    modes = mixture.modes(train, 0, N), mixture.modes(test, 0, N)
    return finite(
        "points", train=mixture.samples(train, 0, N), test=mixture.samples(test, 0, N), split="given",
        labels=labels_of_arrays("points", *modes, class_names=[*"0123456"]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Points with their own and with other labels, before referees that see them and that do not."""
    pair = of_mixture("right"), of_mixture("wrong", turned=1)
    with pytest.MonkeyPatch.context() as patch:
        use_small(patch, tmp_path_factory.mktemp("cache"))
        return {
            "seeing": refereed(*pair, data=labelled()),
            "blind": refereed(*pair, data=labelled(), referee_labels=False),
        }


def test_a_model_of_wrong_labels_is_told_where_referees_see_them(results: dict[str, Result]) -> None:
    seen = {name: entry.detectability for name, entry in referees_of(results["seeing"]).contestants.items()}
    assert abs(seen["right"].value) < 0.1 and seen["wrong"].value > 0.6
    blind = referees_of(results["blind"]).contestants
    assert blind["right"].rungs == blind["wrong"].rungs and abs(blind["wrong"].detectability.value) < 0.1


def test_sentences_and_reasons_speak_of_pairs(results: dict[str, Result]) -> None:
    """Of a record whose intervals are narrow enough for a name, as those of more seeds are."""
    for key, what in (("seeing", "(sample, class) pairs"), ("blind", "samples")):
        result = results[key]
        (comparison,) = referees_of(result).comparisons
        limits = GLimits(lower=0.0, upper=0.01, kappa=1), GLimits(lower=0.5, upper=0.6, kappa=1)
        rungs = [replace(rung, upper=0.0, g_of_a=limits[0], g_of_b=limits[1]) for rung in comparison.rungs]
        mean = Estimate(value=-0.5, low=-0.6, high=-0.4)
        near = replace(comparison, a="right", b="wrong", rungs=tuple(rungs), mean=mean, p=1e-6)
        options = referees_of(result).protocol.options
        (decision,) = decided([near], budget="quick", what=options.what)
        assert decision.verdict.winner == "right"
        assert f" tell the {what} of 'wrong' from held-out data " in decision.verdict.reason
        records = replace(referees_of(result), comparisons=(decision.comparison,))
        named = refereed_result(result, records, [decision], RefereeCost(trained=1, cached=0, seconds=1.0))
        sentence = f"right's {what} are nearer to the data than wrong's, at no resolution the reverse"
        assert verdict_sentences(named)[0] == f"{sentence} (p 1e-06)."
        assert sentence in " ".join(markdown_report(named).split())
        assert named.verdict.strict.winner == "right"


def test_record_reports_and_gate_say_that_referees_saw_labels(results: dict[str, Result]) -> None:
    seeing, blind = results["seeing"], results["blind"]
    document = json.loads(seeing.to_json())
    assert bad_value(document) is None and result_from_dict(document) == seeing
    assert document["referees"]["protocol"]["num_classes"] == 7
    controls = document["referees"]["controls"]
    assert not controls["labels"]["fails"] and 0.7 < controls["labels"]["share"] < 1
    assert controls["null"]["of"] == "training reals" and not controls["null"]["fails"]
    assert any("κ was measured with referees that see none" in flag for flag in seeing.flags)
    report = markdown_report(seeing)
    assert "they see each sample's class, one of 7" in report and "- Labels **passed**" in report

    plain = json.loads(blind.to_json())["referees"]
    assert "num_classes" not in plain["protocol"] and "labels" not in plain["controls"]
    assert not any("κ was measured with referees" in flag for flag in blind.flags)
    assert "Labels" not in markdown_report(blind) and "each sample's class" not in markdown_report(blind)
    facts = protocols.facts(seeing, ["referees"]), protocols.facts(blind, ["referees"])
    assert [entry["referees.protocol.num_classes"] for entry in facts] == [7, None]


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "read on demand"])
def test_labels_of_training_reals_are_those_of_the_same_rows(
    tmp_path: Path, in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of class k have the level k."""
    for half in ("train", "test"):
        for level in range(3):
            images = torch.full((8, 1, 8, 8), 50 * level, dtype=torch.uint8)
            save_images(images, tmp_path / half / f"class-{level}")
    if not in_memory:
        monkeypatch.setattr("gancross.data.folder.fits_in_memory", lambda *_, **__: False)
    protocol = Protocol(num_samples=20)
    data = load_reals(f"folder:{tmp_path}", data_root=tmp_path, image_size=None, seed=0)
    assert isinstance(data.train, FiniteReals) == in_memory
    if isinstance(data.train, LazyReals):
        data = replace(data, train=replace(data.train, workers=0))
    known, labels = known_training(data.train, protocol), training_labels(data.train, data, protocol)
    assert not isinstance(known, Missing) and labels is not None
    assert torch.equal(known[:, 0, 0, 0].long(), 50 * labels) and len(set(labels.tolist())) == 3
    assert training_labels(FiniteReals(array=known), data, protocol) is None  # other training data
    assert training_labels(None, data, protocol) is None


def unlabelled() -> DataSet:
    return finite("plain", train=None, test=points(40, d=3), split="given")


def of_many_classes() -> DataSet:
    labels = labels_of_arrays("x", None, torch.zeros(40).long(), class_names=list(map(str, range(10_001))))
    return finite("many", train=None, test=points(40, d=3), split="given", labels=labels)


REFUSALS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "data without labels": (
        lambda: {"data": unlabelled()},
        "data 'plain': have no labels, which referees shall see",
    ),
    "samples without labels": (
        lambda: {"contestants": [of_mixture("a"), Contestant(name="b", samples=points(50, d=3))]},
        "contestant 'b': its samples have no labels, which referees shall see",
    ),
    "a label too large": (
        lambda: {"contestants": [of_mixture("a"), replace(of_mixture("b"), labels=torch.arange(N) % 9)]},
        "contestant 'b': label 8: the data have the classes 0…6, which referees shall see",
    ),
    "other classes": (
        lambda: {"contestants": [replace(of_mixture("b"), num_classes=8)]},
        "contestant 'b': its labels are of 8 classes, those of the data of 7",
    ),
    "too many classes": (
        lambda: {"data": of_many_classes()},
        "data 'many': referees see labels of at most 10,000 classes, these have 10,001",
    ),
    "other reals": (
        lambda: {"referee_reals": points(40, d=3)},
        "reals of in memory: have no labels, which referees shall see",
    ),
    "calibration": (lambda: {"calibrate": True}, "of referees that see labels no κ is measured"),
    "no truth": (lambda: {"referee_labels": "yes"}, "labels must be True or False"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "complaint"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_judged_with_labels_is_one_line(
    options: Callable[[], dict[str, Any]], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "trained_entry", None)
    given = options()
    contestants = given.pop("contestants", [of_mixture("a")])
    with pytest.raises(UsageError) as caught:
        refereed(*contestants, **given)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_a_cross_test_refuses_before_anything_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancross.evaluator.crosstest.run_crosstest", None)
    blind = Contestant(name="b", samples=points(50, d=3), discriminator=torch.nn.Linear(3, 1))
    options: dict[str, Any] = {"data": "mixture", "num_samples": N, "referee_labels": True}
    with pytest.raises(UsageError, match="contestant 'b': its samples have no labels"):
        gancross.crosstest([of_mixture("a"), blind], referees="quick", **options)
    with pytest.raises(UsageError, match="referee_labels: none are trained with referees='none'"):
        gancross.crosstest([of_mixture("a"), blind], **options)
