"""Figures by class in every report: tables of few and of many classes, which classes differ, the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from classed import DIGITS, figures_by_class, with_classes
from reading_reports import Page, Rendering, Table, media, printed
from report_documents import documents

from gancross import Result
from gancross.evaluator.classes.records import (
    AgainstOthers,
    ClassFigures,
    RealsByClass,
    RealsOfClass,
    SamplesByClass,
    SamplesOfClass,
)
from gancross.evaluator.estimates import Missing, Proportion
from gancross.report.browser.html import html_report
from gancross.report.charts.class_chart import class_chart
from gancross.report.charts.class_data import MOST, judge_tables
from gancross.report.charts.svg import BOTTOM, TOP
from gancross.report.formatting import figure
from gancross.report.text.class_sentences import difference_sentences, headline_sentence, notes
from gancross.report.text.first_screen import LINES, first_screen
from gancross.report.text.markdown import markdown_report
from gancross.report.text.verdict_sentences import verdict_sentences

MEDIA = ("console", "Markdown", "HTML")
MANY = [f"kind {number:02d}" for number in range(60)]
ABSENT = Missing("not of this test")


@cache
def digits() -> Result:
    return with_classes(documents()["two"], n=1_000, worse=[3], hard=[7])


@cache
def many() -> Result:
    return with_classes(documents()["two"], MANY, n=6_000, worse=[41, 7])


@cache
def renderings(name: str) -> dict[str, Rendering]:
    return media({"digits": digits, "many": many}[name]())


def class_tables(name: str, medium: str) -> list[Table]:
    """A table for each judge."""
    return [table for table in renderings(name)[medium].tables if table and "n of test data" in table[0]]


@pytest.mark.parametrize("medium", MEDIA)
def test_every_figure_of_a_class_stands_under_its_heading_with_n(medium: str) -> None:
    result = digits()
    classes = result.classes
    assert classes is not None and not isinstance(classes.num_real, Missing)
    tables = class_tables("digits", medium)
    assert len(tables) == len(result.judges)
    for judge, table in zip(result.judges, tables, strict=True):
        assert len(table) == len(DIGITS)
        for c, row in enumerate(table):
            assert next(iter(row.values())) == DIGITS[c]
            assert row["n of test data"] == str(classes.num_real[c])
            assert figure(classes.reals[judge].classes[c].fn) in row["FN ↓ of test data"]
            for samples in (entry for entry in classes.cross if entry.judge == judge):
                name, of_class = samples.generator, samples.classes[c]
                assert row[f"n of {name}"] == str(classes.num_generated[name][c])
                assert figure(of_class.fp) in row[f"FP ↓ of {name}"]
                assert figure(of_class.auc) in row[f"AUC ↑ of {name}"]
                differs = (
                    isinstance(of_class.against_others, AgainstOthers) and of_class.against_others.differs
                )
                assert ("*" in row[f"FP ↓ of {name}"]) == differs
    assert "adjusted by Holm" in renderings("digits")[medium].words


@pytest.mark.parametrize("medium", MEDIA)
def test_which_classes_differ_stands_in_every_report(medium: str) -> None:
    words = renderings("digits")[medium].words
    sentences = difference_sentences(digits())
    assert len(sentences) == 6  # two judges on the test data and on two generators
    for sentence in sentences:
        assert " ".join(sentence.replace("\xa0", " ").split()) in words.replace("\xa0", " ")


def rates(*counts: int, others: Sequence[int], ps: Sequence[float], n: int = 100) -> Any:
    """FP of classes with counts of n, against counts of 9 n."""
    return tuple(
        SamplesOfClass(
            fp=Proportion(count=count, n=n), auc=ABSENT,
            against_others=AgainstOthers(others=Proportion(count=other, n=9 * n), p=p / len(ps), holm_p=p),
        ) for count, other, p in zip(counts, others, ps, strict=True)
    )  # fmt: skip


def of_two(cross: Sequence[Any], reals: Sequence[Any] = ()) -> ClassFigures:
    """Two classes; the judge 'regularized' on samples of 'plain', then on its own."""
    generators = ["plain", "regularized"][: len(cross)]
    return ClassFigures(
        names=("cat", "dog"), num_real=(100, 100) if reals else ABSENT, group_sizes={"regularized": 1},
        num_generated=dict.fromkeys(generators, (100, 100)),
        reals={"regularized": RealsByClass(tests=2, classes=tuple(reals))} if reals else {},
        cross=tuple(
            SamplesByClass(judge="regularized", generator=name, tests=2, classes=classes)
            for name, classes in zip(generators, cross, strict=True)
        ),
    )  # fmt: skip


def sentence(figures: ClassFigures) -> str | None:
    return headline_sentence(replace(documents()["two"], classes=figures))


def test_the_headline_says_whose_samples_of_which_class_under_whose_judge_beyond_which_chance() -> None:
    cross = [rates(12, 40, others=[279, 200], ps=[0.001, 0.2])]
    assert sentence(of_two(cross)) == (
        "plain's samples of class 'cat' are called real less often than those of its other classes by"
        " regularized's discriminator: FP 0.12 of 100 against 0.31 of 900 (p 0.001, adjusted for 2 classes)."
    )


def test_the_headline_names_the_surest_class_of_all_tables_and_counts_those_of_its_direction() -> None:
    weak, strong = (
        rates(12, 40, others=[279, 200], ps=[0.01, 1]),
        rates(50, 60, others=[9, 9], ps=[1e-4, 1e-6]),
    )
    assert sentence(of_two([weak, strong])) == (
        "regularized's samples of class 'dog' and of 1 more are called real more often than those of its"
        " other classes by regularized's discriminator: FP of 'dog' 0.6 of 100 against 0.01 of 900"
        " (p 2e-06, adjusted for 2 classes and 2 tables)."
    )


def test_the_headline_is_about_the_test_data_where_no_samples_differ() -> None:
    equal = rates(12, 40, others=[100, 100], ps=[1, 1])
    reals = [
        RealsOfClass(
            fn=Proportion(count=count, n=100),
            against_others=AgainstOthers(others=Proportion(count=90, n=900), p=p, holm_p=p),
        ) for count, p in ((40, 1e-5), (11, 0.8))
    ]  # fmt: skip
    assert sentence(of_two([equal], reals)) == (
        "regularized's discriminator calls the test data of class 'cat' fake more often than those of the"
        " other classes: FN 0.4 of 100 against 0.1 of 900 (p 2e-05, adjusted for 2 classes and 2 tables)."
    )


@pytest.mark.parametrize(
    "ps", [[[0.06, 1.0], [1.0, 1.0]], [[0.03, 1.0], [0.04, 1.0]]],
    ids=["no class differs", "chance among both tables"],
)  # fmt: skip
def test_no_headline_without_a_class_that_differs_among_all_tables(ps: list[list[float]]) -> None:
    figures = of_two([rates(12, 40, others=[279, 200], ps=of_table) for of_table in ps])
    assert sentence(figures) is None
    result = replace(documents()["two"], classes=figures)
    assert verdict_sentences(result) == verdict_sentences(documents()["two"])


def test_neither_the_order_of_contestants_nor_that_of_classes_changes_the_headline() -> None:
    figures = digits().classes
    assert figures is not None
    backwards = replace(
        figures, cross=figures.cross[::-1], reals=dict([*figures.reals.items()][::-1]),
        group_sizes=dict([*figures.group_sizes.items()][::-1]),
    )  # fmt: skip
    permuted = replace(
        figures, names=figures.names[::-1],
        reals={
            judge: replace(table, classes=table.classes[::-1]) for judge, table in figures.reals.items()
        },
        cross=tuple(replace(table, classes=table.classes[::-1]) for table in figures.cross),
    )  # fmt: skip
    assert headline_sentence(digits()) == sentence(backwards) == sentence(permuted)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_headline_stands_on_the_first_screen_which_keeps_its_size(width: int) -> None:
    lines = [line.plain for line in first_screen(digits(), width=width)]
    whole = " ".join(" ".join(lines).split())
    said = headline_sentence(digits())
    assert said is not None and said in whole
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= LINES or width == 40


@pytest.mark.parametrize("medium", MEDIA)
def test_of_many_classes_those_that_differ_and_the_extremes_are_shown_and_the_others_counted(
    medium: str,
) -> None:
    tables = class_tables("many", medium)
    for table in tables:
        shown = [next(iter(row.values())) for row in table]
        assert len(shown) == MOST and shown == sorted(shown) and {"kind 07", "kind 41"} <= set(shown)
    assert len(tables) == 2
    assert f"{len(MANY) - MOST} classes are left out" in renderings("many")[medium].words


def test_the_extremes_of_every_figure_are_shown() -> None:
    classes = many().classes
    assert classes is not None
    for table in judge_tables(classes):
        for samples in (entry for entry in classes.cross if entry.judge == table.judge):
            fps = {c: f.fp.rate for c, f in enumerate(samples.classes) if isinstance(f.fp, Proportion)}
            assert {min(fps, key=lambda c: fps[c]), max(fps, key=lambda c: fps[c])} <= set(table.numbers)


def test_of_five_contestants_a_terminal_shows_sentences_and_markdown_has_no_tables() -> None:
    result = with_classes(documents()["five"], n=400, worse=[3])
    assert "Class by class" not in printed(result) and difference_sentences(result)[0] in printed(result)
    assert "n of test data" not in markdown_report(result) and "Class by class" in markdown_report(result)


def test_a_critic_has_aucs_in_table_and_picture_and_its_reader_is_told_why() -> None:
    result = with_classes(documents()["critics"], n=300, critics=["one", "other"])
    assert result.classes is not None
    for table in judge_tables(result.classes):
        assert {column.figure for column in table.columns} == {"n", "AUC"}
        assert "no FN ↓ of test data: no threshold" in "; ".join(notes(table))
        chart = class_chart(result, table)
        assert chart is not None and chart.summary.startswith("AUC by class") and len(chart.strokes) == 2
    assert headline_sentence(result) is None


def test_groups_of_samples_and_classes_without_samples_are_told() -> None:
    figures = figures_by_class(["a"], ["a"], [*DIGITS], n=700, group_size=20)
    assert figures is not None
    (table,) = judge_tables(figures)
    assert any("groups of 20 samples" in note for note in notes(table))
    figures = figures_by_class(["a"], ["a"], ["x"], n=50)
    assert figures is not None and not isinstance(figures.num_real, Missing)
    empty = replace(
        figures, names=("x", "y"), num_real=(*figures.num_real, 0),
        num_generated={"a": (50, 0)},
        reals={"a": RealsByClass(tests=0, classes=(
            *figures.reals["a"].classes, RealsOfClass(fn=ABSENT, against_others=ABSENT)
        ))},
        cross=(replace(figures.cross[0], classes=(
            *figures.cross[0].classes, SamplesOfClass(fp=ABSENT, auc=ABSENT, against_others=ABSENT)
        )),),
    )  # fmt: skip
    (table,) = judge_tables(empty)
    assert list(table.names) == ["x"] and "1 class without samples" in notes(table)


def test_the_picture_has_a_dot_and_an_interval_for_every_class() -> None:
    result = digits()
    assert result.classes is not None
    table = judge_tables(result.classes)[0]
    chart = class_chart(result, table)
    assert chart is not None and [tick.text for tick in chart.xs] == list(DIGITS)
    assert [stroke.label for stroke in chart.strokes] == ["test data", "plain", "regularized"]
    fns = [entry.fn for entry in result.classes.reals["plain"].classes]
    for (_, y), fn in zip(chart.strokes[0].marks, fns, strict=True):
        assert isinstance(fn, Proportion)
        assert y == pytest.approx(TOP + fn.rate * (BOTTOM - TOP), abs=0.01)
    assert all(stroke.path.count("M") == len(DIGITS) for stroke in chart.strokes)
    xs = [[x for x, _ in stroke.marks] for stroke in chart.strokes]
    assert all(a < b < c < d for a, b, c, d in zip(*xs, xs[0][1:], strict=False))


def test_a_result_without_classes_has_no_word_of_them() -> None:
    for text in (
        printed(documents()["two"]),
        html_report(documents()["two"]),
        markdown_report(documents()["two"]),
    ):
        assert "lass by class" not in text
    assert "classes" not in Page(html_report(documents()["two"])).attributes("id")
