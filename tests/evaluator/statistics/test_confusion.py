"""Conventions: rows predicted (real, fake), columns true (real, fake), real is positive."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import norm

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.auc import auc
from gancross.evaluator.statistics.confusion import Confusion, false_negatives, false_positives, paper_rate
from gancross.evaluator.statistics.proportions import wilson_interval
from gancross.evaluator.verdict.paper import Standing, paper_verdict
from gancross.report.text.console import confusion_table

# Roth et al. 2017, §5.5, as counts of 10,000 test images and 10,000 generated ones.
PAPER = {
    "regularized": Confusion(fn=Proportion(count=312, n=10_000), fp=Proportion(count=2, n=10_000)),
    "unregularized": Confusion(fn=Proportion(count=0, n=10_000), fp=Proportion(count=13, n=10_000)),
}
PAPER_CROSS = {
    "regularized": Proportion(count=0, n=10_000),
    "unregularized": Proportion(count=10_000, n=10_000),
}


def test_the_papers_tables_print_as_in_the_paper() -> None:
    document = {
        "confusion": {
            name: {"rates": table.rates(), "counts": table.counts()} for name, table in PAPER.items()
        },
        "cross": [
            {"judge": judge, "generator": other, "fp": {"rate": PAPER_CROSS[judge].rate}}
            for judge, other in (("regularized", "unregularized"), ("unregularized", "regularized"))
        ],
    }
    printed = {}
    for name in PAPER:
        console = Console(file=io.StringIO(), width=80)
        console.print(confusion_table(name, document))
        printed[name] = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert printed["regularized"] == (
        "regularized True condition Positive Negative Predicted Positive 0.9688 0.0002"
        " Negative 0.0312 0.9998 Cross-testing: FP: 0.0"
    )
    assert printed["unregularized"] == (
        "unregularized True condition Positive Negative Predicted Positive 1.0 0.0013"
        " Negative 0.0 0.9987 Cross-testing: FP: 1.0"
    )


def test_the_papers_verdict_is_the_papers() -> None:
    sides = [
        Standing(name=name, cross_fp=PAPER_CROSS[name], fn=PAPER[name].fn)
        for name in ("unregularized", "regularized")
    ]
    for a, b in (sides, sides[::-1]):
        verdict = paper_verdict(a, b)
        assert verdict.winner == "regularized"
        assert "FN disagrees (0.0312 against 0.0)" in verdict.reason
        assert "two frozen checkpoints" in verdict.reason


@pytest.mark.parametrize(
    ("first", "second", "winner", "part"),
    [
        (700, 700, None, "equal cross-testing FP"),
        (700, 900, "a", "Neither discriminator transfers; no evidence that either generator is good."),
        (20, 10, "b", "Both generators are detected; compare AUC and matched FN."),
        (200, 100, "b", "FN is equal"),
    ],
)
def test_what_the_papers_rule_says(first: int, second: int, winner: str | None, part: str) -> None:
    fn = Proportion(count=10, n=1000)
    verdict = paper_verdict(
        Standing(name="a", cross_fp=Proportion(count=first, n=1000), fn=fn),
        Standing(name="b", cross_fp=Proportion(count=second, n=1000), fn=fn),
    )
    assert verdict.winner == winner and part in verdict.reason


def test_without_a_threshold_there_is_no_winner() -> None:
    side = Standing(name="a", cross_fp=Proportion(count=1, n=2), fn=Proportion(count=0, n=2))
    verdict = paper_verdict(side, Standing(name="critic", cross_fp=None, fn=None))
    assert verdict.winner is None and "'critic' makes no decisions" in verdict.reason


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_every_column_of_rates_sums_to_one(reals: int, fakes: int, data: st.DataObject) -> None:
    table = Confusion(
        fn=Proportion(count=data.draw(st.integers(0, reals)), n=reals),
        fp=Proportion(count=data.draw(st.integers(0, fakes)), n=fakes),
    )
    assert np.allclose(np.sum(table.rates(), axis=0), 1)
    assert np.array_equal(np.sum(table.counts(), axis=0), [reals, fakes])


def test_a_tie_with_the_threshold_is_fake() -> None:
    scores = np.array([-1.0, 0.0, 1.0])
    assert false_negatives(scores, 0.0).count == 2
    assert false_positives(scores, 0.0).count == 1


@pytest.mark.parametrize(
    ("rate", "printed"), [(0.9688, "0.9688"), (1.0, "1.0"), (0.0, "0.0"), (0.5, "0.5"), (0.12, "0.12")]
)
def test_rates_print_as_in_the_paper(rate: float, printed: str) -> None:
    assert paper_rate(rate) == printed


def test_impossible_shares_are_refused() -> None:
    for count, n in ((-1, 2), (3, 2), (0, 0)):
        with pytest.raises(ValueError, match="no share"):
            Proportion(count=count, n=n)


@given(st.integers(1, 2000), st.data())
def test_wilson_solves_the_score_equation(n: int, data: st.DataObject) -> None:
    """Its ends are where |p̂ − p| = z √(p(1−p)/n), the definition."""
    share = Proportion(count=data.draw(st.integers(0, n)), n=n)
    for end in wilson_interval(share):
        z = norm.ppf(0.975)
        assert abs(abs(share.rate - end) - z * np.sqrt(max(end * (1 - end), 0) / n)) < 1e-9


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=30),
    st.lists(st.integers(-3, 3), min_size=1, max_size=30),
)
def test_auc_is_the_share_of_ordered_pairs(real: list[int], fake: list[int]) -> None:
    pairs = [(r > f) + 0.5 * (r == f) for r in real for f in fake]
    assert auc(real=np.array(real, float), fake=np.array(fake, float)) == pytest.approx(np.mean(pairs))
