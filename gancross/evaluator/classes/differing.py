"""Which classes differ from the others beyond chance, and which of them a headline may name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gancross.evaluator.classes.records import (
    ALPHA,
    AgainstOthers,
    ClassFigures,
    RealsOfClass,
    SamplesOfClass,
)
from gancross.evaluator.estimates import Proportion


@dataclass(frozen=True, kw_only=True)
class DifferingClass:
    """One class whose rate differs from that of the other classes of its table.

    Attributes:
        name: of the class.
        rate: FN on test data, FP on a generator's samples.
        less_real: whether its samples are called real less often than those of the other classes.
    """

    name: str
    rate: Proportion
    against: AgainstOthers
    less_real: bool


@dataclass(frozen=True, kw_only=True)
class ClassTable:
    """One table of a judge: of the test data (generator None), or of one generator's samples.

    Attributes:
        tests: classes compared.
        differing: the classes that differ, by p, then by the size of the difference, then by name.
    """

    judge: str
    generator: str | None
    tests: int
    differing: tuple[DifferingClass, ...]


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The table of which a headline speaks.

    Attributes:
        table: with the classes alone that differ in all tables together.
        less_real: the direction of its surest class; `classes` are those of that direction, the surest first.
        p: of the first class, adjusted for the classes of its table and for the tables.
        tables: number of tables with comparisons.
    """

    table: ClassTable
    less_real: bool
    classes: tuple[DifferingClass, ...]
    p: float
    tables: int


def class_tables(figures: ClassFigures) -> list[ClassTable]:
    """Every table of every judge, in the order of the record: test data first."""
    tables = [
        _table(judge, None, entry.tests, entry.classes, figures.names)
        for judge, entry in figures.reals.items()
    ]
    return tables + [
        _table(entry.judge, entry.generator, entry.tests, entry.classes, figures.names)
        for entry in figures.cross
    ]  # fmt: skip


def headline(figures: ClassFigures) -> Headline | None:
    """What a headline may say of classes; None where none differs in all tables together.

    p of a table is adjusted for its classes; here for the number of tables too (Bonferroni), so that the
    chance to name any class is at most `ALPHA` where no class differs anywhere. Tables of samples come before
    those of test data, then the lowest p decides: of a table, too, and with it the direction. One class that
    differs much moves the pooled rate of the others, and each of these may then differ a little.
    """
    tested = [table for table in class_tables(figures) if table.tests]
    candidates: list[tuple[tuple[bool, float, float, str, str], Headline]] = []
    for whole in tested:
        table = _surviving(whole, len(tested))
        if not table.differing:
            continue
        first = table.differing[0]
        named = tuple(entry for entry in table.differing if entry.less_real == first.less_real)
        rank = (
            table.generator is None, first.against.holm_p, -_difference(first), table.judge,
            table.generator or "",
        )  # fmt: skip
        candidates.append((rank, Headline(
            table=table, less_real=first.less_real, classes=named, p=first.against.holm_p * len(tested),
            tables=len(tested),
        )))  # fmt: skip
    return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def _table(
    judge: str, generator: str | None, tests: int, classes: Sequence[RealsOfClass | SamplesOfClass],
    names: Sequence[str],
) -> ClassTable:  # fmt: skip
    differing = []
    for number, entry in enumerate(classes):
        against = entry.against_others
        rate = entry.fn if isinstance(entry, RealsOfClass) else entry.fp
        if isinstance(against, AgainstOthers) and against.differs and isinstance(rate, Proportion):
            higher = rate.rate > against.others.rate
            differing.append(DifferingClass(
                name=names[number], rate=rate, against=against,
                less_real=higher if generator is None else not higher,
            ))  # fmt: skip
    differing.sort(key=lambda entry: (entry.against.holm_p, -_difference(entry), entry.name))
    return ClassTable(judge=judge, generator=generator, tests=tests, differing=tuple(differing))


def _surviving(table: ClassTable, tables: int) -> ClassTable:
    """The table with the classes that differ among those of so many tables."""
    differing = tuple(entry for entry in table.differing if entry.against.holm_p * tables < ALPHA)
    return ClassTable(judge=table.judge, generator=table.generator, tests=table.tests, differing=differing)


def _difference(entry: DifferingClass) -> float:
    return abs(entry.rate.rate - entry.against.others.rate)
