"""More than two contestants, and several runs of a method."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TypeVar

import choix
import numpy as np
import pytest
from cross_tables import N, Rates, runs, table
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from simulated.ranking import ranked_distance

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
from gancross.evaluator.tournament.methods import method_claims
from gancross.evaluator.tournament.ranking import (
    RankedDiscriminator,
    RankedGenerator,
    discriminator_ranking,
    generator_ranking,
)
from gancross.evaluator.tournament.squared_j import JudgeDecisions, OrderTests, SquaredJ

T = TypeVar("T")


def present(figure: T | Missing) -> T:
    assert not isinstance(figure, Missing)
    return figure


def present_number(figure: float | None) -> float:
    assert figure is not None
    return figure


def ranked_discriminators(table: CrossTable) -> tuple[RankedDiscriminator, ...]:
    return present(discriminator_ranking(table))


def strengths(table: CrossTable) -> Strengths:
    return present(bradley_terry(table))


def known_gaps(table: CrossTable, *, seed: int = 0, splits: int = 400) -> Mapping[str, DualityGap]:
    return {name: present(gap) for name, gap in duality_gaps(table, seed=seed, splits=splits).items()}


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
    return present(generator_ranking([judge.name for judge in judges], judges, batch_statistics=False))


def test_a_generator_equal_to_the_data_stands_before_a_collapsed_one() -> None:
    """By FP the collapsed one would: judges call all of its samples real, and a tenth of the data fake."""
    ranked = ranked_by(judges_of([[0.9] * 3, [1.0] * 3, [0.4] * 3]))
    assert [entry.name for entry in ranked] == ["a", "b", "c"]
    assert abs(ranked[0].distance.value) < 1e-3
    assert ranked[1].distance.value == pytest.approx(0.01, abs=2e-3)
    assert ranked[2].distance.value == pytest.approx(0.25, abs=2e-2)
    assert all(entry.judges == 2 and not entry.unresolved for entry in ranked)


def test_the_interval_of_a_distance_holds_it_at_0_and_close_to_it() -> None:
    for finding in ranked_distance(30):
        assert finding.within_target(errors=3) is not False, finding


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


def test_rates_of_exactly_0_and_1_have_an_error_and_an_order() -> None:
    first, *_, last = ranked_by(judges_of([[1.0] * 3, [0.0] * 3, [1.0] * 3], real=1.0, n=300))
    assert (first.distance.value, last.distance.value) == (0.0, 1.0)
    assert 0 < first.distance.high < 0.05 and 0.95 < last.distance.low < 1
    assert last.name == "b" and not last.unresolved


def test_without_a_third_judge_or_under_batch_statistics_there_is_no_ranking() -> None:
    pair = judges_of([[0.1, 0.2], [0.3, 0.1]])
    nobody = generator_ranking("ab", pair, batch_statistics=False)
    assert isinstance(nobody, Missing) and "two contestants" in nobody.reason
    three = judges_of([[0.1] * 3] * 3)
    grouped = generator_ranking("abc", three, batch_statistics=True)
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


def test_method_strengths_come_with_the_spread_over_runs() -> None:
    several, methods = runs(0.2, 4)
    estimated = present(method_strengths(several, methods, seed=0, resamples=99))
    assert set(estimated) == {"x", "y"}
    assert all(entry.low <= entry.value <= entry.high for entry in estimated.values())
    single = method_strengths(several, {"run00": "x", "run05": "y"}, seed=0, resamples=9)
    assert isinstance(single, Missing)


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
    gaps = known_gaps(table(fp), splits=20)
    assert all(gap.value >= 0 for gap in gaps.values())


def test_noise_alone_makes_a_gap_which_the_bias_reports() -> None:
    random = np.random.default_rng(0)
    measured = [random.binomial(N, np.full((3, 3), 0.5)) / N for _ in range(40)]
    gaps = [known_gaps(table(fp.tolist()), seed=k)["a"] for k, fp in enumerate(measured)]
    assert np.mean([gap.value for gap in gaps]) > 0.01
    corrected = np.array([present_number(gap.corrected) for gap in gaps])
    assert abs(corrected.mean()) < 3 * corrected.std(ddof=1) / math.sqrt(len(gaps))
    assert all(gap.value - gap.bias == pytest.approx(gap.corrected) for gap in gaps)


def test_the_gap_of_figures_without_noise_is_corrected_by_nothing() -> None:
    """Rates of 0 and 1 have no halves that differ."""
    gap = known_gaps(table([[1.0, 0.0], [1.0, 0.0]], [0.0, 0.0]))["a"]
    assert gap.value == gap.corrected == pytest.approx(0.5) and gap.bias == 0


def test_grouped_samples_are_split_by_their_effective_number() -> None:
    """40 independent decisions of 1,000 leave a wider bias than 1,000."""
    rates = [[500, 480], [490, 500]]
    biases = []
    for effective in (None, 40.0):
        fp = {(j, i): Proportion(count=rates["ab".index(i)]["ab".index(j)], n=N, effective_n=effective)
              for i in "ab" for j in "ab"}  # fmt: skip
        fn = {name: Proportion(count=50, n=N, effective_n=effective) for name in "ab"}
        biases.append(known_gaps(cross_table("ab", fp=fp, fn=fn), splits=4_000)["a"].bias)
    assert biases[1] > 3 * abs(biases[0])


def test_one_sample_cannot_be_split() -> None:
    fp = {(j, i): Proportion(count=1, n=1) for i in "ab" for j in "ab"}
    gaps = duality_gaps(
        cross_table("ab", fp=fp, fn={name: Proportion(count=0, n=9) for name in "ab"}), seed=0
    )
    assert all(isinstance(gap, Missing) and "split" in gap.reason for gap in gaps.values())


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


def test_tests_of_order_from_covariances_are_those_from_all_samples() -> None:
    """Against the influence of every real and every sample on the difference of two generators' mean J²."""
    random, names = np.random.default_rng(0), ["a", "b", "c", "d", "e"]
    judges = [
        JudgeDecisions(
            name=name, usable=True, real=random.random(90) < 0.9,
            fakes={generator: random.random(70) < 0.9 - 0.15 * names.index(generator) for generator in names},
        ) for name in names
    ]  # fmt: skip
    tests = OrderTests.of(names, judges)
    told = 0
    for before, after in permutations(names, 2):
        common = [judge for judge in judges if judge.name not in (before, after)]
        first, second = (SquaredJ.of(name, common) for name in (before, after))
        influences = (first.real - second.real, first.fake, second.fake)
        variance = sum(values.var(ddof=1) / len(values) for values in influences)
        gap = second.value - first.value
        z = gap / np.sqrt(variance + first.squared + second.squared)
        expected = 2 * float(norm.sf(z)) if gap > 0 else 1.0
        assert tests.p(before, after) == pytest.approx(expected, rel=1e-9)
        told += expected < 0.05
    assert told > 3 and OrderTests.of(["a", "b"], judges[:2]).p("a", "b") == 1.0


def test_the_splits_of_the_duality_gap_are_held_judge_by_judge() -> None:
    count = 32
    names = tuple(f"{number:02d}" for number in range(count))
    rates = np.full((count, count), 50)
    ties = CrossTable(
        names=names, called_real=rates, num_fake=np.full(count, 100), called_fake=np.full(count, 50),
        num_real=np.full(count, 100), blind=np.zeros(count, bool), effective_fake=2 * rates,
        effective_real=np.full(count, 100),
    )  # fmt: skip
    duality_gaps(ties, seed=0, splits=2)  # what is imported and kept at the first call
    tracemalloc.start()
    duality_gaps(ties, seed=0, splits=400)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400 * count**2 * 8  # less than one number a split and cell
