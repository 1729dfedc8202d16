"""The `discriminator` verdict: every outcome, in order, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simulations
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from paper_counts import compared_pair, of, paper_pair

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.statistics.confusion import PairedDecisions, false_negatives, false_positives
from gancross.evaluator.statistics.matched_fp import calibration, matched_fp
from gancross.evaluator.statistics.proportions import paired_difference
from gancross.evaluator.statistics.resampling import draw_halves
from gancross.evaluator.verdict.discriminator import NormCheck, discriminator_steps, discriminator_verdict
from gancross.evaluator.verdict.pairs import Judgement, Pair
from gancross.evaluator.verdict.paper import SCOPE, paper_verdict

GOOD = Judgement(cross_fp=of(800), fn=of(500), own_fp=of(100), blind=False)
BAD = Judgement(cross_fp=of(1_500), fn=of(510), own_fp=of(100), blind=False)
Array = NDArray[np.float64]
BETTER = Estimate(value=0.02, low=0.01, high=0.03)
EQUAL = Estimate(value=0.0, low=-0.01, high=0.01)


def fn_difference(*, both: int, only_first: int, only_second: int, neither: int) -> Estimate:
    return paired_difference(
        PairedDecisions(both=both, only_first=only_first, only_second=only_second, neither=neither)
    )


WINS = Pair(
    a="a", b="b", judgement_a=GOOD, judgement_b=BAD, holm_p=1e-9, holm_tests=3,
    fn_difference=fn_difference(both=400, only_first=100, only_second=110, neither=9_390),
    auc_difference=BETTER, fp_at_fn5_difference=-BETTER, j_difference=BETTER,
)  # fmt: skip


def test_the_papers_tables_split_between_fp_and_fn_when_read_strictly() -> None:
    verdict, steps = discriminator_verdict(paper_pair()), discriminator_steps(paper_pair())
    assert verdict.winner is None
    assert verdict.reason.startswith("split between FP and FN")
    assert [step.passed for step in steps] == [True, True, False, None, None]
    assert steps[3].reason.startswith("not available")


def test_without_a_split_counts_alone_end_at_step_4() -> None:
    verdict = discriminator_verdict(compared_pair(GOOD, BAD))
    assert verdict.winner is None
    assert verdict.reason.startswith("not available")


def test_a_winner_needs_every_step() -> None:
    verdict = discriminator_verdict(WINS)
    assert verdict.winner == "a"
    assert [step.passed for step in discriminator_steps(WINS)] == [True] * 5
    assert "realistic" not in verdict.reason


def judging(judge: Judgement, *, cross_fp: int, fn: int, own_fp: int) -> Judgement:
    return replace(judge, cross_fp=of(cross_fp), fn=of(fn), own_fp=of(own_fp))


OUTCOMES: dict[str, tuple[dict[str, Any], str]] = {
    "no threshold": ({"judgement_b": Judgement(own_fp=of(100)), "holm_p": Missing("no decisions")},
                     "'b' makes no decisions"),
    "always real": ({"judgement_b": judging(BAD, cross_fp=10_000, fn=0, own_fp=10_000)},
                    "'b' calls every sample real"),
    "always fake": ({"judgement_a": judging(GOOD, cross_fp=0, fn=10_000, own_fp=0)},
                    "'a' calls every sample fake"),
    "not significant": ({"holm_p": 0.05}, "the cross-testing FPs do not differ beyond chance"),
    "equal": ({"judgement_b": replace(BAD, cross_fp=of(800)), "holm_p": 1.0},
              "the cross-testing FPs do not differ beyond chance"),
    "split": ({"fn_difference": fn_difference(both=300, only_first=500, only_second=100, neither=9_100)},
              "split between FP and FN"),
    "too few images": ({"fn_difference": fn_difference(both=5, only_first=3, only_second=2, neither=90)},
                       "too few test images to exclude a split"),
    "worse AUC": ({"auc_difference": -BETTER}, "the lower cross-testing FP goes with a worse AUC:"),
    "worse matched FP": ({"fp_at_fn5_difference": BETTER},
                         "the lower cross-testing FP goes with a worse FP at matched FN:"),
    "worse in both": ({"auc_difference": -BETTER, "fp_at_fn5_difference": BETTER},
                      "the lower cross-testing FP goes with a worse AUC and a worse FP at matched FN:"),
    "blind": ({"judgement_a": replace(GOOD, blind=True)}, "'a' is blind: it calls most of uniform noise"),
    "blind loser": ({"judgement_b": replace(BAD, blind=True)}, "'b' is blind"),
    "blindness unknown": ({"judgement_b": replace(BAD, blind=None)}, "blindness not tested"),
    "decide alike": ({"j_difference": EQUAL}, "the two do not tell the same samples apart unequally well"),
    "lower J": ({"j_difference": -BETTER}, "the lower cross-testing FP goes with a lower J"),
    "few groups": ({"holm_p": Missing("9 groups of 64")}, "9 groups of 64"),
    "few pairs of groups": ({"fn_difference": Missing("9 groups of 64")}, "9 groups of 64"),
    "neither differs": ({"auc_difference": EQUAL, "fp_at_fn5_difference": EQUAL},
                        "neither AUC nor FP at matched FN differs beyond chance"),
}  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_first_failing_step_gives_the_reason(outcome: str) -> None:
    changes, reason = OUTCOMES[outcome]
    pair = replace(WINS, **changes)
    for ordered in (pair, pair.swapped()):
        verdict = discriminator_verdict(ordered)
        assert verdict.winner is None
        assert verdict.reason.startswith(reason)
        assert verdict.reason.endswith(SCOPE)


def test_one_difference_beyond_chance_is_enough_and_ties_agree() -> None:
    assert discriminator_verdict(replace(WINS, auc_difference=EQUAL)).winner == "a"
    assert discriminator_verdict(replace(WINS, fp_at_fn5_difference=EQUAL)).winner == "a"


def test_batch_norm_must_not_decide() -> None:
    def check(opposite: Pair | None) -> NormCheck:
        return NormCheck(mode="running averages", opposite_mode="batch statistics", opposite=opposite)

    assert discriminator_verdict(WINS, norm=check(WINS)).winner == "a"
    assert discriminator_verdict(WINS, norm=check(None)).reason.startswith("batch-norm modes not compared")
    reversed_winner = replace(
        WINS, judgement_a=replace(GOOD, cross_fp=of(2_000)), auc_difference=-BETTER,
        fp_at_fn5_difference=BETTER, j_difference=-BETTER,
    )  # fmt: skip
    verdict = discriminator_verdict(WINS, norm=check(reversed_winner))
    assert verdict.winner is None
    assert "running averages names 'a', batch statistics names 'b'" in verdict.reason
    weaker = discriminator_verdict(WINS, norm=check(replace(WINS, holm_p=0.5)))
    assert "batch statistics names nobody" in weaker.reason
    few = discriminator_verdict(WINS, norm=check(replace(WINS, holm_p=Missing("9 groups of 64"))))
    assert few.reason.startswith("batch-norm modes not comparable: batch statistics: 9 groups of 64")
    # No winner in either mode is agreement; the reason is that of the mode of the call.
    agreed = replace(WINS, holm_p=0.5)
    assert "do not differ" in discriminator_verdict(agreed, norm=check(agreed)).reason


counts = st.integers(0, 300)


@given(counts, counts, counts, counts, st.floats(-0.1, 0.1), st.floats(0, 0.05), st.floats(-0.1, 0.1))
def test_swapping_a_and_b_changes_no_verdict(
    fp_a: int, fp_b: int, only_a: int, only_b: int, auc: float, reach: float, matched: float
) -> None:
    n = 600
    pair = compared_pair(
        Judgement(cross_fp=of(fp_a, n), fn=of(only_a, n), own_fp=of(7, n)),
        Judgement(cross_fp=of(fp_b, n), fn=of(only_b, n), own_fp=of(9, n)),
    )
    pair = replace(
        pair,
        fn_difference=fn_difference(
            both=0, only_first=only_a, only_second=only_b, neither=n - only_a - only_b
        ),
        auc_difference=Estimate(value=auc, low=auc - reach, high=auc + reach),
        fp_at_fn5_difference=Estimate(value=matched, low=matched - reach, high=matched + reach),
    )
    assert discriminator_verdict(pair).winner == discriminator_verdict(pair.swapped()).winner


def judgement(real: Array, cross: Array, own: Array) -> Judgement:
    """What a judge with threshold 0 makes of scores."""
    calibrated = calibration(real, draw_halves(np.arange(len(real)), seed=0, resamples=99))
    return Judgement(
        cross_fp=false_positives(cross, 0.0), fn=false_negatives(real, 0.0),
        own_fp=false_positives(own, 0.0),
        threshold=0.0, real=real, cross_fake=cross, own_fake=own, blind=False,
        matched_fp=matched_fp(fake=cross, calibrated=calibrated, seed=0, judge="", generator=""),
    )  # fmt: skip


def test_two_judges_that_decide_alike_make_no_winner_whatever_the_generators() -> None:
    """One generator equals the data, one has collapsed: the paper's rule names the judge of the latter."""
    random = np.random.default_rng(0)
    reals, perfect = random.normal(1, 1, (2, 10_000))
    collapsed = random.normal(3, 0.1, 10_000)
    of_perfect = judgement(reals, collapsed, perfect)
    of_collapsed = judgement(reals, perfect, collapsed)
    pair = compared_pair(of_perfect, of_collapsed, names=("perfect", "collapsed"))
    assert paper_verdict(pair).winner == "collapsed"
    assert discriminator_steps(pair)[1].passed  # their cross-testing FPs do differ
    verdict = discriminator_verdict(pair)
    assert verdict.winner is None
    assert isinstance(pair.j_difference, Estimate) and pair.j_difference.value == 0


@pytest.mark.parametrize("claim", ["discriminator-unequals", "discriminator-equals"])
def test_simulated_verdicts_are_right_as_often_as_promised(claim: str) -> None:
    for finding in simulations.CLAIMS[claim][0](40):
        assert finding.within_target(errors=3) is not False, finding
