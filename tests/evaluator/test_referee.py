"""Referees of whole calls: what a record holds, what it may not depend on, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from crosstests import figures
from paths import SUPPORT
from processes import side_by_side
from referee_records import referees_of
from refereed import cost_of, judged
from tiny_referees import grains, points, use_tiny

from gancross import Contestant, Result, load_result, referee
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator import crosstest as evaluator_crosstest
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees import calibration
from gancross.evaluator.referees.formats import SourceFormat
from gancross.evaluator.referees.planted import FAULTS


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    use_tiny(monkeypatch, steps=8)


DATA, TRAINING = points(120), points(150, seed=1)
SAMPLES = {"a": points(120, seed=2), "b": points(120, seed=3, shift=1.5)}


def small(samples: dict[str, torch.Tensor] = SAMPLES, **options: Any) -> Result:
    """A call of a moment, whose figures mean little."""
    return judged(samples, **({"data": DATA, "train_data": TRAINING} | options))


def test_a_record_holds_the_call_and_survives_the_way_to_a_file(tmp_path: Path) -> None:
    result = small(seeds=2, seed=3)
    record = referees_of(result)
    protocol = record.protocol
    assert (protocol.options.seeds, protocol.seed, protocol.num_training) == (2, 3, 60)
    assert (protocol.num_reals, protocol.reals, protocol.lowered_by) == (120, "the held-out reals", ())
    assert len(protocol.sigmas) == 12 and list(record.contestants) == ["a", "b"]
    assert [len(entry.rungs) for entry in record.contestants.values()] == [12, 12]
    assert record.comparisons[0].answer == "no name" and "fewer than 500" in result.verdict.generator.reason
    assert len(record.cross.cells) == 4 and record.controls.budget.num_training is None
    assert set(record.controls.copying) == {"a", "b"} and record.formats is None
    assert cost_of(result) == replace(cost_of(result), trained=8, cached=0)
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == result


def test_a_call_that_is_repeated_trains_nothing_and_gives_the_same() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second = small(), small()
    assert torch.equal(torch.get_rng_state(), before)
    assert figures(first) == figures(second)
    assert (cost_of(first).trained, cost_of(second).trained, cost_of(second).cached) == (4, 0, 4)


def test_neither_storage_nor_the_order_of_contestants_matters() -> None:
    """Training data, too, of which the null control takes a part."""
    options: dict[str, Any] = {"num_samples": 130}
    usual = small(**options)
    stored = small(
        {name: samples.flip(0) for name, samples in SAMPLES.items()}, data=DATA.flip(0),
        train_data=TRAINING.flip(0), **options,
    )  # fmt: skip
    first, second = (
        {key: value for key, value in figures(result)["referees"].items() if key != "controls"}  # type: ignore[union-attr]
        for result in (usual, stored)
    )
    assert first == second and cost_of(stored).trained == 0
    of_usual, of_stored = referees_of(usual).controls, referees_of(stored).controls
    assert (of_usual.null, of_usual.power) == (of_stored.null, of_stored.power)
    backwards = referees_of(small(dict(reversed(SAMPLES.items())), **options))
    assert backwards.contestants == referees_of(usual).contestants
    assert backwards.controls == referees_of(usual).controls
    assert backwards.protocol == referees_of(usual).protocol
    turned, straight = backwards.comparisons[0], referees_of(usual).comparisons[0]
    assert (turned.a, turned.mean.value, turned.p) == ("b", -straight.mean.value, straight.p)


def test_training_reals_are_not_ordered_for_judges_that_do_not_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = figures(small())
    monkeypatch.setattr(evaluator_crosstest, "training_reals", None)
    assert figures(small()) == usual


def stages_of(steps: Iterable[Sequence[Any]]) -> dict[str, list[tuple[int, int]]]:
    """(done, in all) of every report by what it is about, in order."""
    steps = list(steps)
    return {what: [(step[1], step[2]) for step in steps if step[0] == what] for what, *_ in steps}


def test_an_interrupted_call_goes_on_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = small()
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "second"))

    def stop(what: str, done: int, total: int) -> None:
        if what == "referees" and 2 * done >= total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(progress=stop)
    steps: list[tuple[str, int, int]] = []
    resumed = small(progress=lambda *step: steps.append(step))
    assert figures(resumed) == figures(usual) and cost_of(resumed).trained == 2
    stages = stages_of(steps)
    assert list(stages) == ["samples", "referees", "controls", "checks"]
    assert stages["samples"] == [(1, 2), (2, 2)]
    # Nobody is named: 4 cells of 2 referees, 2 copies.
    assert stages["checks"] == [(done, 10) for done in range(11)]
    for stage in ("referees", "controls"):
        (first, total), *_, last = stages[stage]
        assert first == 0 and last == (total, total)


def test_an_added_contestant_costs_its_own_referees_and_a_smaller_one_all() -> None:
    assert cost_of(small()).trained == 4
    third = {"c": points(120, seed=5)}
    more = small(SAMPLES | third)
    assert (cost_of(more).trained, cost_of(more).cached) == (2, 4)
    assert len(referees_of(more).comparisons) == 3 and more.verdict.generator.winner is None
    assert referees_of(more).contestants["a"] == referees_of(small()).contestants["a"]
    fewer = small(SAMPLES | {"c": points(80, seed=5)})
    assert cost_of(fewer).trained == 6
    assert referees_of(fewer).protocol.num_training == 40
    assert referees_of(fewer).protocol.lowered_by == ("c",)
    assert any("40 reals and samples each, since 'c' had the fewest samples" in flag for flag in fewer.flags)
    assert not any("had the fewest samples" in flag for flag in more.flags)


def test_one_contestant_is_judged_alone() -> None:
    result = small({"a": SAMPLES["a"]})
    assert referees_of(result).comparisons == () and list(referees_of(result).contestants) == ["a"]
    assert result.verdict.generator.winner is None
    assert [(cell.judge, cell.generator) for cell in referees_of(result).cross.cells] == [("a", "a")]
    assert result.to_json()


@pytest.mark.parametrize(
    ("samples", "data", "who"),
    [
        (SAMPLES | {"b": points(10)}, DATA, "'b': 10 samples"),
        (SAMPLES, points(10), "the held-out reals: 10 samples"),
    ],
)
def test_too_few_samples_are_a_reason_and_no_error(
    samples: dict[str, torch.Tensor], data: torch.Tensor, who: str
) -> None:
    result = small(samples, data=data)
    reason = (
        f"{who}, of which referees need at least 20 different ones, half to train on and half to be tested on"
    )
    assert result.referees == Missing(reason)
    assert result.verdict.generator.winner is result.verdict.strict.winner is None
    assert result.verdict.generator.reason == f"no referees: {reason}"
    assert result.provenance.referees is None and result.to_json()


def test_a_collapsed_generator_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    result = small({"a": SAMPLES["a"], "point": torch.full((120, 2), 0.3)})
    assert referees_of(result).contestants["point"].rungs[0].g.value > 0.7
    assert referees_of(result).contestants["point"].detectability.value > 0.3


def test_without_training_data_a_third_of_the_reals_is_the_null() -> None:
    result = small(train_data=None)
    null = referees_of(result).controls.null
    assert not isinstance(null, Missing) and null.of == "a third of the held-out reals"
    assert 20 < null.figures.num_samples < 60
    assert "no training data are known: the null control took a third of the held-out reals" in result.flags
    assert referees_of(result).controls.copying["a"] == Missing("the training data are not known")
    few = small({"a": points(40, seed=2)}, data=points(40), train_data=None)
    assert isinstance(referees_of(few).controls.null, Missing) and few.to_json()


def test_other_reals_take_the_place_of_the_held_out_ones() -> None:
    usual, others = small(), small(referee_reals=points(90, seed=9))
    record = referees_of(others).protocol
    assert (record.num_reals, record.num_training, record.reals) == (90, 45, "reals of in memory")
    assert record.reals_sha256 != referees_of(usual).protocol.reals_sha256
    assert cost_of(others).trained == 4


def test_kappa_is_measured_on_the_data_at_hand_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_tiny(monkeypatch, steps=2)
    monkeypatch.setattr(calibration, "FAULTS", {"shift": FAULTS["shift"]})
    first = small(calibrate=True)
    budget = referees_of(first).controls.budget
    assert budget.source == "measured on the data at hand, in memory" and budget.num_training == 60
    assert not any("was not measured" in flag for flag in first.flags)
    stored = small(calibrate=True, train_data=TRAINING.flip(0))
    assert referees_of(stored).controls.budget == budget


def test_images_are_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    samples = {"a": grains(100, seed=1), "bright": grains(100, seed=2, shift=25)}
    result = judged(samples, grains(100), train_data=grains(100, seed=3))
    record = referees_of(result)
    assert record.formats is not None and record.formats.reals == SourceFormat(source="arrays")
    assert record.formats.contestants == dict.fromkeys(samples, record.formats.reals)
    assert not any("may see the format" in flag for flag in result.flags)
    assert record.protocol.options.form == "small images" and record.protocol.sigmas[0] == 1 / 255
    assert (
        record.contestants["bright"].detectability.value > record.contestants["a"].detectability.value + 0.2
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_stop_with_the_contestants_name(value: float) -> None:
    """Before anything is trained; a referee would take infinite samples for far ones."""
    mad = SAMPLES["b"].clone()
    mad[3] = value
    steps: list[str] = []
    with pytest.raises(DivergenceError, match="contestant 'mad': its samples hold NaN or infinite values"):
        small({"a": SAMPLES["a"], "mad": mad}, progress=lambda what, *_: steps.append(what))
    assert set(steps) <= {"samples"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"budget": "quickly"}, "unknown referee budget 'quickly': did you mean 'quick'"),
        ({"seeds": 0}, "number of referee seeds must be at least 1, is 0"),
        ({"workers": 0}, "number of workers must be at least 1, is 0"),
        ({"num_samples": 0}, "number of samples must be at least 1"),
        ({"referee_reals": points(50, d=3)}, r"samples of shape \(3,\), but the data have shape \(2,\)"),
        ({"train_data": points(50, d=3)}, r"training samples have shape \(3,\)"),
        ({"data": points(50, d=3), "train_data": None}, r"'a': samples of shape \(2,\)"),
        ({"samples": {}}, "no contestants"),
        ({"data": torch.full((50, 2), float("inf"))}, "the held-out reals: hold NaN or infinite values"),
        ({"calibrate": True, "train_data": None}, "at least 100; known are 0: give training data"),
        ({"calibrate": True, "train_data": points(99)}, "at least 100; known are 99"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        small(**options)


def test_two_contestants_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two contestants are called 'a'"):
        referee([Contestant(name="a", samples=DATA)] * 2, data=DATA)


def test_two_processes_give_the_record_of_one(tmp_path: Path) -> None:
    arrays = SAMPLES | {"data": DATA, "training": TRAINING}
    torch.save(arrays, tmp_path / "arrays.pt")
    command = [str(SUPPORT / "refereed.py"), str(tmp_path / "arrays.pt"), str(tmp_path / "record")]
    ended = side_by_side(2, command, GANCROSS_CACHE=str(tmp_path / "together"))
    assert [process.code for process in ended] == [0, 0], ended
    expected = json.loads(json.dumps(figures(small(save_referees=tmp_path / "alone"))))
    saved = tmp_path / "alone", tmp_path / "record-saved.0"
    assert len(list(saved[0].iterdir())) == 2 and not (tmp_path / "record-saved.1").exists()
    for path in saved[0].iterdir():
        assert (saved[1] / path.name).read_bytes() == path.read_bytes()
    records = [json.loads((tmp_path / f"record.{rank}").read_text()) for rank in (0, 1)]
    for record in records:
        assert record["figures"] == expected and record["trained"] == 4
    assert records[1]["steps"] == []  # the first process alone reports
    stages = stages_of(records[0]["steps"])
    assert list(stages) == ["samples", "referees", "controls", "checks"]
    for stage in ("referees", "controls"):
        assert stages[stage][0][0] == 0 and len(set(stages[stage][-1])) == 1
    assert len(list((tmp_path / "together").rglob("*.npz"))) == 8
