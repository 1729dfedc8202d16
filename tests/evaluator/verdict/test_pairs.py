"""Tests of a pair of contestants, from scores or from counts alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from paper_counts import REGULARIZED, compared_pair, of

from gancross.evaluator.estimates import Missing
from gancross.evaluator.statistics.confusion import false_negatives, false_positives
from gancross.evaluator.statistics.matched_fp import calibration, matched_fp
from gancross.evaluator.statistics.resampling import draw_halves
from gancross.evaluator.verdict.pairs import PAIR_TESTS, Judgement, compared

GOOD = Judgement(cross_fp=of(800), fn=of(500), own_fp=of(100))
BAD = Judgement(cross_fp=of(1_500), fn=of(510), own_fp=of(100))
Scores = NDArray[np.float64]


def test_holm_counts_the_tests_that_exist() -> None:
    pairs = compared([
        (("a", GOOD), ("b", BAD)), (("a", GOOD), ("c", Judgement())), (("r", REGULARIZED), ("b", BAD)),
    ])  # fmt: skip
    assert [pair.holm_tests for pair in pairs] == [2, 2, 2]
    assert isinstance(pairs[1].holm_p, Missing)
    fisher, adjusted = pairs[0].fisher_p, pairs[0].holm_p
    assert isinstance(fisher, float) and isinstance(adjusted, float)
    assert adjusted == pytest.approx(2 * fisher if fisher < 0.025 else 1)


def scored(
    real: Scores, fake: Scores, own: Scores, *, judge: str, threshold: float | None = 0.0
) -> Judgement:
    calibrated = calibration(real, draw_halves(np.arange(len(real)), seed=0, resamples=99))
    decides = threshold is not None
    return Judgement(
        cross_fp=false_positives(fake, threshold or 0.0) if decides else None,
        fn=false_negatives(real, threshold or 0.0) if decides else None,
        threshold=threshold, real=real, cross_fake=fake, own_fake=own,
        matched_fp=matched_fp(fake=fake, calibrated=calibrated, seed=0, judge=judge, generator="other"),
    )  # fmt: skip


@given(st.integers(0, 1000))
def test_every_test_of_a_swapped_pair_is_that_of_the_pair_swapped(seed: int) -> None:
    random = np.random.default_rng(seed)
    real = random.normal(1, 1, (2, 50))
    of_a, of_b = random.normal(-1, 1, (2, 40)), random.normal(-0.5, 1, (2, 60))  # under judge a, judge b
    a = scored(real[0], of_b[0], of_a[0], judge="a")
    b = scored(real[1], of_a[1], of_b[1], judge="b")
    forth = compared_pair(a, b)
    back = compared_pair(b, a, names=("b", "a")).swapped()
    for key in PAIR_TESTS:
        figures = [pair.test(key) for pair in (forth, back)]
        assert not any(isinstance(figure, Missing) for figure in figures), key
        ends = [getattr(figure, "ci95", figure) for figure in figures]
        assert ends[0] == pytest.approx(ends[1], abs=1e-12), key
    assert forth.swapped().swapped() == forth


def test_what_a_pair_lacks_is_missing_with_the_reason() -> None:
    counts = compared_pair(GOOD, BAD)
    random = np.random.default_rng(0)
    real, fake = random.normal(1, 1, (2, 50)), random.normal(-1, 1, (2, 40))
    critics = compared_pair(*(
        scored(real[k], fake[k], fake[k], judge=str(k), threshold=None) for k in range(2)
    ))  # fmt: skip
    nothing = compared_pair(GOOD, Judgement())
    of_decisions = {"fisher_p", "holm_p", "newcombe95"}
    of_scores = {"auc_difference", "fp_at_fn5_difference"}
    for pair, present in ((counts, of_decisions), (critics, of_scores), (nothing, set[str]())):
        missing = {key for key in PAIR_TESTS if isinstance(pair.test(key), Missing)}
        assert missing == set(PAIR_TESTS) - present
    assert isinstance(counts.mcnemar_p, Missing) and counts.mcnemar_p.reason == "needs scores"
    assert isinstance(critics.holm_p, Missing)
    assert critics.holm_p.reason == "needs decisions of both judges"
