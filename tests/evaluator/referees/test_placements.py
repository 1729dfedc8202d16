"""Placements and decisions, averaged over the referees that tested each item."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from referee_scores import drawn_scores

from gancross.evaluator.referees.placements import decisions, placements
from gancross.evaluator.referees.scores import ContestantScores, RefereeScores


def below(score: float, others: NDArray[np.float32]) -> float:
    """The share of others below a score, ties half, one by one."""
    return float(sum(1.0 if other < score else 0.5 if other == score else 0.0 for other in others)) / len(
        others
    )


def brute_force(scores: ContestantScores, rung: int) -> tuple[list[float], list[float]]:
    """φ̄ and ψ̄ at one rung, item by item."""
    reals = []
    for row in range(scores.num_real):
        testing = [referee for referee in scores.referees if row in referee.reals]
        own = [
            below(r.real_KN[rung][list(r.reals).index(row)], r.fake_KM[rung]) for r in testing
        ]  # fmt: skip
        reals.append(float(np.mean(own)))
    samples = []
    for row in range(scores.num_samples):
        testing = [referee for referee in scores.referees if row in referee.samples]
        own = [
            1 - below(r.fake_KM[rung][list(r.samples).index(row)], r.real_KN[rung]) for r in testing
        ]  # fmt: skip
        samples.append(float(np.mean(own)))
    return reals, samples


@pytest.mark.parametrize("trained", [None, 5])
def test_placements_are_those_counted_one_by_one(trained: int | None) -> None:
    scores = drawn_scores(num_real=17, num_samples=14, rungs=3, seeds=2, trained=trained, ties=True)
    placed = placements(scores)
    for rung in range(3):
        reals, samples = brute_force(scores, rung)
        assert placed.real_KN[rung] == pytest.approx(reals)
        assert placed.fake_KM[rung] == pytest.approx(samples)


def test_means_of_placements_of_one_referee_are_its_auc() -> None:
    scores = drawn_scores(num_real=30, num_samples=24, ties=True)
    placed = placements(scores)
    assert placed.real_RK == pytest.approx(placed.fake_RK)
    for index, referee in enumerate(scores.referees):
        for rung in range(len(referee.real_KN)):
            area = np.mean([below(score, referee.fake_KM[rung]) for score in referee.real_KN[rung]])
            assert placed.real_RK[index, rung] == pytest.approx(area)


def test_decisions_count_scores_above_0_as_real() -> None:
    scores = drawn_scores(num_real=20, num_samples=16, ties=True)
    decided = decisions(scores)
    for index, referee in enumerate(scores.referees):
        assert decided.real_RK[index] == pytest.approx((referee.real_KN > 0).mean(axis=1))
        assert decided.fake_RK[index] == pytest.approx((referee.fake_KM > 0).mean(axis=1))
    row = 3
    testing = [r for r in scores.referees if row in r.samples]
    shares = [r.fake_KM[1][list(r.samples).index(row)] > 0 for r in testing]
    assert decided.fake_KM[1, row] == pytest.approx(np.mean(shares))


def test_halves_of_equal_size_give_the_same_mean_over_items_and_referees() -> None:
    placed = placements(drawn_scores(num_real=40, num_samples=40))
    assert placed.real_KN.mean(axis=1) == pytest.approx(placed.real_RK.mean(axis=0))
    assert placed.fake_KM.mean(axis=1) == pytest.approx(placed.fake_RK.mean(axis=0))


def test_over_rungs_is_the_mean_over_rungs() -> None:
    placed = placements(drawn_scores(num_real=12, num_samples=10, rungs=4))
    whole = placed.over_rungs()
    assert whole.real_KN[0] == pytest.approx(placed.real_KN.mean(axis=0))
    assert whole.fake_RK[:, 0] == pytest.approx(placed.fake_RK.mean(axis=1))


def test_the_order_of_tested_items_does_not_matter() -> None:
    scores = drawn_scores(num_real=21, num_samples=18, ties=True)
    random = np.random.default_rng(1)

    def shuffled(referee: RefereeScores) -> RefereeScores:
        n, m = random.permutation(len(referee.reals)), random.permutation(len(referee.samples))
        return replace(
            referee, reals=referee.reals[n], samples=referee.samples[m], real_KN=referee.real_KN[:, n],
            fake_KM=referee.fake_KM[:, m],
        )  # fmt: skip

    mixed = placements(replace(scores, referees=[shuffled(referee) for referee in scores.referees]))
    plain = placements(scores)
    assert np.array_equal(mixed.real_KN, plain.real_KN) and np.array_equal(mixed.fake_KM, plain.fake_KM)


def test_an_item_that_no_referee_tested_is_refused() -> None:
    scores = drawn_scores(num_real=12, num_samples=10, seeds=1)
    with pytest.raises(ValueError, match="no referee tested 6 of 12 reals"):
        placements(replace(scores, referees=scores.referees[:1]))
