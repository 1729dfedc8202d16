"""More than two contestants, and several runs of a method."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import choix
import numpy as np
import pytest
import simulations
from hypothesis import given
from hypothesis import strategies as st
from reference import statistics as reference
from scipy.special import expit

from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.tournament.bradley_terry import (
    RIDGE,
    Strengths,
    bradley_terry,
    method_strengths,
    ridge_maximum,
)
from gancross.evaluator.tournament.cross_table import CrossTable, cross_table
from gancross.evaluator.tournament.duality import DualityGap, duality_gaps
from gancross.evaluator.tournament.methods import method_claims, permutation_p, smallest_p
from gancross.evaluator.tournament.ranking import (
    JudgeDecisions,
    RankedDiscriminator,
    RankedGenerator,
    discriminator_ranking,
    generator_ranking,
)

N = 1_000
Rates = Sequence[Sequence[float]]
T = TypeVar("T")


def present(figure: T | Missing) -> T:
    assert not isinstance(figure, Missing)
    return figure


def ranked_discriminators(table: CrossTable) -> tuple[RankedDiscriminator, ...]:
    return present(discriminator_ranking(table))


def strengths(table: CrossTable) -> Strengths:
    return present(bradley_terry(table))


def known_gaps(table: CrossTable, *, seed: int = 0, resamples: int = 999) -> Mapping[str, DualityGap]:
    return {name: present(gap) for name, gap in duality_gaps(table, seed=seed, resamples=resamples).items()}


def table(
    fp: Rates, fn: Sequence[float] | None = None, *, names: Sequence[str] = "abcdefghij",
    order: Sequence[str] | None = None, blind: Collection[str] = (), silent: Collection[str] = (),
) -> CrossTable:  # fmt: skip
    """A table from a matrix of rates, generators by judges, with names in the given order."""
    size = len(fp)
    fn = fn or [0.05] * size
    judges = [name for name in names[:size] if name not in silent]
    rates = {
        (judge, names[i]): Proportion(count=round(N * fp[i][names.index(judge)]), n=N)
        for judge in judges
        for i in range(size)
    }
    fns = {judge: Proportion(count=round(N * fn[names.index(judge)]), n=N) for judge in judges}
    return cross_table(order or names[:size], fp=rates, fn=fns, blind=blind)


# Generator a fools everybody, c nobody; judge c is the strictest. Own cells are set apart on purpose.
LADDER = [[0.9, 0.6, 0.4, 0.5], [0.5, 0.9, 0.2, 0.3], [0.3, 0.2, 0.9, 0.1], [0.4, 0.3, 0.1, 0.9]]


def judges_of(
    shares: Rates, *, real: float = 0.9, n: int = 4_000, seed: int = 0, unusable: str = ""
) -> list[JudgeDecisions]:
    """Judges that call a share of the reals real, and `shares[i][j]` of generator i's samples real."""
    random = np.random.default_rng(seed)
    names = "abcdefghij"[: len(shares)]
    return [
        JudgeDecisions(
            name=judge, usable=judge not in unusable, real=random.random(n) < real,
            fakes={name: random.random(n) < shares[i][j] for i, name in enumerate(names)},
        )
        for j, judge in enumerate(names)
    ]  # fmt: skip


def ranked_by(judges: Sequence[JudgeDecisions]) -> tuple[RankedGenerator, ...]:
    return present(generator_ranking([judge.name for judge in judges], judges, grouped=False))


def test_a_generator_equal_to_the_data_stands_before_a_collapsed_one() -> None:
    """By FP the collapsed one would: judges call all of its samples real, and a tenth of the data fake."""
    ranked = ranked_by(judges_of([[0.9] * 3, [1.0] * 3, [0.4] * 3]))
    assert [entry.name for entry in ranked] == ["a", "b", "c"]
    assert abs(ranked[0].distance.value) < 1e-3
    assert ranked[1].distance.value == pytest.approx(0.01, abs=2e-3)
    assert ranked[2].distance.value == pytest.approx(0.25, abs=2e-2)
    assert all(entry.judges == 2 and not entry.unresolved for entry in ranked)


def test_own_and_unusable_judges_do_not_count() -> None:
    shares = [[0.9, 0.8, 0.8, 0.8], [0.8, 0.0, 0.8, 0.8], [0.8, 0.8, 0.9, 0.8], [0.1, 0.8, 0.8, 0.9]]
    with_a, without_a = ranked_by(judges_of(shares)), ranked_by(judges_of(shares, unusable="a"))
    assert with_a[-1].name == "d" and with_a[-1].distance.value > 0.1
    assert all(entry.distance.value < 0.03 for entry in without_a)
    assert {entry.name: entry.judges for entry in without_a} == {"a": 3, "b": 2, "c": 2, "d": 2}


def test_the_order_of_generators_that_no_common_judge_tells_apart_is_not_resolved() -> None:
    equal = ranked_by(judges_of([[0.7] * 3] * 3))
    assert all(len(entry.unresolved) == 2 for entry in equal)
    # With two judges nobody is common to a and b; both judge c.
    shares = [[0.7] * 3, [0.3] * 3, [0.1] * 3]
    two = {entry.name: entry.unresolved for entry in ranked_by(judges_of(shares, unusable="c"))}
    assert two == {"a": ("b",), "b": ("a",), "c": ()}


def test_without_a_third_judge_or_under_batch_statistics_there_is_no_ranking() -> None:
    pair = judges_of([[0.1, 0.2], [0.3, 0.1]])
    nobody = generator_ranking("ab", pair, grouped=False)
    assert isinstance(nobody, Missing) and "three contestants" in nobody.reason
    three = judges_of([[0.1] * 3] * 3)
    grouped = generator_ranking("abc", three, grouped=True)
    assert isinstance(grouped, Missing) and "batch statistics" in grouped.reason


def test_the_order_of_contestants_moves_no_place() -> None:
    judges = judges_of([[0.7] * 3, [0.7] * 3, [0.1] * 3])
    assert ranked_by(judges) == ranked_by(judges[::-1])


def test_a_blind_judge_is_marked() -> None:
    ranked = ranked_discriminators(table(LADDER, blind="b"))
    assert [entry.name for entry in ranked if entry.blind] == ["b"]


def test_two_contestants_have_no_third_judge() -> None:
    pair = table([[0.1, 0.2], [0.3, 0.1]])
    assert isinstance(bradley_terry(pair), Missing)
    assert len(ranked_discriminators(pair)) == 2


def test_discriminators_are_ranked_by_j_on_the_generators_of_others() -> None:
    ranked = ranked_discriminators(table(LADDER, [0.0, 0.0, 0.1, 0.0]))
    scores = {entry.name: (entry.mean_j, entry.min_j, entry.hardest) for entry in ranked}
    assert scores["c"][0] == pytest.approx(0.9 - 0.7 / 3)
    assert scores["c"][1] == pytest.approx(0.5) and scores["c"][2] == "a"
    assert ranked[0].name == "d"


def test_contestants_without_decisions_are_judged_and_judge_nobody() -> None:
    partial = table(LADDER, silent="d")
    assert {entry.name for entry in ranked_discriminators(partial)} == set("abc")
    assert isinstance(duality_gaps(partial, seed=0)["d"], Missing)
    fitted = strengths(partial)
    assert (set(fitted.generators), set(fitted.discriminators)) == (set("abcd"), set("abc"))


def test_the_order_of_contestants_moves_no_digit() -> None:
    forth, back = table(LADDER), table(LADDER, order="dbca")
    methods = dict(zip("abcd", "xxyy", strict=True))
    assert discriminator_ranking(forth) == discriminator_ranking(back)
    assert bradley_terry(forth) == bradley_terry(back)
    assert duality_gaps(forth, seed=1) == duality_gaps(back, seed=1)
    assert method_claims(forth, methods, seed=1) == method_claims(back, methods, seed=1)


def test_bradley_terry_is_that_of_choix_on_whole_counts() -> None:
    random = np.random.default_rng(0)
    won = random.integers(0, 5, (3, 3))
    matches = [
        match for i in range(3) for j in range(3)
        for match in [(i, 3 + j)] * won[i, j] + [(3 + j, i)] * (4 - won[i, j])
    ]  # fmt: skip
    expected = choix.opt_pairwise(6, matches, alpha=0.05, tol=1e-10)  # choix writes λ/2 as alpha
    assert ridge_maximum(won / 4, np.full((3, 3), 4.0), ridge=0.1) == pytest.approx(expected, abs=1e-6)


def test_bradley_terry_finds_the_strengths_that_made_the_table() -> None:
    true = np.array([-1.0, 0.0, 0.5, 1.0])
    fp = 1 / (1 + np.exp(-(true[:, None] + true[None, :])))
    fitted = strengths(table(fp.tolist()))
    estimated = np.array(list(fitted.generators.values()))
    assert estimated - estimated.mean() == pytest.approx(true - true.mean(), abs=0.03)
    assert fitted.residual is not None and fitted.residual < 1


def test_a_table_without_one_order_lies_far_from_its_strengths() -> None:
    circle = [[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]]
    residual = strengths(table(circle)).residual
    assert residual is not None and residual > 20


def test_bradley_terry_stays_finite_at_rates_of_0_and_1() -> None:
    fitted = strengths(table([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.5, 1.0, 0.0]]))
    assert all(math.isfinite(value) for value in fitted.generators.values())
    assert fitted.generators["a"] > fitted.generators["c"] > fitted.generators["b"]


def runs(shift: float, per_side: int, seed: int = 0) -> tuple[CrossTable, dict[str, str]]:
    """Runs of method x (first half) and y; x's judges are fooled less by `shift`."""
    random = np.random.default_rng(seed)
    judge = random.normal(0, 0.02, 2 * per_side) - shift * (np.arange(2 * per_side) < per_side)
    fp = np.clip(0.5 + judge[None, :] + random.normal(0, 0.02, (2 * per_side, 1)), 0, 1)
    names = [f"run{k:02}" for k in range(2 * per_side)]
    methods = {name: "x" if k < per_side else "y" for k, name in enumerate(names)}
    return table(fp.tolist(), names=names), methods


def test_method_strengths_come_with_the_spread_over_runs() -> None:
    several, methods = runs(0.2, 4)
    estimated = present(method_strengths(several, methods, seed=0, resamples=99))
    assert set(estimated) == {"x", "y"}
    assert all(entry.low <= entry.value <= entry.high for entry in estimated.values())
    single = method_strengths(several, {"run00": "x", "run05": "y"}, seed=0, resamples=9)
    assert isinstance(single, Missing)


def test_four_runs_a_side_can_make_a_claim_and_three_cannot() -> None:
    (claim,) = method_claims(*runs(0.3, 4), seed=0)
    assert (claim.winner, claim.runs, claim.exact, claim.descriptive) == ("x", (4, 4), True, True)
    assert claim.p == pytest.approx(2 / math.comb(8, 4))
    assert claim.difference.high < 0
    (small,) = method_claims(*runs(0.3, 3), seed=0)
    assert small.winner is None
    assert small.p == pytest.approx(2 / math.comb(6, 3))
    assert small.reason == "fewer than 4 runs a side: no claim is made"
    assert "no p after Holm" not in claim.reason
    for a, b in ((4, 4), (3, 6), (5, 4)):
        fp = np.add.outer(np.zeros(a + b), np.repeat([0.0, 1.0], [a, b]))
        p, exact = permutation_p(fp, np.repeat([1.0, 0.0], [a, b]), random=np.random.default_rng(0))
        assert exact and p == pytest.approx(smallest_p(a, b))
    three = table(
        np.repeat([[0.1, 0.5, 0.9]], 12, axis=0).repeat(4, axis=1).tolist(), names=list("abcdefghijkl")
    )
    claims = method_claims(three, dict(zip("abcdefghijkl", "xxxxyyyyzzzz", strict=True)), seed=0)
    assert [claim.winner for claim in claims] == [None] * 3  # 3 · 2/70 > 5 %, though nothing overlaps
    assert all("no p after Holm can be below 0.086" in claim.reason for claim in claims)
    (same,) = method_claims(*runs(0.0, 4), seed=2)
    assert same.winner is None
    assert same.reason.startswith("the methods do not differ beyond chance")


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
def test_permutation_is_the_count_over_all_labellings(seed: int, ours: int, theirs: int) -> None:
    random = np.random.default_rng(seed)
    fp = random.integers(0, 4, (ours + theirs, ours + theirs)) / 4
    label = random.permutation(np.repeat([1.0, 0.0], [ours, theirs]))
    p, exact = permutation_p(fp, label, random=random)
    assert exact
    assert p == pytest.approx(reference.permutation_p(fp.tolist(), label.tolist()))


def test_many_runs_are_permuted_at_random() -> None:
    several, _ = runs(0.0, 14)
    label = np.repeat([1.0, 0.0], 14)
    p, exact = permutation_p(several.fp, label, random=np.random.default_rng(0))
    assert not exact
    assert 1 / 100_000 <= p <= 1


def test_saddle_point_of_the_pool_has_no_gap() -> None:
    # Against judge a every generator does as badly, and no judge detects generator a better than a does.
    fp = [[0.4, 0.6, 0.7], [0.2, 0.3, 0.3], [0.1, 0.2, 0.3]]
    gaps = known_gaps(table(fp, [0.0] * 3))
    assert gaps["a"].value == pytest.approx(0)
    assert gaps["c"].value > 0


@given(
    st.lists(
        st.lists(st.integers(0, 10).map(lambda k: k / 10), min_size=3, max_size=3), min_size=3, max_size=3
    )
)
def test_duality_gap_is_never_negative(fp: list[list[float]]) -> None:
    gaps = known_gaps(table(fp), resamples=20)
    assert all(gap.value >= 0 for gap in gaps.values())


def test_noise_alone_makes_a_gap_which_the_bias_reports() -> None:
    gaps = known_gaps(table([[0.5] * 3] * 3))
    assert all(gap.value == 0 for gap in gaps.values())
    assert all(0.005 < gap.bias < 0.05 for gap in gaps.values())


def test_size_of_the_permutation_test() -> None:
    assert all(finding.within_target(errors=3) for finding in simulations.permutation(300))


def test_the_fit_converges_on_tables_of_any_size() -> None:
    """Near the maximum the objective moves by less than its rounding; halving steps there goes nowhere."""
    random = np.random.default_rng(0)
    for _ in range(300):
        n = int(random.integers(3, 40))
        a, b = (float(parameter) for parameter in random.uniform(0.05, 2, 2))
        fp = np.round(random.beta(a, b, size=(n, n)) * 2000) / 2000
        weight = (random.random((n, n)) < 0.95) & ~np.eye(n, dtype=bool)
        maximum = ridge_maximum(fp, weight.astype(float), ridge=RIDGE)
        odds = expit(maximum[:n, None] - maximum[None, n:])
        surplus = weight * (fp - odds)
        gradient = np.concatenate([surplus.sum(axis=1), -surplus.sum(axis=0)]) - RIDGE * maximum
        assert np.abs(gradient).max() < 1e-10
