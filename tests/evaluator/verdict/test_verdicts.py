"""The paper's verdict and `strict`: every outcome, in order, in words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import simulations
from gancross.evaluator.estimates import Estimate, Proportion
from gancross.evaluator.statistics.confusion import (
    Confusion,
    PairedDecisions,
    false_negatives,
    false_positives,
)
from gancross.evaluator.verdict.pairs import Side, pair_tests
from gancross.evaluator.verdict.paper import SCOPE, Standing, paper_verdict
from gancross.evaluator.verdict.strict import Evidence, NormCheck, strict_steps, strict_verdict


def of(count, n=10_000):
    return Proportion(count=count, n=n)


REGULARIZED = Standing(name="regularized", cross_fp=of(0), fn=of(312), own_fp=of(2))
UNREGULARIZED = Standing(name="unregularized", cross_fp=of(10_000), fn=of(0), own_fp=of(13))
GOOD = Standing(name="a", cross_fp=of(800), fn=of(500), own_fp=of(100))
BAD = Standing(name="b", cross_fp=of(1_500), fn=of(510), own_fp=of(100))
BETTER = Estimate(value=0.02, low=0.01, high=0.03)
EQUAL = Estimate(value=0.0, low=-0.01, high=0.01)
NO_GAP = PairedDecisions(both=400, only_first=100, only_second=110, neither=9_390)
WINS = Evidence(a=GOOD, b=BAD, holm_p=1e-9, tests=3, fn=NO_GAP, auc=BETTER, matched_fp=-BETTER)


def mirrored(evidence):
    """The same pair in the other order."""
    return Evidence(
        a=evidence.b, b=evidence.a, holm_p=evidence.holm_p, tests=evidence.tests,
        fn=evidence.fn and evidence.fn.swapped(), auc=evidence.auc and -evidence.auc,
        matched_fp=evidence.matched_fp and -evidence.matched_fp,
    )  # fmt: skip


def from_counts(a, b):
    return pair_tests([(Side(standing=a), Side(standing=b))])[0].evidence()


def test_the_papers_tables_print_and_decide_as_in_the_paper():
    tables = {
        "regularized": [[0.9688, 0.0002], [0.0312, 0.9998]],
        "unregularized": [[1.0, 0.0013], [0.0, 0.9987]],
    }
    for side in (REGULARIZED, UNREGULARIZED):
        assert Confusion(fn=side.fn, fp=side.own_fp).rates() == tables[side.name]
    verdict = paper_verdict(REGULARIZED, UNREGULARIZED)
    assert verdict.winner == "regularized"
    assert "FN disagrees (0.0312 against 0.0)" in verdict.reason


def test_the_papers_tables_split_between_fp_and_fn_when_read_strictly():
    evidence = from_counts(REGULARIZED, UNREGULARIZED)
    verdict = strict_verdict(evidence)
    assert verdict.winner is None
    assert verdict.reason.startswith("split between FP and FN")
    steps = strict_steps(evidence)
    assert [step.passed for step in steps] == [True, True, False, None]
    assert steps[3].reason.startswith("not available")


def test_without_a_split_counts_alone_end_at_step_4():
    verdict = strict_verdict(from_counts(GOOD, BAD))
    assert verdict.winner is None
    assert verdict.reason.startswith("not available")


def test_a_winner_needs_every_step():
    verdict = strict_verdict(WINS)
    assert verdict.winner == "a"
    assert [step.passed for step in strict_steps(WINS)] == [True] * 4
    assert "realistic" not in verdict.reason


OUTCOMES = {
    "no threshold": (replace(WINS, b=replace(BAD, cross_fp=None, fn=None), holm_p=None),
                     "'b' makes no decisions"),
    "always real": (replace(WINS, b=replace(BAD, cross_fp=of(10_000), fn=of(0), own_fp=of(10_000))),
                    "'b' calls every sample real"),
    "always fake": (replace(WINS, a=replace(GOOD, cross_fp=of(0), fn=of(10_000), own_fp=of(0))),
                    "'a' calls every sample fake"),
    "not significant": (replace(WINS, holm_p=0.05), "the cross-testing FPs do not differ beyond chance"),
    "equal": (replace(WINS, b=replace(BAD, cross_fp=of(800)), holm_p=1.0),
              "the cross-testing FPs do not differ beyond chance"),
    "split": (replace(WINS, fn=PairedDecisions(both=300, only_first=500, only_second=100, neither=9_100)),
              "split between FP and FN"),
    "too few images": (replace(WINS, fn=PairedDecisions(both=5, only_first=3, only_second=2, neither=90)),
                       "too few test images to exclude a split"),
    "worse AUC": (replace(WINS, auc=-BETTER), "the lower cross-testing FP goes with a worse AUC:"),
    "worse matched FP": (replace(WINS, matched_fp=BETTER),
                         "the lower cross-testing FP goes with a worse FP at matched FN:"),
    "worse in both": (replace(WINS, auc=-BETTER, matched_fp=BETTER),
                      "the lower cross-testing FP goes with a worse AUC and a worse FP at matched FN:"),
    "neither differs": (replace(WINS, auc=EQUAL, matched_fp=EQUAL),
                        "neither AUC nor FP at matched FN differs beyond chance"),
}  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_first_failing_step_gives_the_reason(outcome):
    evidence, reason = OUTCOMES[outcome]
    for pair in (evidence, mirrored(evidence)):
        verdict = strict_verdict(pair)
        assert verdict.winner is None
        assert verdict.reason.startswith(reason)
        assert verdict.reason.endswith(SCOPE)


def test_one_difference_beyond_chance_is_enough_and_ties_agree():
    assert strict_verdict(replace(WINS, auc=EQUAL)).winner == "a"
    assert strict_verdict(replace(WINS, matched_fp=EQUAL)).winner == "a"


def test_batch_norm_must_not_decide():
    def check(other):
        return NormCheck(mode="running averages", other_mode="batch statistics", other=other)

    assert strict_verdict(WINS, norm=check(WINS)).winner == "a"
    assert strict_verdict(WINS, norm=check(None)).reason.startswith("batch-norm modes not compared")
    reversed_winner = replace(WINS, a=replace(GOOD, cross_fp=of(2_000)), auc=-BETTER, matched_fp=BETTER)
    verdict = strict_verdict(WINS, norm=check(reversed_winner))
    assert verdict.winner is None
    assert "running averages says 'a', batch statistics says 'b'" in verdict.reason
    weaker = strict_verdict(WINS, norm=check(replace(WINS, holm_p=0.5)))
    assert "batch statistics says no winner" in weaker.reason
    # No winner in either mode is agreement; the reason is that of the mode of the call.
    agreed = replace(WINS, holm_p=0.5)
    assert "do not differ" in strict_verdict(agreed, norm=check(agreed)).reason


def test_wording_says_what_both_rates_together_allow():
    high = [replace(GOOD, cross_fp=of(6_000)), replace(BAD, cross_fp=of(7_000))]
    assert "Neither discriminator transfers" in paper_verdict(*high).reason
    low = [replace(GOOD, cross_fp=of(100)), replace(BAD, cross_fp=of(400))]
    assert "Both generators are detected" in paper_verdict(*low).reason
    assert paper_verdict(GOOD, replace(BAD, cross_fp=of(800))).winner is None


def test_holm_counts_the_tests_that_exist():
    silent = Standing(name="c", cross_fp=None, fn=None)
    tests = pair_tests([
        (Side(standing=a), Side(standing=b)) for a, b in ((GOOD, BAD), (GOOD, silent), (REGULARIZED, BAD))
    ])  # fmt: skip
    assert [test.tests for test in tests] == [2, 2, 2]
    assert tests[1].holm_p is None
    assert tests[0].holm_p == pytest.approx(max(2 * tests[0].fisher_p, 0) if tests[0].fisher_p < 0.025 else 1)


counts = st.integers(0, 300)


@given(counts, counts, counts, counts, st.floats(-0.1, 0.1), st.floats(0, 0.05), st.floats(-0.1, 0.1))
def test_swapping_a_and_b_changes_no_verdict(fp_a, fp_b, only_a, only_b, auc, reach, matched):
    n = 600
    a = Standing(name="a", cross_fp=of(fp_a, n), fn=of(only_a, n), own_fp=of(7, n))
    b = Standing(name="b", cross_fp=of(fp_b, n), fn=of(only_b, n), own_fp=of(9, n))
    evidence = replace(
        from_counts(a, b),
        fn=PairedDecisions(both=0, only_first=only_a, only_second=only_b, neither=n - only_a - only_b),
        auc=Estimate(value=auc, low=auc - reach, high=auc + reach),
        matched_fp=Estimate(value=matched, low=matched - reach, high=matched + reach),
    )
    assert strict_verdict(evidence).winner == strict_verdict(mirrored(evidence)).winner
    assert paper_verdict(a, b).winner == paper_verdict(b, a).winner


@given(st.lists(st.floats(-5, 5), min_size=1), st.lists(st.floats(-5, 5), min_size=1), st.floats(-5, 5))
def test_columns_of_a_confusion_matrix_sum_to_one_and_ties_are_fake(real, fake, threshold):
    table = Confusion(
        fn=false_negatives(np.array(real), threshold), fp=false_positives(np.array(fake), threshold)
    )
    assert np.sum(table.rates(), axis=0) == pytest.approx([1, 1])
    assert np.sum(table.counts(), axis=0).tolist() == [len(real), len(fake)]
    assert false_positives(np.array([threshold]), threshold).count == 0


@pytest.mark.parametrize("claim", ["strict-unequals", "strict-equals"])
def test_simulated_verdicts_are_right_as_often_as_promised(claim):
    for finding in simulations.CLAIMS[claim][0](40):
        assert finding.met(errors=3) is not False, finding
