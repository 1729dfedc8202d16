"""The paper's own rule, on the paper's own tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_counts import PAPER, compared_pair, of, paper_pair

from gancross.evaluator.statistics.confusion import Confusion
from gancross.evaluator.verdict.pairs import Judgement
from gancross.evaluator.verdict.paper import SCOPE, paper_verdict

GOOD = Judgement(cross_fp=of(800), fn=of(500), own_fp=of(100))
BAD = Judgement(cross_fp=of(1_500), fn=of(510), own_fp=of(100))


def test_the_papers_tables_are_as_in_the_paper() -> None:
    rates = {
        "regularized": ((0.9688, 0.0002), (0.0312, 0.9998)),
        "unregularized": ((1.0, 0.0013), (0.0, 0.9987)),
    }
    for name, judgement in PAPER.items():
        assert judgement.fn is not None and judgement.own_fp is not None
        assert Confusion(fn=judgement.fn, fp=judgement.own_fp).rates() == rates[name]


def test_the_papers_verdict_is_the_papers() -> None:
    for pair in (paper_pair(), paper_pair().swapped()):
        verdict = paper_verdict(pair)
        assert verdict.winner == "regularized"
        assert "FN disagrees (0.0312 against 0.0)" in verdict.reason
        assert verdict.reason.endswith(SCOPE) and "two frozen checkpoints" in verdict.reason


@pytest.mark.parametrize(
    ("first", "second", "winner", "part"),
    [
        (7_000, 7_000, None, "equal cross-testing FP"),
        (9_900, 9_880, "b", "Neither discriminator transfers; no evidence that either generator is good."),
        (200, 100, "b", "Both generators are detected; compare AUC and matched FN."),
        (2_000, 1_000, "b", "FN is equal"),
    ],
)
def test_what_the_papers_rule_says(first: int, second: int, winner: str | None, part: str) -> None:
    fn = of(100)
    verdict = paper_verdict(
        compared_pair(Judgement(cross_fp=of(first), fn=fn), Judgement(cross_fp=of(second), fn=fn))
    )
    assert verdict.winner == winner and part in verdict.reason


def test_without_a_threshold_there_is_no_winner() -> None:
    judge = Judgement(cross_fp=of(1, 2), fn=of(0, 2))
    verdict = paper_verdict(compared_pair(judge, Judgement(), names=("a", "critic")))
    assert verdict.winner is None and "'critic' makes no decisions" in verdict.reason


def test_wording_depends_on_the_limits_of_j() -> None:
    def words(first: Judgement, second: Judgement) -> str:
        return paper_verdict(compared_pair(first, second)).reason

    # FP alone says nothing: with FN 0 an FP of .55 is a J of .45, with FN .97 an FP of .03 is a J of 0.
    tells = words(Judgement(cross_fp=of(5_500), fn=of(0)), Judgement(cross_fp=of(6_000), fn=of(0)))
    assert "transfers" not in tells
    rejects = words(Judgement(cross_fp=of(300), fn=of(9_700)), Judgement(cross_fp=of(300), fn=of(9_700)))
    assert "detected" not in rejects and "Neither discriminator transfers" in rejects
    # A negative J is a witness too, and few samples leave everything open.
    turned = words(Judgement(cross_fp=of(9_000), fn=of(3_000)), Judgement(cross_fp=of(9_800), fn=of(200)))
    assert "transfers" not in turned
    few = words(Judgement(cross_fp=of(9, 10), fn=of(1, 10)), Judgement(cross_fp=of(9, 10), fn=of(1, 10)))
    assert "transfers" not in few
    assert "transfers" not in words(GOOD, BAD) and "detected" not in words(GOOD, BAD)
    equal = compared_pair(GOOD, Judgement(cross_fp=of(800), fn=of(510), own_fp=of(100)))
    assert paper_verdict(equal).winner is None


@given(*[st.integers(0, 300)] * 4)
def test_swapping_a_and_b_changes_no_winner(fp_a: int, fp_b: int, fn_a: int, fn_b: int) -> None:
    pair = compared_pair(
        Judgement(cross_fp=of(fp_a, 600), fn=of(fn_a, 600)),
        Judgement(cross_fp=of(fp_b, 600), fn=of(fn_b, 600)),
    )
    assert paper_verdict(pair).winner == paper_verdict(pair.swapped()).winner
