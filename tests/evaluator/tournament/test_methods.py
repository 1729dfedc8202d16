"""Claims about methods from their runs."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from cross_tables import runs, table
from hypothesis import given
from hypothesis import strategies as st
from reference import statistics as reference
from scipy.stats import ttest_1samp, ttest_ind
from simulated.methods import method_tests, permutation, sign_flips

from gancross.evaluator.statistics.run_figures import paired_student, welch
from gancross.evaluator.tournament.methods import FEWEST_PAIRS, SIZE, method_claims, run_figures
from gancross.evaluator.tournament.relabelling import cross_difference, permutation_p, sign_flip_p, smallest_p


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 6))
def test_welch_is_that_of_scipy(seed: int, a: int, b: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.normal(0, 1, a), random.normal(0.5, 3, b)
    estimate, p = welch(first, second)
    reference_test = ttest_ind(first, second, equal_var=False)
    limits = reference_test.confidence_interval()
    assert p == pytest.approx(reference_test.pvalue)
    assert estimate.ci95 == pytest.approx((limits.low, limits.high))
    of_pairs = paired_student(first[: min(a, b)] - second[: min(a, b)])
    limits = ttest_1samp(first[: min(a, b)] - second[: min(a, b)], 0).confidence_interval()
    assert of_pairs.ci95 == pytest.approx((limits.low, limits.high))


def test_runs_that_do_not_vary_are_certain() -> None:
    assert welch(np.full(4, 0.3), np.full(5, 0.3))[1] == 1.0
    estimate, p = welch(np.full(4, 0.3), np.full(5, 0.1))
    assert p == 0.0 and estimate.ci95 == pytest.approx((0.2, 0.2))
    with pytest.raises(ValueError, match="got 1 and 5"):
        welch(np.zeros(1), np.zeros(5))


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 5))
def test_figures_of_runs_differ_by_the_difference_of_the_methods(seed: int, a: int, b: int) -> None:
    fp = np.random.default_rng(seed).random((a + b, a + b))
    x, y = run_figures(fp, np.arange(a), a + np.arange(b))
    expected = cross_difference(fp, np.repeat([1.0, 0.0], [a, b])[None])[0]
    assert x.mean() - y.mean() == pytest.approx(expected)


def test_figures_of_runs_vary_as_their_strengths_do() -> None:
    """FP_ij = g_i − d_j: a run's figure is −(g + d), whomever it meets, but for a constant."""
    random = np.random.default_rng(0)
    g, d = random.normal(0, 1, (2, 9))
    x, y = run_figures(g[:, None] - d[None, :], np.arange(4), np.arange(4, 9))
    both = np.concatenate([x, y]) + g + d
    assert both == pytest.approx(np.full(9, both[0]))


def test_four_runs_a_side_can_make_a_claim_and_three_cannot() -> None:
    (claim,) = method_claims(*runs(0.3, 4), seed=0)
    assert (claim.winner, claim.runs, claim.exact, claim.pairs) == ("x", (4, 4), True, 0)
    assert claim.permutation_p == pytest.approx(2 / math.comb(8, 4))
    assert claim.p == max(present(claim.welch_p), present(claim.permutation_p)) == claim.holm_p
    assert claim.difference.high < 0
    assert claim.sign_flip_p is None and claim.flags == (SIZE,)
    (small,) = method_claims(*runs(0.3, 3), seed=0)
    assert small.winner is None
    assert small.permutation_p == pytest.approx(2 / math.comb(6, 3))
    assert small.reason == "fewer than 4 runs a side: no claim is made"
    assert "no p after Holm" not in claim.reason
    three = table(
        np.repeat([[0.1, 0.5, 0.9]], 12, axis=0).repeat(4, axis=1).tolist(), names=list("abcdefghijkl")
    )
    claims = method_claims(three, dict(zip("abcdefghijkl", "xxxxyyyyzzzz", strict=True)), seed=0)
    assert [claim.winner for claim in claims] == [None] * 3  # 3 · 2/70 > 5 %, though nothing overlaps
    assert all("no p after Holm can be below 0.086" in claim.reason for claim in claims)
    (same,) = method_claims(*runs(0.0, 4), seed=2)
    assert same.winner is None
    assert same.reason.startswith("the methods do not differ beyond chance")


def present(p: float | None) -> float:
    assert p is not None
    return p


def test_unequally_many_runs_are_compared_by_welch_alone() -> None:
    several, methods = runs(0.3, 6)
    fewer = {name: method for name, method in methods.items() if name not in ("run10", "run11")}
    (claim,) = method_claims(several, fewer, seed=0)
    assert claim.runs == (6, 4) and claim.winner == "x"
    assert claim.p == claim.welch_p and claim.permutation_p is None
    single = {"run00": "x"} | {name: "y" for name in methods if methods[name] == "y"}
    (alone,) = method_claims(several, single, seed=0)
    assert (alone.p, alone.difference.ci95, alone.winner) == (1.0, (-1.0, 1.0), None)


def test_runs_with_one_seed_are_paired_from_six_pairs_on() -> None:
    several, methods = runs(0.3, 6)
    seeds = {name: k % 6 for k, name in enumerate(methods)}
    (claim,) = method_claims(several, methods, seed=0, run_seeds=seeds)
    assert (claim.pairs, claim.winner, claim.flags) == (FEWEST_PAIRS, "x", ())
    assert claim.p == claim.sign_flip_p == 2 / 2**6
    assert claim.welch_p is None and claim.permutation_p is None
    assert "6 pairs of runs, sign-flip p 0.031" in claim.reason
    # Two runs of one seed have no partner; neither has what is known of one method only.
    (few,) = method_claims(several, methods, seed=0, run_seeds=seeds | {"run01": 0})
    assert few.pairs == 0 and few.runs == (6, 6)
    assert any("4 seeds have a run of each method, too few to pair" in note for note in few.flags)
    (none,) = method_claims(several, methods, seed=0, run_seeds={"run00": 1, "run01": 2})
    assert none.flags == (SIZE,)


def test_runs_without_a_partner_are_left_out_and_flagged() -> None:
    several, methods = runs(0.3, 7)
    seeds = {name: k % 7 for k, name in enumerate(methods)} | {"run13": 99}
    (claim,) = method_claims(several, methods, seed=0, run_seeds=seeds)
    assert claim.runs == (6, 6) and claim.flags == (
        "'x' and 'y': 2 runs without a partner of the same seed were left out of the claim",
    )


def test_flipped_signs_are_those_of_paired_differences_where_cells_add_up() -> None:
    random, pairs = np.random.default_rng(3), 6
    g, d = random.normal(0, 1, (2, 2 * pairs))
    differences = (g + d)[:pairs] - (g + d)[pairs:]
    means = [abs(np.mean(differences * signs)) for signs in product((-1, 1), repeat=pairs)]
    expected = np.mean([mean >= abs(differences.mean()) - 1e-12 for mean in means])
    places = np.arange(2 * pairs)
    p, exact = sign_flip_p(
        g[:, None] - d[None, :], places[:pairs], places[pairs:], random=np.random.default_rng(0)
    )
    assert exact and p == pytest.approx(expected)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
def test_permutation_is_the_count_over_all_labellings(seed: int, ours: int, theirs: int) -> None:
    random = np.random.default_rng(seed)
    fp = random.integers(0, 4, (ours + theirs, ours + theirs)) / 4
    label = random.permutation(np.repeat([1.0, 0.0], [ours, theirs]))
    p, exact = permutation_p(fp, label, random=random)
    assert exact
    assert p == pytest.approx(reference.permutation_p(fp.tolist(), label.tolist()))


def test_the_smallest_p_is_that_of_methods_that_do_not_overlap() -> None:
    for a, b in ((4, 4), (3, 6), (5, 4)):
        fp = np.add.outer(np.zeros(a + b), np.repeat([0.0, 1.0], [a, b]))
        p, exact = permutation_p(fp, np.repeat([1.0, 0.0], [a, b]), random=np.random.default_rng(0))
        assert exact and p == pytest.approx(smallest_p(a, b))
    assert smallest_p(6, 6, pairs=6) == 1 / 32


def test_many_runs_are_relabelled_at_random() -> None:
    several, _ = runs(0.0, 21)
    places = np.arange(42)
    by_run = permutation_p(several.fp, np.repeat([1.0, 0.0], 21), random=np.random.default_rng(0))
    by_pair = sign_flip_p(several.fp, places[:21], places[21:], random=np.random.default_rng(0))
    for p, exact in (by_run, by_pair):
        assert not exact
        assert 1 / 100_000 <= p <= 1


def test_sizes_of_the_tests() -> None:
    for claim in (permutation, sign_flips):
        assert all(finding.within_target(errors=3) for finding in claim(200))
    assert all(finding.within_target(errors=3) is not False for finding in method_tests(30))
