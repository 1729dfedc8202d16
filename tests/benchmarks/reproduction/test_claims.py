"""What the page says of old counts, rates of groups, sides of unequal size, and runs that are needed."""

from __future__ import annotations

from typing import Any

import pytest
from cross_records import crosstest_record
from reproduction import cross_verdicts, decisions, image_tables, new_runs, rules, squared_j, tables

Plain = dict[str, Any]


def old(record: Plain) -> Plain:
    """A record as it was written before the rule about discriminators had a fifth step."""
    verdicts = {"paper": record["verdicts"]["paper"], "strict": record["verdicts"]["discriminator"]}
    return record | {"verdicts": verdicts}


def test_old_counts_are_named_as_such_and_new_ones_are_not() -> None:
    record = crosstest_record(1.0, 0.0, runs=4, winner="regularized")
    text = cross_verdicts.crosstest(record)
    assert "The rule about discriminators names unregularized" in text and "first four steps" not in text
    assert "| the rule about discriminators | 16 |" in "\n".join(tables.verdicts(record))
    for text in (cross_verdicts.crosstest(old(record)), "\n".join(tables.verdicts(old(record)))):
        assert "the rule about discriminators (its first four steps)" in text.lower()
        assert "counted by its first four steps, under the key `strict`" in text and "not valid" not in text


@pytest.mark.parametrize(
    ("grouped", "is_old", "invalid"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_only_old_tests_under_batch_statistics_are_invalid(
    grouped: bool, is_old: bool, invalid: bool
) -> None:
    record = crosstest_record(1.0, 0.0, runs=4, winner="regularized")
    if is_old:
        record = old(record)
    norms = ("eval", "batch") if grouped else ("eval",)
    record["modes"] = [record | {"norm": norm, "quantize": True} for norm in norms]
    for run in record["runs"]:
        run["fp"] = 0.1
    assert rules.uses_batch_statistics(record) == grouped
    assert rules.has_invalid_tests(record) == invalid
    assert ("not valid" in cross_verdicts.crosstest(record)) == invalid
    table = image_tables.modes(record)
    assert all(row.endswith("| – |") == invalid for row in table[2:])
    assert ("tests under batch statistics by groups" in new_runs.needs(record, shortage="")) == invalid


def test_a_refusal_for_its_modes_tells_that_batch_norm_was_compared() -> None:
    record = crosstest_record(1.0, 0.0, runs=4)
    assert not rules.uses_batch_statistics(record)
    assert rules.uses_batch_statistics(record | {"refusals": {"the batch-norm modes disagree": 1}})


def with_fidelity(record: Plain, **figures: tuple[float, float]) -> Plain:
    """Figures of the samples of unregularized and of regularized runs, runs of a side close together."""
    names = {"distance": "frechet_distance[identity]", "precision": "precision[identity]"}
    for number, run in enumerate(record["runs"]):
        side = run["variant"] == "regularized"
        run["fidelity"] = {names[key]: values[side] + number / 1000 for key, values in figures.items()}
    return record


def test_each_figure_of_the_samples_has_its_noun_and_disagreements_are_said() -> None:
    record = crosstest_record(0.0, 1.0, runs=5, winner="unregularized")
    text = cross_verdicts.crosstest(with_fidelity(record, distance=(2.0, 1.0), precision=(0.9, 0.5)))
    assert "Fréchet distance to the test data unregularized 2 [2, 2], regularized 1.01" in text
    assert "permutation p 0.0159" in text  # 2 of 252 divisions, twice after Holm
    assert (
        "it names those of the unregularized GAN, and beyond chance the Fréchet distance to the test data of"
        " its samples is larger than the other's"
    ) in text
    assert (
        "by their means Fréchet distance to the test data is smaller for regularized; precision is larger for"
        " unregularized."
    ) in text
    agreeing = cross_verdicts.crosstest(with_fidelity(record, distance=(1.0, 2.0), precision=(0.9, 0.5)))
    assert "disagree" not in agreeing and "The claim is about" not in agreeing
    for word in ("worse samples", "better samples", "samples are"):
        assert word not in text and word not in agreeing


def test_sides_of_unequal_size_are_not_decided_by_a_permutation() -> None:
    record = with_fidelity(crosstest_record(1.0, 0.0, runs=5, winner="regularized"), distance=(2.0, 1.0))
    assert cross_verdicts.crosstest(record).startswith(decisions.YES)
    unequal = record | {"runs": record["runs"][:-1]}
    names = record["cross_fp"]["names"][:-1]
    fp = [row[:-1] for row in record["cross_fp"]["fp"][:-1]]
    unequal["cross_fp"] = {"names": names, "judges": names, "fp": fp}
    text = cross_verdicts.crosstest(unequal)
    assert text.startswith(
        f"{decisions.UNDECIDED}: the permutation's p is not reliable for 5 against 4 runs.**"
    )
    assert "permutation p " not in text
    (reason,) = new_runs.needs(unequal, shortage="")
    assert reason.startswith("equally many runs of both methods")
    other_test = unequal | {"claims": [{"winner": "regularized", "p": 0.01, "runs": [5, 4]}]}
    assert cross_verdicts.crosstest(other_test).startswith(f"{decisions.YES} The methods'")
    assert new_runs.needs(other_test, shortage="") == []


def test_sharpness_of_the_same_methods_in_another_record_is_told() -> None:
    record = crosstest_record(0.0, 1.0, runs=5, winner="unregularized")
    late = {"unregularized": (4.0, 0.8), "regularized": (7.0, 0.6)}
    others = [{"variant": side, "reached": 9, "late": {"modes": modes, "within_3_std": sharp}}
              for side, (modes, sharp) in late.items()]  # fmt: skip
    text = cross_verdicts.crosstest(record | {"beside": {"runs": others}})
    assert (
        "3 standard deviations of a mode: unregularized 0.800, regularized 0.600. **Measures disagree:**"
        in text
    )
    shorter = [run | {"reached": 8} for run in others]
    assert "§5.3" not in cross_verdicts.crosstest(record | {"beside": {"runs": shorter}})


def test_what_needs_new_runs_is_said_in_one_way() -> None:
    record = crosstest_record(1.0, 0.0, runs=4, winner="regularized")
    assert new_runs.needs(record, shortage=decisions.methods_shortage(record)) == [] == new_runs.line([])
    assert new_runs.summary({"§1": []}) == []
    few = old(crosstest_record(1.0, 0.0, runs=1)) | {"missing": ["late"]}
    reasons = new_runs.needs(few, shortage=decisions.methods_shortage(few))
    assert reasons == [
        "its runs to their last step", "at least 4 runs of every method (one run each now)",
        "a cross-test that counts all five steps of the rule about discriminators",
    ]  # fmt: skip
    assert new_runs.line(reasons)[-1] == f"**Needs new runs:** {'; '.join(reasons)}."
    assert new_runs.summary({"§1": [], "§2": reasons})[-1] == f"- §2: {'; '.join(reasons)}."


def test_squared_j_leaves_out_blind_judges_and_its_own() -> None:
    names = ["a", "b", "c"]
    fp = [[0.1, 0.3, 0.9], [0.5, 0.1, 0.9], [0.6, 0.8, 0.9]]
    record: Plain = {
        "protocol": {"norm": "eval", "num_real": 101, "num_fake": 201},
        "runs": [{"name": name, "fn": 0.2, "blind": name == "c"} for name in names],
        "cross_fp": {"names": names, "judges": names, "fp": fp},
    }
    squared = squared_j.squared_js(record)
    assert squared["a"] == pytest.approx(0.5**2 - 0.2 * 0.8 / 100 - 0.3 * 0.7 / 200)
    assert squared["b"] == pytest.approx(0.3**2 - 0.2 * 0.8 / 100 - 0.5 * 0.5 / 200)
    mean = (0.2**2 - 0.6 * 0.4 / 200 + 0.0**2 - 0.8 * 0.2 / 200) / 2 - 0.2 * 0.8 / 100
    assert squared["c"] == pytest.approx(mean)
    record["protocol"]["norm"] = "batch"
    assert set(squared_j.squared_js(record).values()) == {None}


def test_a_collapsed_generator_that_fools_the_most_does_not_lead() -> None:
    runs = [{"name": name, "fn": fn, "blind": False} for name, fn in (("a", 0.1), ("b", 0.1), ("c", 0.5))]
    record = {
        "protocol": {"norm": "eval", "num_real": 1001, "num_fake": 1001}, "runs": runs,
        "cross_fp": {"names": ["spread", "collapsed"], "judges": ["a", "b", "c"],
                     "fp": [[0.9, 0.9, 0.5], [1.0, 1.0, 1.0]]},
    }  # fmt: skip
    squared = squared_j.squared_js(record)
    assert squared["spread"] is not None and squared["collapsed"] is not None
    assert squared["spread"] < squared["collapsed"]


def test_the_smaller_of_noisy_runs_is_not_beyond_chance() -> None:
    apart = ([1.0, 1.1, 1.2, 1.3], [2.0, 2.1, 2.2, 2.3])
    mixed = ([1.0, 2.1, 1.2, 2.3], [2.0, 1.1, 2.2, 2.4])
    assert decisions.smaller([apart, mixed]) == 2 and decisions.smaller_beyond_chance([apart]) == 1
    assert decisions.smaller_beyond_chance([apart, apart]) == 0  # 2 of 70 divisions, twice after Holm
    assert decisions.smaller_beyond_chance([mixed]) == 0
    assert decisions.adjusted_p([(apart[0], apart[1][:3])]) == [None]
