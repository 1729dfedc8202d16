"""Which rows are said to have moved: seldom by chance, and never those of another machine."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from speed.timing import Row, Spread
from speed_changes import Changes, moved

MACHINE = {"cpu": "some processor", "cores": 2, "system": "Linux"}
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
DRAWS: dict[str, Draw] = {
    "normal": lambda random, size: 1 + 0.05 * random.normal(size=size),
    "skewed": lambda random, size: 1 + 0.05 * random.exponential(size=size) ** 2,
    "student": lambda random, size: 1 + 0.05 * random.standard_t(3, size=size),
}


def row(values: list[float], work: str = "w", **more: Any) -> dict[str, Any]:
    return Row(work=work, measured=Spread.of(values), threads=1, **more).plain()


def record(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "question": "q", "rows": list(rows), "machine": MACHINE, "versions": {"torch": "2.14.1"}, **more
    }  # fmt: skip


def changes(before: dict[str, Any] | None, after: dict[str, Any]) -> Changes:
    found = Changes()
    found.take_in(before, after)
    return found


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("rounds", [(3, 3), (3, 9), (5, 5), (7, 7), (15, 15)], ids=str)
def test_rows_of_one_distribution_seldom_move(draw: Draw, rounds: tuple[int, int]) -> None:
    draws = 4_000
    random = np.random.default_rng(0)
    sides = []
    for count in rounds:
        low, median, high = np.quantile(draw(random, (draws, count)), [0.25, 0.5, 0.75], axis=1)
        sides.append(
            [
                {"measured": {"low": low[i], "median": median[i], "high": high[i], "rounds": count}}
                for i in range(draws)
            ]
        )
    share = np.mean([moved(*pair) for pair in zip(*sides, strict=True)])
    assert share <= (0.015 if min(rounds) < 5 else 0.0075)


def test_a_real_change_of_five_standard_deviations_is_seen() -> None:
    random = np.random.default_rng(0)
    pairs = [
        (row(list(1 + 0.02 * random.normal(size=9))), row(list(1.1 + 0.02 * random.normal(size=9))))
        for _ in range(200)
    ]
    assert np.mean([moved(*pair) for pair in pairs]) > 0.9


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1.0] * 9, [1.039] * 9, False),  # 2 % of either median is no move
        ([1.0] * 9, [1.042] * 9, True),
        ([1.0], [1.10], False),  # measured once: 5 %
        ([1.0], [1.11], True),
        ([0.9, 1.0, 1.1], [1.25, 1.3, 1.35], False),  # of three rounds twice the distance of the quartiles
        ([0.9, 1.0, 1.1], [1.32, 1.34, 1.36], True),
    ],
    ids=["within-2%", "beyond-2%", "once-within", "once-beyond", "three-within", "three-beyond"],
)
def test_the_spread_of_a_row(before: list[float], after: list[float], expected: bool) -> None:
    assert moved(row(before), row(after)) is moved(row(after), row(before)) is expected


def test_older_records_have_their_rounds_beside_the_seconds() -> None:
    before, after = row([0.98, 1.0, 1.02] * 3), row([1.07] * 9)
    assert moved(before, after)
    del before["measured"]["rounds"]
    assert not moved(before, after)  # unknown: as of few
    before["parts"] = {"seconds": {"rounds": 9}}
    assert moved(before, after)


def test_rows_are_named_with_figures_and_factor() -> None:
    before = record(row([1.0] * 9), row([2.0] * 9, "m", resource="memory"), row([3.0] * 9, "steady"))
    after = record(row([1.5] * 9), row([1.0] * 9, "m", resource="memory"), row([3.0] * 9, "steady"))
    found = changes(before, after)
    assert found.slower == ["w, 1 thread: 1.00 [1.00, 1.00] → 1.50 [1.50, 1.50], slower by a factor of 1.50"]
    assert found.faster == ["m, 1 thread: 2.00 [2.00, 2.00] → 1.00 [1.00, 1.00], less by a factor of 2.00"]
    assert next(found.lines()) == "2 of 3 rows moved by more than their spread:"


def test_new_and_gone_rows_and_missed_goals_are_named() -> None:
    found = changes(record(row([1.0], "old")), record(row([1.2], "added", goal=1.1, unit="s")))
    assert (found.compared, found.slower) == (0, [])
    assert list(found.lines()) == [
        "0 of 0 rows moved by more than their spread",
        "new: 1", "  added, 1 thread: 1.20 s [1.20, 1.20]",
        "gone: 1", "  old, 1 thread: 1.00 [1.00, 1.00]",
        "goal missed: 1", "  added, 1 thread: 1.20 s [1.20, 1.20], goal ≤ 1.10",
    ]  # fmt: skip


def test_rows_of_another_machine_are_not_compared() -> None:
    before, after = record(row([1.0] * 9)), record(row([5.0] * 9))
    for key, value in {"cpu": "another processor", "cores": 64}.items():
        other = deepcopy(before)
        other["machine"][key] = value
        found = changes(other, after)
        assert (found.slower, found.faster, found.compared) == ([], [], 0)
        (note,) = found.notes
        assert str(value) in note and "some processor, 2 cores" in note and "not compared" in note


def test_other_versions_are_named_beside_what_moved() -> None:
    found = changes(record(row([1.0] * 9), versions={"torch": "2.13.0"}), record(row([5.0] * 9)))
    assert found.notes == ["q: since the record before: torch 2.13.0 → 2.14.1"]
    assert len(found.slower) == 1
    assert changes(None, record(row([1.0]))).notes == ["q: no record before"]
