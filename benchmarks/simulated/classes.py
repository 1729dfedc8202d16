"""How often a class is named where all have one rate, and whether a class's intervals hold in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from gancross.evaluator.classes.figures import against_others
from gancross.evaluator.classes.parts import ClassParts
from gancross.evaluator.classes.records import AgainstOthers
from gancross.evaluator.statistics.auc import grouped_auc_interval
from gancross.evaluator.statistics.groups import groups_of_part, proportion
from simulated.findings import AT_LEAST, Finding, coverage, holds, random_of, size

CLASSES = 10
GROUPS, SIZE = 60, 16
SHIFT = 0.8  # standard deviation of what a group's scores share
SHARES = np.arange(1, CLASSES + 1) / np.arange(1, CLASSES + 1).sum()

Decisions = NDArray[np.bool_]
Classes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Samples of ten classes of unequal sizes and one rate.

    Attributes:
        draw: the decisions of samples of these classes (N,).
        n: number of samples.
        group_size: of the groups in which the decisions were made.
    """

    setting: str
    draw: Callable[[np.random.Generator, Classes], Decisions]
    n: int
    group_size: int


def alike(random: np.random.Generator, classes: Classes) -> Decisions:
    """Groups whose rates vary about 0.2, with an intra-group correlation of 0.2."""
    return random.random(len(classes)) < random.beta(0.8, 3.2, GROUPS).repeat(SIZE)


def balanced(random: np.random.Generator, classes: Classes) -> Decisions:
    """4 of 16 called real in every group, as where a batch norm centres the scores."""
    ranks = random.random((GROUPS, SIZE)).argsort(1).argsort(1)
    return (ranks < 4).ravel()


def opposed(random: np.random.Generator, classes: Classes) -> Decisions:
    """What a group adds to the logit for half of the classes it takes from it for the others; rate 0.5."""
    shifts = random.normal(0, 1, GROUPS).repeat(SIZE)
    return random.random(len(classes)) < expit(np.where(classes % 2 == 0, shifts, -shifts))


def apart(rate: float) -> Family:
    """Independent decisions."""
    return Family(
        setting=f"rate {rate}", draw=lambda random, classes: random.random(len(classes)) < rate, n=1_000,
        group_size=1,
    )  # fmt: skip


def grouped(setting: str, draw: Callable[[np.random.Generator, Classes], Decisions]) -> Family:
    """Decisions in groups."""
    return Family(setting=f"{setting}, 60 groups of 16", draw=draw, n=GROUPS * SIZE, group_size=SIZE)


FAMILIES: dict[str, Family] = {
    "apart": apart(0.2),
    "rare": apart(0.02),
    "alike": grouped("rate 0.2, alike in groups", alike),
    "balanced": grouped("a quarter of each group", balanced),
    "opposed": grouped("rate 0.5, classes opposed in groups", opposed),
}


def families(draws: int) -> Iterator[Finding]:
    """How often any of ten classes of one rate differs, adjusted by Holm."""
    for name, family in FAMILIES.items():
        random, named = random_of("classes", name), 0
        for _ in range(draws):
            classes = random.choice(CLASSES, family.n, p=SHARES)
            contrasts = against_others(
                family.draw(random, classes), ClassParts(classes=classes, num_classes=CLASSES),
                family.group_size,
            )  # fmt: skip
            named += any(isinstance(entry, AgainstOthers) and entry.differs for entry in contrasts)
        yield size("any of ten classes of one rate differs", family.setting, named, draws)


def class_intervals(draws: int) -> Iterator[Finding]:
    """Coverage of FP and AUC of a class of which a group of 16 holds about two."""
    random, n = random_of("class-intervals"), 80 * SIZE
    truth, rates, areas = float(norm.sf(0, loc=-1, scale=np.hypot(1, SHIFT))), 0, 0
    for _ in range(draws):
        real_N, fake_N = random.normal(-1, 1, (2, n)) + random.normal(0, SHIFT, (2, 80)).repeat(SIZE, axis=1)
        real, fake = (np.flatnonzero(random.integers(0, 8, n) == 2) for _ in range(2))
        groups = groups_of_part(real, SIZE), groups_of_part(fake, SIZE)
        low, high = proportion(fake_N[fake] > 0, groups[1]).ci95
        rates += low <= truth <= high
        areas += holds(grouped_auc_interval(
            real=real_N[real], fake=fake_N[fake], real_groups=groups[0], fake_groups=groups[1]
        ), 0.5)  # fmt: skip
    setting = f"a class of eight in 80 groups of {SIZE}"
    yield coverage("FP of a class over groups", setting, rates, draws, AT_LEAST)
    yield coverage("AUC of a class over groups", setting, areas, draws, AT_LEAST)
