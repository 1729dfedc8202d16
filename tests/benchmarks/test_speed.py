"""The timing harness of the benchmarks, and that their table says what their records say."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import speed_table
import torch
from speed.timing import Row, Spread, Times, interleaved, pinned, record


def row(
    work: str = "w", median: float = 1.0, *, goal: float | None = 1.25, predicted: float | None = None
) -> Row:  # fmt: skip
    measured = Spread(median=median, low=median / 2, high=median * 2, rounds=3)
    return Row(work=work, measured=measured, threads=1, goal=goal, predicted=predicted)


def test_variants_take_turns_in_an_order_that_rotates() -> None:
    ran: list[str] = []
    times = interleaved({name: partial(ran.append, name) for name in "abc"}, rounds=3, threads=1)
    assert "".join(ran) == "cab" + "abc" + "bca" + "cab"
    assert {name: len(values) for name, values in times.seconds.items()} == dict.fromkeys("abc", 3)


def test_several_calls_make_one_figure() -> None:
    ran: list[int] = []
    times = interleaved({"a": lambda: ran.append(1)}, rounds=2, threads=1, calls=5, warmup=0)
    assert len(ran) == 10
    assert len(times.seconds["a"]) == 2


def test_a_ratio_is_taken_within_each_round() -> None:
    seconds = {"ours": [2.0, 30.0, 5.0], "bare": [1.0, 10.0, 4.0]}
    cpu = {"ours": [1.0] * 3, "bare": [4.0] * 3}
    expected = np.quantile([2.0, 3.0, 1.25], [0.25, 0.5, 0.75])
    alone, two = (
        Times(seconds=seconds, cpu=cpu, threads=threads).row("ours / bare", "ours", "bare")
        for threads in (1, 2)
    )
    spread = two.measured
    assert [spread.low, spread.median, spread.high] == pytest.approx(list(expected))
    assert alone.measured.median == 0.25  # of processor time
    assert alone.parts["clock_ratio"] == two.parts["clock_ratio"] == vars(two.measured)
    assert two.parts["cpu_ratio"] == vars(alone.measured)
    assert alone.parts["seconds"]["ours"]["median"] == 5.0


def test_threads_are_pinned_and_given_back() -> None:
    before = torch.get_num_threads()
    with pinned(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("median", "met"), [(1.24, True), (1.25, True), (1.26, False)])
def test_a_goal_is_met_by_the_median(median: float, met: bool) -> None:
    assert row(median=median).meets_goal is met
    assert row(median=median, goal=None).meets_goal is None


def test_a_record_has_what_its_table_needs(tmp_path: Path) -> None:
    rows = [row(), row("later", 2.0, predicted=1.5)]
    path = record("some-question", lambda: rows, ["--out", str(tmp_path)])
    assert path.name == "speed-some-question.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["machine"]["cores"] >= 1
    assert set(document["load"]) == {"before", "after"}
    assert document["rows"][0]["measured"]["rounds"] == 3
    assert "torch" in document["versions"]
    assert speed_table.table([document]).splitlines()[2:] == [
        "| w | 1.00 [0.50, 2.00] | 1 | – | ≤ 1.25 | yes |",
        "| later | 2.00 [1.00, 4.00] | 1 | 1.50 | ≤ 1.25 | **no** |",
    ]


def test_the_table_of_the_readme_is_made_from_the_records() -> None:
    text = speed_table.README.read_text(encoding="utf-8")
    written = speed_table.table(speed_table.records())
    assert speed_table.BEGIN + written + speed_table.END in text
    assert speed_table.with_table(text, written) == text
    with pytest.raises(ValueError, match="has no place for the table"):
        speed_table.with_table(text.replace(speed_table.END, ""), written)
