"""Figures by class as columns, the same for every report: of many classes those that differ, and extremes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gancross.evaluator.classes.records import AgainstOthers, ClassFigures, RealsOfClass, SamplesOfClass
from gancross.evaluator.estimates import Estimate, Figure, Missing, Proportion

MOST = 20  # classes of a table
ARROWS = {"FN": "↓", "FP": "↓", "AUC": "↑"}


@dataclass(frozen=True, kw_only=True)
class ClassColumn:
    """One figure of every shown class.

    Attributes:
        figure: "FN", "FP", "AUC" or "n".
        samples: whose; None: the test data.
        entries: a number of samples for "n".
        marks: whether the class differs from the others.
    """

    figure: str
    samples: str | None
    entries: Sequence[Figure | int]
    marks: Sequence[bool]

    @property
    def heading(self) -> str:
        """`FP ↓ of dcgan`, `n of test data`."""
        arrow = ARROWS.get(self.figure, "")
        return f"{self.figure} {arrow}".strip() + f" of {self.samples or 'test data'}"


@dataclass(frozen=True, kw_only=True)
class JudgeTable:
    """One judge's figures of the classes that a report shows.

    Attributes:
        numbers: of the shown classes, rising; `names` are theirs.
        left_out: how many classes with samples are not shown.
        differing_left_out: how many of these differ in some column.
        empty: how many classes have no samples at all.
        absent: figures that no class has, and why.
        group_size: of the groups in which the judge saw samples.
    """

    judge: str
    numbers: Sequence[int]
    names: Sequence[str]
    columns: Sequence[ClassColumn]
    left_out: int
    differing_left_out: int
    empty: int
    absent: Sequence[tuple[str, str]]
    group_size: int

    @property
    def marked(self) -> bool:
        """Whether any shown class differs."""
        return any(mark for column in self.columns for mark in column.marks)


def judge_tables(figures: ClassFigures, *, most: int = MOST) -> list[JudgeTable]:
    """A table for each judge.

    Args:
        most: classes of each; of more those that differ come first, the surest before others, then those with
            the highest and lowest figures in turn.
    """
    return [_judge_table(figures, judge, most) for judge in figures.group_sizes]


def _judge_table(figures: ClassFigures, judge: str, most: int) -> JudgeTable:
    whole, absent = list[ClassColumn](), list[tuple[str, str]]()
    for column in _columns(figures, judge):
        reasons = [entry.reason for entry in column.entries if isinstance(entry, Missing)]
        if len(reasons) == len(column.entries):
            absent.append((column.heading, reasons[0]))
        else:
            whole.append(column)
    sized = [column for column in whole if column.figure == "n"]
    held = [c for c in range(len(figures.names)) if any(column.entries[c] for column in sized)]
    shown = held if len(held) <= most else sorted(_chosen(figures, judge, whole, held)[:most])
    different = {c for c in held if any(column.marks[c] for column in whole)}
    return JudgeTable(
        judge=judge, numbers=shown, names=[figures.names[c] for c in shown],
        columns=[
            ClassColumn(
                figure=column.figure, samples=column.samples, entries=[column.entries[c] for c in shown],
                marks=[column.marks[c] for c in shown],
            ) for column in whole
        ],
        left_out=len(held) - len(shown), differing_left_out=len(different.difference(shown)),
        empty=len(figures.names) - len(held), absent=absent, group_size=figures.group_sizes[judge],
    )  # fmt: skip


def _columns(figures: ClassFigures, judge: str) -> Iterable[ClassColumn]:
    nothing = [False] * len(figures.names)
    if not isinstance(figures.num_real, Missing):
        reals = figures.reals[judge].classes
        yield ClassColumn(figure="n", samples=None, entries=figures.num_real, marks=nothing)
        yield ClassColumn(
            figure="FN", samples=None, entries=[entry.fn for entry in reals], marks=_marks(reals)
        )
    for table in figures.cross:
        if table.judge != judge:
            continue
        name, classes = table.generator, table.classes
        yield ClassColumn(figure="n", samples=name, entries=figures.num_generated[name], marks=nothing)
        yield ClassColumn(
            figure="FP", samples=name, entries=[entry.fp for entry in classes], marks=_marks(classes)
        )
        yield ClassColumn(figure="AUC", samples=name, entries=[entry.auc for entry in classes], marks=nothing)


def _marks(classes: Sequence[RealsOfClass | SamplesOfClass]) -> list[bool]:
    contrasts = [entry.against_others for entry in classes]
    return [isinstance(contrast, AgainstOthers) and contrast.differs for contrast in contrasts]


def _chosen(
    figures: ClassFigures, judge: str, columns: Sequence[ClassColumn], held: Sequence[int]
) -> list[int]:
    """All classes, those first that a reader should see."""
    sure = {c: p for c in held if (p := _smallest_p(figures, judge, c)) is not None}
    differing = sorted(
        (c for c in held if any(column.marks[c] for column in columns)),
        key=lambda c: (sure.get(c, 1.0), figures.names[c]),
    )
    rankings = []
    for column in columns:
        values = {c: value for c in held if (value := _value(column.entries[c])) is not None}
        rising = sorted(values, key=lambda c: (values[c], figures.names[c]))
        rankings += [rising, rising[::-1]] if column.figure != "n" else []
    extremes = [ranking[place] for place in range(len(held)) for ranking in rankings if place < len(ranking)]
    return list(dict.fromkeys([*differing, *extremes, *held]))


def _smallest_p(figures: ClassFigures, judge: str, number: int) -> float | None:
    contrasts = [figures.reals[judge].classes[number].against_others] if judge in figures.reals else []
    contrasts += [table.classes[number].against_others for table in figures.cross if table.judge == judge]
    ps = [contrast.holm_p for contrast in contrasts if isinstance(contrast, AgainstOthers)]
    return min(ps, default=None)


def _value(entry: Figure | int) -> float | None:
    if isinstance(entry, Proportion):
        return entry.rate
    return entry.value if isinstance(entry, Estimate) else None
