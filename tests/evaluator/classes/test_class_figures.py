"""Figures by class against slow formulas, scipy and simulations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import fisher_exact
from simulated.classes import class_intervals, families
from simulated.findings import Finding
from torch import nn

from gancross import Contestant
from gancross.evaluator.classes.figures import against_others, class_figures
from gancross.evaluator.classes.parts import ClassParts
from gancross.evaluator.classes.records import AgainstOthers, ClassFigures
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.scores import ScoresBySource
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.groups import (
    effective_number,
    groups_of_part,
    proportion,
    variance_of_mean,
)

Array = NDArray[np.float64]
Classes = NDArray[np.int64]
RANDOM = np.random.default_rng(24)
N, M, K = 700, 900, 5
REAL_CLASSES, FAKE_CLASSES = RANDOM.integers(0, K, N), RANDOM.integers(0, K, M)
REAL = RANDOM.normal(0.8, 1.0, N)
FAKE = RANDOM.normal(-0.6, 1.0, M) + 0.9 * (FAKE_CLASSES == 3)


def judge(name: str = "one", threshold: float | None = 0.0) -> Contestant:
    kind = "logit" if threshold is not None else "critic"
    return Contestant(
        name=name,
        generator=nn.Identity(),
        discriminator=nn.Identity(),
        latent_dim=1,
        score_kind=kind,
        threshold=threshold,
    )


def figures(
    real: Array = REAL, fake: Array = FAKE, real_classes: Classes | None = REAL_CLASSES,
    fake_classes: Classes | None = FAKE_CLASSES, *, threshold: float | None = 0.0, group_size: int = 1,
    names: Sequence[str] = tuple("abcde"),
) -> ClassFigures | None:  # fmt: skip
    labelled = {None: real_classes, "one": fake_classes}
    return class_figures(
        [judge(threshold=threshold)],
        {"one": ScoresBySource(arrays={None: real, "one": fake}, group_size=group_size)},
        {label: classes for label, classes in labelled.items() if classes is not None}, ["one"], names,
    )  # fmt: skip


def present(found: ClassFigures | None) -> ClassFigures:
    assert found is not None
    return found


def rate_of(figure: Proportion | Missing) -> Proportion:
    assert isinstance(figure, Proportion)
    return figure


def contrast_of(figure: AgainstOthers | Missing) -> AgainstOthers:
    assert isinstance(figure, AgainstOthers)
    return figure


def test_every_figure_of_a_class_is_that_of_its_samples_alone() -> None:
    found = present(figures())
    (fakes,) = found.cross
    assert found.names == tuple("abcde") and found.group_sizes == {"one": 1}
    for c in range(K):
        real, fake = REAL[c == REAL_CLASSES], FAKE[c == FAKE_CLASSES]
        fn = Proportion(count=int((real <= 0).sum()), n=len(real))
        assert found.reals["one"].classes[c].fn == fn
        assert fakes.classes[c].fp == Proportion(count=int((fake > 0).sum()), n=len(fake))
        assert fakes.classes[c].auc == auc_interval(real=real, fake=fake)
        assert not isinstance(found.num_real, Missing)
        assert (found.num_real[c], found.num_generated["one"][c]) == (len(real), len(fake))


def test_a_class_is_compared_with_all_others_by_fishers_test_and_holm() -> None:
    (fakes,) = present(figures()).cross
    rows = [
        [[int((FAKE[of_class] > 0).sum()), int((FAKE[of_class] <= 0).sum())]
         for of_class in (c == FAKE_CLASSES, c != FAKE_CLASSES)]
        for c in range(K)
    ]  # fmt: skip
    ps = [float(fisher_exact(np.array(table)).pvalue) for table in rows]
    adjusted, running = [0.0] * K, 0.0
    for rank, c in enumerate(sorted(range(K), key=lambda c: ps[c])):
        running = max(running, min(1.0, (K - rank) * ps[c]))
        adjusted[c] = running
    contrasts = [contrast_of(entry.against_others) for entry in fakes.classes]
    assert [entry.p for entry in contrasts] == pytest.approx(ps)
    assert [entry.holm_p for entry in contrasts] == pytest.approx(adjusted)
    assert [(entry.others.count, entry.others.n - entry.others.count) for entry in contrasts] == [
        tuple(other) for _, other in rows
    ]
    assert contrasts[3].differs and rate_of(fakes.classes[3].fp).rate > contrasts[3].others.rate
    assert fakes.tests == K


@pytest.mark.parametrize(
    ("claim", "draws"), [(families, 40), (class_intervals, 150)], ids=["names", "limits"]
)
def test_simulated_names_and_intervals_of_classes_keep_their_promise(
    claim: Callable[[int], Iterable[Finding]], draws: int
) -> None:
    for finding in claim(draws):
        assert finding.within_target(errors=3) is not False, finding


def test_a_class_that_differs_is_named_in_groups_too() -> None:
    random = np.random.default_rng(3)
    classes = random.integers(0, 10, 1_600)
    decisions = random.random(1_600) < np.where(classes == 6, 0.7, 0.2)
    contrasts = against_others(decisions, ClassParts(classes=classes, num_classes=10), 16)
    surest = min(range(10), key=lambda c: contrast_of(contrasts[c]).holm_p)
    assert surest == 6 and contrast_of(contrasts[6]).differs


def test_in_groups_the_group_is_the_observation_and_holds_what_it_has_of_the_class() -> None:
    size, (fakes,) = 16, present(figures(group_size=16)).cross
    for c in range(K):
        places = np.flatnonzero(c == FAKE_CLASSES)
        called = FAKE[places] > 0
        groups = [called[places // size == g] for g in np.unique(places // size)]
        p, n = called.mean(), len(called)
        residuals = np.array([group.sum() - p * len(group) for group in groups])
        reference = len(groups) / (len(groups) - 1) * (residuals**2).sum() / n**2
        assert variance_of_mean(called.astype(float), groups_of_part(places, size)) == pytest.approx(
            reference
        )
        fp = rate_of(fakes.classes[c].fp)
        assert (fp.count, fp.n) == (called.sum(), n)
        assert fp.effective_n is not None and len(groups) <= fp.effective_n <= n
        auc = fakes.classes[c].auc
        alone = auc_interval(real=REAL[c == REAL_CLASSES], fake=FAKE[c == FAKE_CLASSES])
        assert isinstance(auc, Estimate) and auc.value == alone.value and auc.ci95 != alone.ci95


def test_the_others_in_groups_are_a_part_like_any() -> None:
    decisions, parts = FAKE > 0, ClassParts(classes=FAKE_CLASSES, num_classes=K)
    for c in range(K):
        others = np.flatnonzero(c != FAKE_CLASSES)
        expected = proportion(decisions[others], groups_of_part(others, 16))
        assert parts.other_rate(decisions, c, 16) == expected


def test_a_part_that_is_the_whole_has_the_figures_of_the_whole() -> None:
    decisions, whole = FAKE > 0, np.arange(M)
    assert effective_number(decisions, groups_of_part(whole, 16)) == effective_number(decisions, 16)


def test_a_judge_without_a_threshold_has_aucs_alone() -> None:
    found = present(figures(threshold=None))
    (fakes,) = found.cross
    assert found.reals["one"].tests == fakes.tests == 0
    assert all(isinstance(entry.fn, Missing) for entry in found.reals["one"].classes)
    for entry in fakes.classes:
        assert isinstance(entry.fp, Missing) and "threshold" in entry.fp.reason
        assert isinstance(entry.against_others, Missing) and isinstance(entry.auc, Estimate)


def test_what_few_samples_cannot_tell_is_missing_with_the_reason() -> None:
    real_classes, fake_classes = np.zeros(N, np.int64), np.zeros(M, np.int64)
    real_classes[0] = fake_classes[0] = fake_classes[1] = 1
    fake_classes[5] = 2
    found = present(figures(real_classes=real_classes, fake_classes=fake_classes, names=("a", "b", "c", "d")))
    (fakes,) = found.cross
    reals = found.reals["one"].classes
    assert [isinstance(entry.fn, Proportion) for entry in reals] == [True, True, False, False]
    assert reals[2].fn == Missing("no samples of this class")
    assert fakes.classes[1].auc == Missing("test samples of this class: 1, fewer than 2")
    assert fakes.classes[2].auc == Missing("test samples of this class: 0, fewer than 2")
    assert fakes.classes[3].against_others == Missing("no samples of this class")
    assert (found.reals["one"].tests, fakes.tests) == (2, 3)
    assert with_finite_figures(found) is found


def test_a_class_within_one_group_has_no_auc() -> None:
    fake_classes = np.where(np.arange(M) < 5, 0, 1)
    (fakes,) = present(figures(fake_classes=fake_classes, group_size=16)).cross
    assert fakes.classes[0].auc == Missing(
        "generated samples of this class: 5 in 1 group of 16, fewer than 2 groups"
    )


def test_a_lone_class_is_compared_with_nothing() -> None:
    found = present(figures(real_classes=np.zeros(N, np.int64), fake_classes=None, names=("only",)))
    (entry,) = found.reals["one"].classes
    assert entry.against_others == Missing("no samples of other classes")
    assert isinstance(entry.fn, Proportion) and found.cross == ()


def test_too_few_groups_are_not_compared_but_have_rates() -> None:
    found = present(figures(group_size=64))
    (fakes,) = found.cross
    for entry in fakes.classes:
        assert isinstance(entry.fp, Proportion) and isinstance(entry.against_others, Missing)
        assert "fewer than 30" in entry.against_others.reason


def test_reals_without_classes_leave_fp_alone_and_no_classes_at_all_leave_nothing() -> None:
    found = present(figures(real_classes=None, names=()))
    assert found.names == tuple("01234") and found.reals == {}
    assert found.num_real == Missing("the test data have no classes")
    (fakes,) = found.cross
    assert all(isinstance(entry.fp, Proportion) for entry in fakes.classes)
    assert {entry.auc for entry in fakes.classes} == {Missing("the test data have no classes")}
    assert figures(real_classes=None, fake_classes=None) is None


@pytest.mark.parametrize("group_size", [1, 16])
def test_permuted_classes_permute_the_tables_and_nothing_else(group_size: int) -> None:
    names, order = tuple("abcde"), np.array([3, 0, 4, 2, 1])  # class order[c] of before is c now
    number = np.argsort(order)
    before = present(figures(group_size=group_size, names=names))
    after = present(figures(
        real_classes=number[REAL_CLASSES], fake_classes=number[FAKE_CLASSES], group_size=group_size,
        names=tuple(names[c] for c in order),
    ))  # fmt: skip
    assert after.names == tuple(before.names[c] for c in order)
    for old, new in ((before.reals["one"], after.reals["one"]), (before.cross[0], after.cross[0])):
        assert new.classes == tuple(old.classes[c] for c in order) and new.tests == old.tests
    assert not isinstance(before.num_real, Missing)
    assert after.num_real == tuple(before.num_real[c] for c in order)
