"""Coverage by retraining: its repetitions are fresh, its record resumes, its counts are right."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import referee_coverage
from planted_pairs.records import Line, lines
from referee_coverage import FAR, GENERATORS, coverage_of_mean, coverage_of_noise, repetition, summary, table
from tiny_referees import use_tiny

from gancross.data import mixture
from gancross.random_streams import Stream

RUNGS = 12
REPETITIONS = 40
SIGMAS = np.geomspace(0.01, 4, RUNGS).tolist()


def limits(value: float, reach: float) -> list[float]:
    return [value, value - reach, value + reach]


def made_up(number: int, *, reach: float, g: float = 0.6) -> Line:
    """A repetition whose values lie .01 above or below the truth; G falls from `g` + .1 to below one half."""
    off = 0.01 * (-1) ** number
    curve = np.linspace(g + 0.1, g - 0.5, RUNGS).tolist()
    return {
        "setting": "made up", "n": 600, "repetition": number, "sigmas": SIGMAS, "seconds": 1.0,
        "figures": {"G of a": [limits(value + off, reach) for value in curve], "D of a": [limits(off, 0.1)]},
        "half_detection_noise": {"a": {"value": 0.3 + off, "ci95": [0.1, 0.5], "censored": None}},
    }  # fmt: skip


def test_intervals_that_hold_the_mean_are_counted() -> None:
    known = [made_up(number, reach=0.02 if number < 36 else 0.005) for number in range(REPETITIONS)]
    (found,) = summary(known)
    assert (found["n"], found["repetitions"], found["seconds"]) == (600, REPETITIONS, REPETITIONS)
    of_g = [entry for entry in found["figures"] if entry["figure"] == "G of a"]
    assert [entry["rung"] for entry in of_g] == list(range(1, RUNGS + 1))
    for entry, truth in zip(of_g, np.linspace(0.7, 0.1, RUNGS), strict=True):
        assert entry["coverage"]["count"] == 36
        assert entry["met"] is None  # of so few repetitions nothing is said
        assert entry["truth"] == pytest.approx(truth)
        assert entry["standard_error"] == pytest.approx(0.01 / math.sqrt(REPETITIONS - 1))
    of_d = next(entry for entry in found["figures"] if entry["figure"] == "D of a")
    assert of_d["coverage"]["rate"] == 1
    assert of_d["width"] == pytest.approx(0.1 / (1.96 * 0.01 * math.sqrt(40 / 39)), rel=1e-3)


@pytest.mark.parametrize(
    ("hits", "met", "too_wide"), [(169, False, False), (181, True, False), (200, True, True)]
)
def test_a_coverage_may_miss_the_goal_by_three_standard_errors(hits: int, met: bool, too_wide: bool) -> None:
    known = [made_up(number, reach=0.02 if number < hits else 0.0) for number in range(200)]
    entry = summary(known)[0]["figures"][0]
    assert entry["coverage"]["count"] == hits
    assert (entry["met"], entry["too_wide"]) == (met, too_wide)
    row = next(row for row in table(summary(known)).splitlines() if "G of a" in row)
    assert ("missed by 12 of 12" in row) is not met
    assert ("above 95 %: 12 of 12" in row) is too_wide


def test_the_error_of_the_mean_over_few_repetitions_makes_no_coverage() -> None:
    # The mean of five is near each of them: without the factor these intervals cover in 97 %.
    random, hits = Stream(0, "coverage of few").numpy_generator(), 0
    for _ in range(400):
        values = random.normal(size=5)
        hits += coverage_of_mean(np.stack([values, values - 1.96, values + 1.96], 1))["coverage"]["count"]
    assert hits / 2000 == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("g", "interval", "covers"),
    [
        (0.6, (0.01, 0.1), True),  # G falls through one half between the fourth and fifth rung, at .074
        (0.6, (0.08, 0.1), False),
        (0.3, (0.01, 0.012), True),  # below the ladder
        (0.3, (0.011, 0.012), False),
        (1.2, (3.0, 4.0), True),  # beyond it
        (1.2, (3.0, 3.9), False),
    ],
)
def test_noise_is_covered_where_the_mean_curve_is_one_half(
    g: float, interval: tuple[float, float], covers: bool
) -> None:
    known = [made_up(number, reach=0.02, g=g) for number in range(4)]
    known[0]["half_detection_noise"]["a"]["ci95"] = interval
    for line in known[1:]:
        line["half_detection_noise"]["a"]["ci95"] = (0.5, 0.6)
    assert coverage_of_noise(known, "a")["coverage"]["count"] == covers


def test_a_share_of_the_points_is_far() -> None:
    points = referee_coverage.with_far_points(Stream(0, "points"), 20_000)
    nearest = np.linalg.norm(points.numpy()[:, None] - mixture.means().astype(np.float32), axis=2).min(1)
    assert (nearest > 0.1).mean() == pytest.approx(FAR, abs=0.006)


def test_a_repetition_has_all_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_tiny(monkeypatch)
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    line = repetition(100, 0)
    assert os.environ["GANCROSS_CACHE"] == str(tmp_path)
    assert not list(tmp_path.iterdir())  # nothing was cached, so nothing was read
    wide, far = GENERATORS
    figures = line["figures"]
    of_wide, of_far = (np.array(figures[f"G of {name}"]) for name in (wide, far))
    assert of_wide.shape == of_far.shape == (RUNGS, 3)
    np.testing.assert_allclose(
        np.array(figures["difference of G"])[:, 0], of_wide[:, 0] - of_far[:, 0], atol=2e-6
    )
    for name, values in ((f"D of {wide}", of_wide), (f"D of {far}", of_far)):
        assert figures[name][0][0] == pytest.approx(values[:, 0].mean(), abs=1e-5)
    assert of_wide[0, 0] > 0.1  # told apart even by these
    assert set(line["half_detection_noise"]) == {wide, far}
    assert json.loads(json.dumps(line)) == line


def test_a_call_measures_what_the_record_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_tiny(monkeypatch)
    path, out = tmp_path / "lines.jsonl", tmp_path / "out.json"
    ran: list[tuple[int, int]] = []

    def noted(n: int, number: int) -> Line:
        ran.append((n, number))
        return repetition(n, number)

    def called(*words: str) -> None:
        monkeypatch.setattr(
            sys, "argv", ["referee_coverage.py", *words, "--lines", str(path), "--out", str(out)]
        )
        referee_coverage.main()

    monkeypatch.setattr(referee_coverage, "repetition", noted)
    called("--n", "40", "--repetitions", "2")
    content, lines_before = path.read_text("utf-8"), list(lines(path))
    path.write_text(content[:-20], "utf-8")  # killed within the second line
    called("--n", "40", "--first", "1", "--repetitions", "2")
    assert ran == [(40, 0), (40, 1), (40, 1), (40, 2)]
    assert [line["repetition"] for line in lines(path)] == [0, 1, 2]
    first, second, third = lines(path)
    assert (first, second["figures"]) == (lines_before[0], lines_before[1]["figures"])
    for one, other in ((first, second), (second, third)):  # fresh samples and referees
        values = [np.array(line["figures"]["difference of G"])[:, 0] for line in (one, other)]
        assert np.abs(values[0] - values[1]).min() > 0
    document = json.loads(out.read_text("utf-8"))
    assert [size["repetitions"] for size in document["sizes"]] == [3]
    use_tiny(monkeypatch, steps=41)  # another protocol: none of these lines counts
    called("--summary")
    assert json.loads(out.read_text("utf-8"))["sizes"] == []
    assert len(ran) == 4
