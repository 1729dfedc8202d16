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
    summary = histories.history(lines(states))
    assert (summary["good_from"], summary["first_bad"], summary["broken_at"]) == (good, bad, broken)
    assert summary["recovered_at"] == recovered
    since = states[good // 100 - 1 :] if good else ""
    expected = sum(kind in "bm" for kind in since) / len(since) if since else None
    assert summary["bad_share"] == expected


def test_covering_every_mode_is_told_apart_from_being_good() -> None:
    summary = histories.history(lines("biiigi"))
    assert (summary["good_from"], summary["whole_from"], summary["broken_at"]) == (200, 500, None)
    late = histories.late(lines("bbbbbb", "igii"))
    assert late["modes"] == 6.25 and late["bad_share"] == 0


def test_late_figures_are_those_of_the_last_part() -> None:
    summary = histories.late(lines("bbbbbb", "gggb"))
    assert summary["within_0.1"] == pytest.approx((3 + 0.4) / 4) and summary["lowest_within_0.1"] == 0.4
    assert summary["bad_share"] == 0.25 and summary["margin"] == 3.0


def test_curves_are_means_of_stretches() -> None:
    summary = histories.curves(lines("g" * 100, "b", "g" * 99), ["within_0.1"])
    assert len(summary["step"]) <= histories.POINTS and summary["step"][-1] == 20_000
    assert sum(value < 1 for value in summary["within_0.1"]) == 1
    assert min(summary["within_0.1"]) == pytest.approx((2 + 0.4) / 3)  # two hundred lines, three to a stretch
