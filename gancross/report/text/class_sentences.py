"""Which classes differ, in sentences: whose samples, under whose discriminator, beyond which chance."""

from __future__ import annotations

from collections.abc import Sequence

from gancross.evaluator.classes.differing import ClassTable, DifferingClass, class_tables, headline
from gancross.evaluator.classes.records import ALPHA
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.charts.class_data import JudgeTable
from gancross.report.text.text_layout import cut_middle, one_line

LONGEST = 32  # cells of a class's name in a sentence
MOST_NAMED = 4  # classes of one direction in a sentence
MOST_SENTENCES = 24
READING = (
    "FN: share of the test data of a class that the judge calls fake. FP: share of a generator's samples of"
    " the class that it calls real. AUC: test data of the class against samples of it. n: how many there are."
)


def headline_sentence(result: Result) -> str | None:
    """The class that differs most surely from the others, and how many do; None where none does."""
    said = None if result.classes is None else headline(result.classes)
    if said is None:
        return None
    table, (first, *more) = said.table, said.classes
    chance = f"p {formatting.p_value(said.p)}, adjusted for {table.tests} classes"
    chance += f" and {said.tables} tables" if said.tables > 1 else ""
    also = f" and of {len(more)} more" if more else ""
    figure = f" of {_class(first)}" if more else ""
    what = f"{_figure(table)}{figure} {_against(first)} ({chance})"
    if table.generator is None:
        often = "more" if said.less_real else "less"
        return (
            f"{table.judge}'s discriminator calls the test data of class {_class(first)}{also} fake {often}"
            f" often than those of the other classes: {what}."
        )
    often = "less" if said.less_real else "more"
    return (
        f"{table.generator}'s samples of class {_class(first)}{also} are called real {often} often than those"
        f" of its other classes by {table.judge}'s discriminator: {what}."
    )


def difference_sentences(result: Result, judge: str | None = None) -> list[str]:
    """A sentence for each table with classes that differ; of many tables the first, then how many more.

    Args:
        judge: whose tables; None: those of all.
    """
    if result.classes is None:
        return []
    tables = [
        table for table in class_tables(result.classes) if table.differing and judge in (None, table.judge)
    ]
    left = len(tables) - MOST_SENTENCES
    more = [f"Classes differ in {left} more tables: see the record."] if left > 0 else []
    return [*map(_sentence, tables[:MOST_SENTENCES]), *more]


def notes(table: JudgeTable) -> list[str]:
    """What a reader of one judge's table must know."""
    said = []
    if table.marked:
        said.append(
            "* the rate differs from that on the other classes, pooled (Fisher's exact test, adjusted by Holm"
            f" over the classes of the column, p < {ALPHA:g})"
        )
    if table.left_out:
        rest = f"{table.differing_left_out} of them differ" if table.differing_left_out else "none differs"
        said.append(
            f"{table.left_out:,} classes are left out, in the record with all figures: {rest}; shown are"
            " those that differ most surely, then highest and lowest figures"
        )
    if table.empty:
        said.append(f"{table.empty:,} class{'' if table.empty == 1 else 'es'} without samples")
    said += [f"no {heading}: {reason}" for heading, reason in table.absent]
    if table.group_size > 1:
        said.append(
            f"the judge saw groups of {table.group_size} samples of all classes as they came: the figures are"
            " those of a class in such company, the intervals those of groups"
        )
    return said


def _sentence(table: ClassTable) -> str:
    fake, parts = table.generator is None, []
    for less_real in (True, False):
        classes = [entry for entry in table.differing if entry.less_real == less_real]
        if classes:
            often = "more" if less_real == fake else "less"
            parts.append(
                f"called {'fake' if fake else 'real'} {often} often than the others: {_listed(classes)}"
            )
    whose = "Test data" if fake else f"{table.generator}'s samples"
    how = f"{_figure(table)}, p adjusted for {table.tests} classes"
    return f"{whose} under {table.judge}'s discriminator ({how}), {'; '.join(parts)}."


def _listed(classes: Sequence[DifferingClass]) -> str:
    named = [
        f"{_class(entry)} ({_against(entry)}, p {formatting.p_value(entry.against.holm_p)})"
        for entry in classes[:MOST_NAMED]
    ]
    left = len(classes) - len(named)
    return ", ".join(named) + (f" and {left} more" if left else "")


def _class(entry: DifferingClass) -> str:
    return f"'{class_name(entry.name)}'"


def class_name(name: str) -> str:
    """On one line, cut in its middle."""
    return cut_middle(one_line(formatting.clean(name)), LONGEST)


def _figure(table: ClassTable) -> str:
    return "FN" if table.generator is None else "FP"


def _against(entry: DifferingClass) -> str:
    """`0.12 of 980 against 0.31 of 9,020`."""
    rate, others = entry.rate, entry.against.others
    return f"{formatting.figure(rate)} of {rate.n:,} against {formatting.figure(others)} of {others.n:,}"
