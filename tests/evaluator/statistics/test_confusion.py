"""Conventions: rows predicted (real, fake), columns true (real, fake), real is positive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.confusion import Confusion, false_negatives, false_positives, paper_rate


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_every_column_of_rates_sums_to_one(reals: int, fakes: int, data: st.DataObject) -> None:
    table = Confusion(
        fn=Proportion(count=data.draw(st.integers(0, reals)), n=reals),
        fp=Proportion(count=data.draw(st.integers(0, fakes)), n=fakes),
    )
    assert np.sum(table.rates(), axis=0) == pytest.approx([1, 1])
    assert np.array_equal(np.sum(table.counts(), axis=0), [reals, fakes])


@given(st.lists(st.floats(-5, 5), min_size=1), st.lists(st.floats(-5, 5), min_size=1), st.floats(-5, 5))
def test_columns_of_decisions_on_scores_sum_to_one(
    real: list[float], fake: list[float], threshold: float
) -> None:
    table = Confusion(
        fn=false_negatives(np.array(real), threshold), fp=false_positives(np.array(fake), threshold)
    )
    assert np.sum(table.rates(), axis=0) == pytest.approx([1, 1])
    assert np.sum(table.counts(), axis=0).tolist() == [len(real), len(fake)]
    assert false_positives(np.array([threshold]), threshold).count == 0


def test_a_tie_with_the_threshold_is_fake() -> None:
    scores = np.array([-1.0, 0.0, 1.0])
    assert false_negatives(scores, 0.0).count == 2
    assert false_positives(scores, 0.0).count == 1


@pytest.mark.parametrize(
    ("rate", "printed"), [(0.9688, "0.9688"), (1.0, "1.0"), (0.0, "0.0"), (0.5, "0.5"), (0.12, "0.12")]
)
def test_rates_print_as_in_the_paper(rate: float, printed: str) -> None:
    assert paper_rate(rate) == printed


def test_impossible_proportions_are_refused() -> None:
    for count, n in ((-1, 2), (3, 2), (0, 0)):
        with pytest.raises(ValueError, match=f"need 0 ≤ count ≤ n and n > 0, got {count} of {n}"):
            Proportion(count=count, n=n)
