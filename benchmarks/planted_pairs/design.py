"""Which sets are planted in a data set, and which pairs are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from gancross.evaluator.referees.protocol import form_of
from planted_pairs.faults import CLEAN, GAUSSIAN, KINDS, LEFT_OUT

Group = Literal["nested", "equal", "crossing"]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True, kw_only=True)
class PlantedSet:
    """A contestant's samples.

    Attributes:
        kind: of `KINDS`, or training reals as they are, or a generator fitted to them.
        severity: 0 without a fault.
        draw: which samples; other draws have as few samples in common as there are.
        common: whether clusters are those of the first replicate in every one.
    """

    kind: str
    severity: float = 0.0
    draw: int = 0
    common: bool = False

    def __str__(self) -> str:
        severity = f" {self.severity:g}" if self.severity else ""
        remark = " (common clusters)" if self.common else f" (draw {self.draw + 1})" if self.draw else ""
        return f"{self.kind}{severity}{remark}"


@dataclass(frozen=True, kw_only=True)
class PlannedPair:
    """Two planted sets; in a nested pair the first is nearer to the data, the second has more of one fault.

    In a crossing pair the first is farther at fine resolution and nearer at coarse resolution.
    """

    group: Group
    first: PlantedSet
    second: PlantedSet

    def __str__(self) -> str:
        return f"{self.group}: {self.first} | {self.second}"


def planned_pairs(shape: tuple[int, ...]) -> Iterator[PlannedPair]:
    """All pairs for samples of a shape: few sets, so that each is trained once and stands in many pairs."""
    yield from nested_pairs(shape)
    yield from equal_pairs(shape)
    yield from crossing_pairs(shape)


def nested_pairs(shape: tuple[int, ...]) -> Iterator[PlannedPair]:
    """Every two severities of one kind, clean samples as the smallest of each."""
    for kind, fault in KINDS.items():
        severities = fault.severities(shape)
        levels = [PlantedSet(kind=kind, severity=severity) for severity in severities]
        for first, second in combinations([PlantedSet(kind=CLEAN), *levels], 2) if levels else ():
            yield PlannedPair(group="nested", first=first, second=second)


def equal_pairs(shape: tuple[int, ...]) -> Iterator[PlannedPair]:
    """Halves of the training reals, a generator under two seeds, a fault planted in two sets of samples."""
    sets = [PlantedSet(kind=CLEAN), PlantedSet(kind=GAUSSIAN)]
    for kind, fault in KINDS.items():
        # Of large images one kind alone: each costs another set.
        if fault.severities(shape) and (form_of(shape) != "images" or kind == "JPEG"):
            sets.append(PlantedSet(kind=kind, severity=fault.severities(shape)[-2]))
    for first in sets:
        second = PlantedSet(kind=first.kind, severity=first.severity, draw=1)
        yield PlannedPair(group="equal", first=first, second=second)


def crossing_pairs(shape: tuple[int, ...]) -> Iterator[PlannedPair]:
    """Fine noise against left-out clusters: the noise is seen at fine resolution, what is missing at any.

    Which of them truly cross depends on the data and on the clusters. So these are the same in every
    replicate: else the twins of a pair would tell nothing about it.
    """
    for levels in ((-2, -1), (-1, -2), (-1, -1)):
        first, second = (
            PlantedSet(kind=kind, severity=KINDS[kind].severities(shape)[level], common=kind == LEFT_OUT)
            for kind, level in zip(("noise", LEFT_OUT), levels, strict=True)
        )
        yield PlannedPair(group="crossing", first=first, second=second)
