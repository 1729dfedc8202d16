"""Two contestants before the same referee protocol: differences, limits, and who is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import simulations
from referee_scores import drawn_scores
from sklearn.metrics import roc_auc_score

from gancross.evaluator.codec.encoding import decode, encode
from gancross.evaluator.estimates import Estimate
from gancross.evaluator.referees.comparison import Contender, contrast, contrasts
from gancross.evaluator.referees.decision import FEWEST, Decision, decided
from gancross.evaluator.referees.figures import contestant_figures
from gancross.evaluator.referees.records import Comparison, Contrast, GLimits, RungDifference
from gancross.evaluator.referees.scores import ContestantScores
from gancross.evaluator.statistics.proportions import holm

SIGMAS = (0.1, 1.0, 10.0)


def contender(name: str, scores: ContestantScores, kappa: float = 1.0) -> Contender:
    return Contender.of(name, scores, np.full(len(SIGMAS), kappa))


def compared(a: Contender, b: Contender) -> Decision:
    return decided([contrast(a, b, sigmas=SIGMAS)], budget="quick")[0]


def near_and_far(kappa: float = 1.0) -> tuple[Contender, Contender]:
    near, far = drawn_scores(d=(2.0, 1.0, 0.2), draw=1), drawn_scores(d=(3.0, 2.0, 0.6), draw=2)
    return contender("near", near, kappa), contender("far", far, kappa)


def rung(
    difference: float, reach: float, *, g: tuple[float, float] = (0.5, 0.9), kappa: float = 1.0,
    p: float = 1.0, sigma: float = 1.0,
) -> RungDifference:  # fmt: skip
    """`g` are the upper limit of a and the lower limit of b."""
    return RungDifference(
        sigma=sigma, difference=Estimate(value=difference, low=difference - reach, high=difference + reach),
        lower=difference - 0.8 * reach, upper=difference + 0.8 * reach, holm_p=p,
        g_of_a=GLimits(lower=g[0] - 0.1, upper=g[0], kappa=kappa),
        g_of_b=GLimits(lower=g[1], upper=g[1] + 0.1, kappa=kappa),
    )  # fmt: skip


def of(*rungs: RungDifference, mean: float = -0.2, p: float = 0.001, n: int = 1_000) -> Contrast:
    return Contrast(
        a="a", b="b", n=n, delta=0.1, rungs=rungs, mean=Estimate(value=mean, low=mean - 0.1, high=mean + 0.1),
        p=p, smallest_shown=0.123,
    )  # fmt: skip


def decision(each: Contrast, reasons: Sequence[str] = ()) -> Decision:
    (found,) = decided([each], budget="quick", withheld={("a", "b"): reasons})
    return found


def test_differences_are_those_of_the_referees_aucs() -> None:
    a, b = (
        drawn_scores(num_real=80, num_samples=70, draw=1),
        drawn_scores(num_real=80, num_samples=70, draw=2),
    )
    found = contrast(contender("a", a), contender("b", b), sigmas=SIGMAS)
    for k, each in enumerate(found.rungs):
        areas = [
            np.mean([
                roc_auc_score([1] * len(r.reals) + [0] * len(r.samples), [*r.real_KN[k], *r.fake_KM[k]])
                for r in scores.referees
            ])
            for scores in (a, b)
        ]  # fmt: skip
        assert each.difference.value == pytest.approx(2 * (areas[0] - areas[1]))
    assert found.mean.value == pytest.approx(np.mean([each.difference.value for each in found.rungs]))
    own = [contestant_figures(scores, SIGMAS).detectability.value for scores in (a, b)]
    assert found.mean.value == pytest.approx(own[0] - own[1])
    assert found.n == 70 and found.delta == pytest.approx(3.5 / np.sqrt(70))


def test_shared_reals_are_paired_by_row() -> None:
    a, b = (drawn_scores(draw=draw, d=2.0) for draw in (1, 2))
    other = drawn_scores(draw=2, d=2.0, cut=1)  # other reals, of which nothing is shared
    paired, unpaired = (contrast(contender("a", a), contender("b", s), sigmas=SIGMAS) for s in (b, other))
    widths = [each.mean.high - each.mean.low for each in (paired, unpaired)]
    assert widths[0] < widths[1]


def test_rungs_are_adjusted_over_the_ladder_and_pairs_over_the_call() -> None:
    three = [contender(f"{d}", drawn_scores(d=d, draw=draw)) for draw, d in enumerate((0.5, 0.6, 1.5))]
    pairs = contrasts(three, sigmas=SIGMAS)
    assert [(pair.a, pair.b) for pair in pairs] == [("0.5", "0.6"), ("0.5", "1.5"), ("0.6", "1.5")]
    decisions = decided(pairs, budget="full")
    assert [d.comparison.holm_p for d in decisions] == holm([pair.p for pair in pairs])
    assert {d.comparison.holm_tests for d in decisions} == {3}
    assert all(each.holm_p >= 0 for pair in pairs for each in pair.rungs)
    alone = decided(pairs[:1], budget="full")[0].comparison
    assert alone.holm_p == alone.p <= decisions[0].comparison.holm_p


def test_the_nearer_of_two_is_named_in_either_order() -> None:
    near, far = near_and_far()
    found, swapped = compared(near, far), compared(far, near)
    assert found.verdict == swapped.verdict and found.verdict.winner == "near"
    assert found.comparison.answer == swapped.comparison.answer == "named"
    assert swapped.comparison.mean == -found.comparison.mean
    assert [each.swapped() for each in swapped.comparison.rungs] == list(found.comparison.rungs)
    assert "more surely than those of 'near'" in found.verdict.reason and "below" in found.verdict.reason


def test_a_contestant_is_not_told_from_itself() -> None:
    scores = drawn_scores(d=(2.0, 1.0, 0.2))
    found = compared(contender("a", scores), contender("same", scores))
    assert found.comparison.mean.value == 0 and found.comparison.p == 1
    assert [each.difference.value for each in found.comparison.rungs] == [0, 0, 0]
    assert found.verdict.winner is None and found.comparison.answer == "not told apart"
    assert f"{found.comparison.smallest_shown:.4f} in 80% of calls" in found.verdict.reason


def test_the_record_reads_back_with_all_that_decided() -> None:
    comparison = compared(*near_and_far(kappa=0.9)).comparison
    read = decode(Comparison, encode(comparison))
    assert read == comparison
    assert all(each.upper < read.delta for each in read.rungs)
    assert read.mean.value < 0 and read.holm_p < 0.05
    assert any(max(0, each.g_of_a.upper) / each.g_of_a.kappa < each.g_of_b.lower for each in read.rungs)


def test_conditions_1_to_3_name_a() -> None:
    assert decision(of(rung(-0.4, 0.1), rung(0.05, 0.05))).verdict.winner == "a"


def test_where_the_other_may_be_nearer_somewhere_nobody_is_named() -> None:
    found = decision(of(rung(-0.4, 0.1), rung(0.05, 0.07, sigma=3.0)))
    assert found.comparison.answer == "not told apart" and found.verdict.winner is None
    assert "at σ = 3 it is not excluded that 'b' is nearer by more than 0.100" in found.verdict.reason


def test_without_a_mean_difference_nobody_is_named() -> None:
    found = decision(of(rung(-0.4, 0.1), p=0.06))
    assert found.comparison.answer == "not told apart"
    assert "would show a mean difference of 0.1230" in found.verdict.reason


def test_holm_over_the_pairs_of_a_call_can_take_a_name_away() -> None:
    each = of(rung(-0.4, 0.1), p=0.03)
    assert decision(each).verdict.winner == "a"
    assert [d.verdict.winner for d in decided([each, of(rung(0, 0.1), p=0.9)], budget="quick")] == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("kappa", "g", "named"),
    [(1.0, (0.5, 0.6), True), (0.9, (0.5, 0.6), True), (0.7, (0.5, 0.6), False), (0.0, (0.5, 0.6), False),
     (0.7, (-0.1, 0.01), True), (1.0, (0.6, 0.6), False)],
)  # fmt: skip
def test_longer_training_must_not_turn_it(kappa: float, g: tuple[float, float], named: bool) -> None:
    found = decision(of(rung(-0.4, 0.1, g=g, kappa=kappa), rung(-0.4, 0.1, g=(0.99, 0.95))))
    assert (found.verdict.winner == "a") == named
    assert found.comparison.answer == ("named" if named else "too close for this budget")


def test_the_budget_to_try_is_said() -> None:
    each = of(rung(-0.4, 0.1, g=(0.9, 0.8)))
    quick, full = (decided([each], budget=budget)[0].verdict.reason for budget in ("quick", "full"))
    assert "try the budget 'full'" in quick and "more seeds" in full


def test_a_check_withholds_only_the_one_that_would_be_named() -> None:
    each = of(rung(-0.4, 0.1))
    found = decision(each, ["'x' tells its samples better: under-trained"])
    assert found.comparison.answer == "withheld" and found.verdict.winner is None
    assert "'a' would be named, but 'x' tells its samples better" in found.verdict.reason
    (other,) = decided([each], budget="quick", withheld={("b", "a"): ["fails"]})
    assert other.verdict.winner == "a"


def test_few_samples_have_figures_and_no_name() -> None:
    found = decision(of(rung(-0.4, 0.1), n=FEWEST - 1))
    assert found.comparison.answer == "no name" and found.verdict.winner is None
    assert "fewer than 500 reals or samples: there are 499" in found.verdict.reason


@pytest.mark.parametrize(
    ("signs", "text"),
    [
        ((1, 1, -1), "nearer to the data than 'b' at coarse resolution (σ = 10), farther at fine resolution"),
        (
            (-1, 0, 1),
            "nearer to the data than 'b' at fine resolution (σ = 0.1), farther at coarse resolution",
        ),
        ((1, -1, 1), "at some resolutions (σ = 1), farther at other resolutions (σ = 0.1, 10)"),
    ],
)
def test_crossing_rungs_are_named_in_place_of_a_contestant(signs: tuple[int, ...], text: str) -> None:
    rungs = [
        rung(0.3 * sign, 0.1, sigma=sigma, p=0.001 if sign else 1.0)
        for sign, sigma in zip(signs, SIGMAS, strict=True)
    ]
    found = decision(of(*rungs))
    assert found.comparison.answer == "crossing" and found.verdict.winner is None
    assert text in found.verdict.reason


def test_generators_that_cross_are_told_by_their_scores() -> None:
    a, b = drawn_scores(d=(3.0, 1.0, 0.0), draw=1), drawn_scores(d=(1.0, 1.0, 2.0), draw=2)
    found = compared(contender("a", a), contender("b", b))
    assert found.comparison.answer == "crossing"
    assert "'a' is nearer to the data than 'b' at coarse" in found.verdict.reason or (
        "'b' is nearer to the data than 'a' at fine" in found.verdict.reason
    )


@pytest.mark.parametrize(
    ("other", "text"),
    [(drawn_scores(seeds=3), "other seeds or halves"), (drawn_scores(num_real=500), "reals"),
     (drawn_scores(rungs=2), "rungs")],
)  # fmt: skip
def test_other_protocols_are_refused(other: ContestantScores, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        contrast(contender("a", drawn_scores()), contender("b", other), sigmas=SIGMAS)


def test_one_kappa_a_rung_is_needed() -> None:
    a = contender("a", drawn_scores())
    with pytest.raises(ValueError, match="one κ a rung, 3"):
        contrast(a, replace(a, kappa_K=np.ones(2)), sigmas=SIGMAS)


def test_unequal_numbers_of_samples_are_compared() -> None:
    a = contender("a", drawn_scores(num_real=600, num_samples=600, trained=250, draw=1))
    b = contender("b", drawn_scores(num_real=600, num_samples=520, trained=250, draw=2))
    found = contrast(a, b, sigmas=SIGMAS)
    assert found.n == 520 and found.mean.low < 0 < found.mean.high


@pytest.mark.parametrize(
    "claim",
    ["referee-differences", "referee-equals", pytest.param("referee-unequals", marks=pytest.mark.slow)],
)
def test_simulated_verdicts_are_right_as_often_as_promised(claim: str) -> None:
    for finding in simulations.CLAIMS[claim][0](4):
        assert finding.within_target(errors=3) is not False, finding
