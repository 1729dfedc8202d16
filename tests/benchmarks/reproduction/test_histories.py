"""The history of a run, from the lines of its log."""

from __future__ import annotations

import pytest
from logs import lines
from reproduction import histories


@pytest.mark.parametrize(
    ("states", "good", "bad", "broken", "recovered"),
    [
        ("bbbbbbbb", None, None, None, None),
        ("bbg-g-gg", 300, None, None, None),
        ("bgbbbbgg", 200, 300, None, None),
        ("bgbmbmbb", 200, 300, 300, None),
        ("gbgmmmmm-bg", 100, 200, 400, 1100),
        ("biiiiiiiii", 200, None, None, None),
    ],
)
def test_the_rule_of_breaking(
    states: str, good: int | None, bad: int | None, broken: int | None, recovered: int | None
) -> None:
    found = histories.history(lines(states))
    assert (found["good_from"], found["first_bad"], found["broken_at"]) == (good, bad, broken)
    assert found["recovered_at"] == recovered
    since = states[good // 100 - 1 :] if good else ""
    expected = sum(kind in "bm" for kind in since) / len(since) if since else None
    assert found["bad_share"] == expected


def test_covering_every_mode_is_told_apart_from_being_good() -> None:
    found = histories.history(lines("biiigi"))
    assert (found["good_from"], found["whole_from"], found["broken_at"]) == (200, 500, None)
    late = histories.late(lines("bbbbbb", "igii"))
    assert late["modes"] == 6.25 and late["bad_share"] == 0


def test_late_figures_are_those_of_the_last_part() -> None:
    found = histories.late(lines("bbbbbb", "gggb"))
    assert found["within_0.1"] == pytest.approx((3 + 0.4) / 4) and found["lowest_within_0.1"] == 0.4
    assert found["bad_share"] == 0.25 and found["margin"] == 3.0


def test_curves_are_means_of_stretches() -> None:
    found = histories.curves(lines("g" * 100, "b", "g" * 99), ["within_0.1"])
    assert len(found["step"]) <= histories.POINTS and found["step"][-1] == 20_000
    assert sum(value < 1 for value in found["within_0.1"]) == 1
    assert min(found["within_0.1"]) == pytest.approx((2 + 0.4) / 3)  # two hundred lines, three to a stretch
