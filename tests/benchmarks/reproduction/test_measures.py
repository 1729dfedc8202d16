"""Measures of the page: what explains cross FP, distances of images, a permutation test, time of a step."""

from __future__ import annotations

from itertools import combinations, product

import pytest
import torch
from reading_reports import Page, rendered
from reproduction import costs, dependence, imaging
from reproduction.permutation import permutation_p
from small_recipes import SMALL

from gancross.trainer.recipes.named_recipes import recipe


def test_the_variance_of_cross_fp_is_taken_apart() -> None:
    fp = torch.rand(2, 3, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    shares = dependence.explained(fp, dependence.ALONG)
    cells = list(product(range(2), range(3), range(2), range(3)))
    mean = sum(fp[cell] for cell in cells) / 36
    total = sum((fp[cell] - mean) ** 2 for cell in cells)
    for name, axes in dependence.ALONG.items():
        levels: dict[tuple[int, ...], list[float]] = {}
        for cell in cells:
            levels.setdefault(tuple(cell[axis] for axis in axes), []).append(float(fp[cell]))
        explained = (
            sum(len(alike) * (sum(alike) / len(alike) - mean) ** 2 for alike in levels.values()) / total
        )
        alone = [factor for factor, own in dependence.ALONG.items() if len(own) == 1 and set(own) < set(axes)]
        assert shares[name] == pytest.approx(explained - sum(shares[factor] for factor in alone))
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0


def test_relatives_are_told_apart_by_run_and_step() -> None:
    fp = [[0.0, 0.1, 0.5, 0.6], [0.2, 0.0, 0.7, 0.5], [0.5, 0.8, 0.0, 0.1], [0.9, 0.5, 0.2, 0.0]]
    lines = dependence.relatives({"variants": ["a", "a", "b", "b"], "steps": [1, 2, 1, 2], "fp": fp})
    (table,) = Page(rendered("\n".join(lines))).tables
    whose, when = "samples of which generator", "from when, seen from the judge"
    spans = {(row[whose], row[when]): row["mean FP"] for row in table}
    assert spans == {
        ("its own", "the same step"): "0.000 [0.000, 0.000]", ("its own", "before"): "0.100 [0.100, 0.100]",
        ("its own", "after"): "0.200 [0.200, 0.200]", ("the other", "the same step"): "0.500 [0.500, 0.500]",
        ("the other", "before"): "0.700 [0.600, 0.800]", ("the other", "after"): "0.800 [0.700, 0.900]",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*dependence.AT_THE_END, *dependence.MODES])
def test_what_alone_decides_explains_everything(name: str) -> None:
    factors = dependence.AT_THE_END | dependence.MODES
    fp = torch.zeros(2, 2, 2, 2, 2, 2, dtype=torch.float64).numpy()
    for cell in product(range(2), repeat=6):
        fp[cell] = sum(cell[axis] for axis in factors[name]) % 2  # of two: whether they are the same
    assert {key: value for key, value in dependence.explained(fp, factors).items() if value} == {name: 1.0}
    assert not any(dependence.explained(0 * fp, factors).values())


def test_distances_are_nought_for_the_data_and_one_for_its_mean() -> None:
    reals = torch.randint(0, 256, (600, 3, 32, 32), dtype=torch.uint8)
    mean = reals.double().mean(0).round().to(torch.uint8).expand(500, -1, -1, -1)
    coarse = imaging.Yardstick.of(imaging.thumbnails, reals)
    assert coarse.distance(reals) == pytest.approx(0, abs=1e-9)
    assert coarse.distance(mean) == pytest.approx(1, abs=0.01)
    assert imaging.thumbnails(reals).shape == (600, 192)
    assert imaging.patches(reals).shape == (600 * 4 * 4, 75)  # at 0, 9, 18 and 27
    corner = imaging.patches(reals)[0].reshape(3, 5, 5)
    assert (corner * 255).round().tolist() == reals[0, :, :5, :5].tolist()


def test_permutation_p_counts_labellings() -> None:
    first, second = [0.1, 0.2, 0.4, 0.15, 0.3], [0.5, 0.35, 0.6, 0.7, 0.8]
    everything, observed, extreme = first + second, abs(sum(first) - sum(second)), 0
    for index in combinations(range(10), 5):
        chosen = sum(everything[number] for number in index)
        extreme += abs(2 * chosen - sum(everything)) >= observed - 1e-9
    assert permutation_p(first, second) == pytest.approx(extreme / 252)
    assert permutation_p([1.0, 1.0], [1.0, 1.0]) == 1.0 and permutation_p([1.0], [2.0, 3.0]) is None


def test_a_step_is_timed() -> None:
    chosen = recipe("mixture").with_changes(SMALL["mixture"])
    assert 0 < costs.step_seconds(chosen, 4) < 5
