"""Null and power controls, and what checks say in words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from referee_records import referee_record
from referee_scores import drawn_scores
from tiny_referees import arena_of, grains, points, referees_of

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.check_records import BudgetControl, Dominance
from gancross.evaluator.referees.checks import dominance_reason, reasons, referee_flags
from gancross.evaluator.referees.controls import (
    HELD_OUT,
    TRAINING,
    ControlSets,
    control_sets,
    null_control,
    power_control,
)
from gancross.evaluator.referees.halves import sample_set
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.referees.scores import ContestantScores

SIGMAS = (0.1, 1.0, 10.0)
REALS = "the held-out reals"


def made(reals: torch.Tensor, training: torch.Tensor | None, *, n: int = 1000, seed: int = 0) -> ControlSets:
    sets = control_sets(sample_set(reals), training, num_samples=n, seed=seed)
    assert isinstance(sets, ControlSets)
    return sets


def rows(samples: torch.Tensor) -> list[bytes]:
    return sorted(row.numpy().tobytes() for row in samples)


def test_training_reals_stand_for_a_generators_samples() -> None:
    reals, training = grains(120), grains(400, seed=1)
    sets = made(reals, training)
    assert sets.of == TRAINING and rows(sets.null.array) == rows(training)
    assert rows(sets.reals.array) == rows(reals)
    fewer = made(reals, training, n=150)
    assert len(fewer.null) == len(fewer.mixed) == 150 and set(rows(fewer.null.array)) < set(rows(training))
    assert rows(fewer.null.array) != rows(made(reals, training, n=150, seed=1).null.array)
    shuffled = made(reals.flip(0), training.flip(0), n=150)
    assert (shuffled.null.sha256, shuffled.mixed.sha256) == (fewer.null.sha256, fewer.mixed.sha256)


def test_without_training_reals_a_third_of_the_held_out_ones_is_set_apart() -> None:
    different = grains(240)
    reals = torch.cat([different, different[:60]])
    sets = made(reals, None)
    assert sets.of == HELD_OUT == "a third of the held-out reals"
    assert sorted(rows(sets.null.array) + rows(sets.reals.array)) == rows(reals)
    assert not set(rows(sets.null.array)) & set(rows(sets.reals.array))  # the same image is on one side
    assert abs(len(sets.null) - 100) < 4.5 * math.sqrt(300 * 2 / 9 * 1.4)
    assert isinstance(control_sets(sample_set(reals[:1]), None, num_samples=9, seed=0), Missing)


@pytest.mark.parametrize(("n", "share"), [(100, 0.5), (400, 0.25), (10_000, 0.1), (9, 1.0)])
def test_a_share_of_the_mixed_samples_is_noise(n: int, share: float) -> None:
    sets = made(points(10_000), points(n, seed=1), n=n)
    assert sets.share == pytest.approx(share)
    kept = set(rows(sets.null.array)) & set(rows(sets.mixed.array))
    assert len(sets.mixed) == n and len(kept) == n - round(share * n)


def scores(d: float | tuple[float, ...], draw: int = 0, n: int = 600) -> ContestantScores:
    return drawn_scores(d=d, draw=draw, cut=draw, num_real=n, num_samples=n)


def test_the_null_fails_where_reals_are_told_from_reals_at_any_rung() -> None:
    for d, fails in ((0.0, False), ((0.0, 0.0, 0.4), True), ((0.5, 0.0, 0.0), True), (-0.5, False)):
        control = null_control(scores(d, n=1200), SIGMAS, of="x")
        assert control.fails == fails and control.of == "x", d
        assert [rung.sigma for rung in control.figures.rungs] == list(SIGMAS)


def test_the_null_rings_for_nothing_in_a_hundredth_of_calls() -> None:
    rung = sum(null_control(scores(0.0, draw=draw, n=100), SIGMAS, of="x").fails for draw in range(80))
    assert rung <= 4  # P(more) = 0.1 % at 1 %


def test_power_is_that_of_the_finest_rung() -> None:
    for d, fails in (((0.6, 0.0, 0.0), False), ((0.0, 0.6, 0.6), True), (-0.6, True), (0.0, True)):
        control = power_control(scores(d), SIGMAS, share=0.2)
        assert control.fails == fails and control.share == 0.2, d


def test_referees_that_learn_pass_both_controls_and_wrong_data_fail_the_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training data that are not what the held-out reals are: every figure would be about that difference."""
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    reals = points(400)

    def controls(training: torch.Tensor) -> tuple[bool, bool]:
        sets = made(reals, training)
        arena = arena_of(sets.reals.array, [sets.null.array], steps=80)
        _, entries = referees_of(arena, null=sets.null.array, power=sets.mixed.array)
        of_null, of_power = (
            ContestantScores(num_real=400, num_samples=400, referees=[e.scores for e in entries[name]])
            for name in ("null", "power")
        )
        sigmas = arena.ladder.sigmas
        return (
            null_control(of_null, sigmas, of=sets.of).fails,
            power_control(of_power, sigmas, share=sets.share).fails,
        )

    assert controls(points(400, seed=1)) == (False, False)
    assert controls(points(400, seed=1, shift=0.8))[0]


@pytest.fixture
def record() -> Referees:
    return referee_record({"a": 1.0, "b": 2.0}, n=520)[0]


def test_checks_that_pass_give_no_reasons_and_those_that_fail_one_each(record: Referees) -> None:
    controls = record.controls
    assert reasons(controls, reals=REALS) == [] and list(referee_flags(record)) == []
    assert not isinstance(controls.null, Missing) and not isinstance(controls.power, Missing)
    failing = replace(
        controls, null=replace(controls.null, fails=True), power=replace(controls.power, fails=True),
        budget=replace(controls.budget, fails=True, kappa=0.123),
    )  # fmt: skip
    null, power, budget = reasons(failing, reals=REALS)
    assert f"training reals from {REALS}" in null and "22% is noise" in power and "a share of 0.12" in budget
    assert list(referee_flags(replace(record, controls=failing))) == [
        f"referees: {reason}" for reason in (null, power, budget)
    ]
    unknown = replace(controls, null=Missing("too few"), power=Missing("too few"))
    assert reasons(unknown, reals=REALS) == []


def test_flags_name_who_lowered_the_number_and_what_is_not_known(record: Referees) -> None:
    lowered = replace(record, protocol=replace(record.protocol, lowered_by=("a", "b"), num_training=77))
    (flag,) = referee_flags(lowered)
    assert "referees trained on 77 reals and samples each, since 'a', 'b' had the fewest samples" in flag
    (flag,) = referee_flags(replace(record, protocol=replace(record.protocol, num_reals=499)))
    assert flag == "referees name nobody with fewer than 500 reals or samples: there are 499"
    few = {"a": replace(record.contestants["a"], num_samples=30), "b": record.contestants["b"]}
    assert "there are 30" in next(iter(referee_flags(replace(record, contestants=few))))
    null = record.controls.null
    assert not isinstance(null, Missing)
    budget = BudgetControl(kappa=0.5, source="not measured for vectors", num_training=None, fails=False)
    changed = replace(record.controls, null=replace(null, of=HELD_OUT), budget=budget)
    assert list(referee_flags(replace(record, controls=changed))) == [
        "no training data are known: the null control took a third of the held-out reals",
        "how much of planted faults referees show was not measured for vectors:"
        " a share of 0.5 is assumed (κ)",
    ]


def test_g_that_rises_with_the_noise_shows_too_little_training(record: Referees) -> None:
    def with_g(*values: float, reach: float = 0.01) -> Referees:
        entry = record.contestants["a"]
        rungs = [
            replace(rung, g=Estimate(value=value, low=value - reach, high=value + reach))
            for rung, value in zip(entry.rungs, values, strict=False)
        ]
        return replace(record, contestants={"a": replace(entry, rungs=tuple(rungs))})

    (flag,) = referee_flags(with_g(0.3, 0.5, 0.6))
    assert flag.startswith("'a': its referees trained too little") and "0.300" in flag and "0.500" in flag
    assert list(referee_flags(with_g(0.6, 0.5, 0.3))) == []
    assert list(referee_flags(with_g(0.3, 0.339))) == []  # beyond chance by less than 0.02
    assert len(list(referee_flags(with_g(0.3, 0.341)))) == 1
    assert list(referee_flags(with_g(0.3, 0.5, reach=0.1))) == []
    assert len(list(referee_flags(with_g(0.6, 0.3, 0.5)))) == 1


def test_a_dominating_judge_is_named(record: Referees) -> None:
    check = Dominance(
        contestant="a", judge="the referees of 'b'", sigma=0.25, holm_p=0.001, fails=True,
        difference=Estimate(value=0.3, low=0.2, high=0.4),
    )  # fmt: skip
    text = dominance_reason(check)
    assert text == (
        "its referees are under-trained: the referees of 'b' tell its samples more surely, G higher by"
        " 0.3000 [0.2000, 0.4000] at σ = 0.25"
    )
