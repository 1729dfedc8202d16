"""What referees found stands in every report, whole, for few and for many contestants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from reading_reports import Rendering, Row, media, printed, visible_text
from referee_records import referee_record, refereed, referees_of
from report_documents import HOSTILE, ODD, documents

from gancross import Result
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.check_records import RefereeControls
from gancross.evaluator.referees.contestant_records import HalfDetectionNoise
from gancross.evaluator.result.types import RefereeCost
from gancross.report import formatting
from gancross.report.browser.html import html_report
from gancross.report.command import command
from gancross.report.text import referee_texts as texts
from gancross.report.text.junit import cases
from gancross.report.text.markdown import markdown_report
from gancross.report.text.markdown_referees import referees as markdown_referees
from gancross.report.text.referee_checks import checks

MEDIA = ("console", "Markdown", "HTML", "notebook")


@cache
def renderings(kind: str) -> dict[str, Rendering]:
    return media(documents()[kind])


def with_controls(result: Result, **fields: object) -> Result:
    referees = referees_of(result)
    controls: RefereeControls = replace(referees.controls, **fields)  # type: ignore[arg-type]
    return replace(result, referees=replace(referees, controls=controls))


# Figures


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("kind", ["refereed", "few vectors refereed", "nobody judges"])
def test_every_medium_shows_figures_comparisons_checks_and_cost(kind: str, medium: str) -> None:
    result = documents()[kind]
    referees, words = referees_of(result), visible_text(renderings(kind)[medium].words)
    for figures in referees.contestants.values():
        assert formatting.number(figures.detectability.value) in words
        assert texts.half_noise(figures) in words and texts.half_noise_limits(figures) in words
    for comparison in referees.comparisons:
        assert texts.answer(comparison, texts.named(comparison)) in words
        assert texts.difference_text(comparison) in words
    for check in checks(referees):
        assert check.outcome in words and check.finding.lower() in words.lower()
    for line, _ in texts.copying_lines(referees):
        assert line.split(": ")[-1] in words
    assert visible_text(texts.training(referees)).lower() in words.lower()
    assert texts.cost(result) in words


@pytest.mark.parametrize("medium", MEDIA)
def test_nothing_is_said_of_referees_that_were_not_trained(medium: str) -> None:
    words = renderings("two")[medium].words
    assert "σ½" not in words and "referees a contestant" not in words


def test_units_are_those_of_the_data() -> None:
    images, vectors = (referees_of(documents()[kind]) for kind in ("refereed", "few vectors refereed"))
    assert texts.unit(images) == "the input, [−1, 1]"
    assert texts.unit(vectors) == "standard deviations of the reals"
    figures = next(iter(images.contestants.values()))

    def half(value: float) -> HalfDetectionNoise:
        return HalfDetectionNoise(value=value, ci95=(value / 2, 2 * value), censored=None)

    tenth, two = (replace(figures, half_detection_noise=half(value)) for value in (0.1, 2.0))
    assert texts.half_noise(tenth) == "0.1" and texts.half_noise_limits(tenth) == "[0.05, 0.2]"
    assert texts.grey_levels(tenth, images) == "12.8" and texts.grey_levels(tenth, vectors) == ""
    assert texts.grey_levels(two, images) == ""


@pytest.mark.parametrize(("strength", "text"), [(0.2, "<0.00392"), (60.0, ">27.7")])
def test_a_censored_half_detection_noise_names_the_end_of_the_ladder(strength: float, text: str) -> None:
    record, _ = referee_record({"a": strength}, rungs=3, n=60)
    figures = record.contestants["a"]
    rungs = tuple(
        replace(rung, g=Estimate(value=0.9, low=0.8, high=0.95)) if text.startswith(">") else rung
        for rung in figures.rungs
    )
    figures = replace(
        figures, rungs=rungs,
        half_detection_noise=HalfDetectionNoise(
            value=Missing("G is on one side"), censored="beyond" if text.startswith(">") else "below",
            ci95=(rungs[0].sigma, rungs[-1].sigma),
        ),
    )  # fmt: skip
    assert texts.half_noise(figures) == text
    assert texts.half_noise_limits(figures) == "[≤0.00392, ≥27.7]"


@pytest.mark.parametrize("medium", ["Markdown", "HTML", "notebook"])
def test_g_by_level_of_noise_has_a_column_for_everybody_and_for_the_controls(medium: str) -> None:
    referees = referees_of(documents()["refereed"])
    heads = [*referees.contestants, "null control", "power control"]
    (table, *_) = (
        table for table in renderings("refereed")[medium].tables if set(heads) <= set(table[0])
    )  # fmt: skip
    assert len(table) == len(referees.protocol.sigmas)
    for number, row in enumerate(table):
        assert float(next(iter(row.values()))) == pytest.approx(referees.protocol.sigmas[number], rel=5e-3)
        for name, figures in texts.columns(referees).items():
            assert float(row[name].split()[0]) == pytest.approx(figures.rungs[number].g.value, abs=6e-4)


@pytest.mark.parametrize("medium", ["Markdown", "HTML", "notebook"])
def test_the_referees_cross_table_has_fn_and_every_fp(medium: str) -> None:
    referees = referees_of(documents()["refereed"])
    names = list(referees.contestants)
    (table,) = (
        table for table in renderings("refereed")[medium].tables if "FN" in next(iter(table[0].values()))
        and set(names) <= set(table[0])
    )  # fmt: skip
    rows: list[Row] = table
    for judge in names:
        assert number(rows[0][judge]) == pytest.approx(referees.cross.fn[judge].value, abs=6e-5)
        for generator, row in zip(names, rows[1:], strict=True):
            assert next(iter(row.values())).startswith(generator)
            fp = texts.cross_fp(referees, judge, generator)
            assert fp is not None and number(row[judge]) == pytest.approx(fp.value, abs=6e-5)


def number(cell: str) -> float:
    return float(cell.split("[", maxsplit=1)[0])


def test_the_terminal_prints_the_referees_matrices_as_the_paper_does() -> None:
    result = documents()["refereed"]
    referees, text = referees_of(result), " ".join(printed(result, width=80).split())
    for name in referees.contestants:
        (tpr, fp), (fn, tnr) = texts.cross_rates(referees, name) or [[0.0, 0.0]] * 2
        assert tpr + fn == pytest.approx(1) and fp + tnr == pytest.approx(1)
        title = f"Referees of {name} True condition Positive Negative Predicted Positive"
        assert f"{title} {tpr:.4f}".rstrip("0") in text
    assert text.count("Cross-testing: FP: ") == 4  # own judges, then referees


# The headline


def titles(result: Result) -> Sequence[str]:
    return [rule.title for rule in formatting.rules(result).values()]


def test_the_headline_is_the_verdict_about_generators_where_referees_judged() -> None:
    assert titles(documents()["refereed"]) == ["Generator", "The paper's rule", "Discriminator", "Strict"]
    assert titles(documents()["two"])[0] == "The paper's rule"
    result = documents()["refereed"]
    winner = result.pairs[0].verdict.generator.winner
    assert winner == "plain"
    for text in (markdown_report(result), html_report(result), printed(result, width=200)):
        assert text.index("samples are nearer to the data than") < text.index("calls fewer of")
    terminal = printed(result, width=80)
    papers = terminal.index("Cross-testing: FP")
    assert papers < terminal.index("Referees: fresh") < terminal.index("Generator: plain")


def test_the_page_opens_with_verdict_curve_matrices_and_flags() -> None:
    text = html_report(documents()["refereed"])
    places = [text.index(f'<section id="{key}"') for key in ("verdict", "curve", "confusion", "flags")]
    assert places == sorted(places) and places[-1] < text.index('<section class="folds"')
    assert places[1] < text.index('<svg class="plot"') < places[2]
    without = html_report(documents()["two"])
    assert 'id="curve"' not in without and "No generator is named: no referees were trained" in without


# Checks


def test_failed_checks_are_said_with_what_they_saw() -> None:
    result = documents()["refereed"]
    controls = referees_of(result).controls
    assert not isinstance(controls.null, Missing)
    dominance = replace(controls.dominance[0], fails=True)
    failed = with_controls(
        result, null=replace(controls.null, fails=True), dominance=(dominance,),
        budget=replace(controls.budget, kappa=0.2, fails=True),
    )  # fmt: skip
    outcomes = {check.title: check.outcome for check in checks(referees_of(failed))}
    assert outcomes == {"Null": "failed", "Power": "passed", "Budget": "failed", "Dominance": "failed"}
    assert "the referees of 'plain' are under-trained" in " ".join(printed(failed, width=80).split())
    junit = {case.name: case.outcome for case in cases(failed) if case.group == "referees"}
    assert junit == {
        "Null of referees": "failure", "Power of referees": "passed", "Budget of referees": "failure",
        "Dominance of referees of 'plain'": "failure",
    }  # fmt: skip


def test_checks_that_were_not_made_say_why() -> None:
    few = referees_of(documents()["few vectors refereed"])
    made = {check.title: check for check in checks(few)}
    assert made["Null"].outcome == made["Power"].outcome == "not made"
    assert "too few different reals" in made["Null"].finding
    assert (
        made["Dominance"].outcome == "not made" and "no contestant to be named" in made["Dominance"].finding
    )
    assert list(texts.columns(few)) == list(few.contestants)


def test_copying_is_said_of_those_who_copy() -> None:
    referees = referees_of(documents()["refereed"])
    ((line, copies),) = texts.copying_lines(referees)
    assert copies and line.startswith("'regularized' copies training data: about 8.8%")
    unknown = referees_of(documents()["few vectors refereed"])
    assert list(texts.copying_lines(unknown)) == [
        ("not looked for in 'a', 'b': the training data are not known", False)
    ]


@pytest.mark.parametrize(
    ("trained", "cached", "text"),
    [
        (4, 4, "8 referees: 4 trained in 71 s, 4 from the cache"), (8, 0, "8 referees: 8 trained in 71 s"),
        (0, 1, "1 referee: 1 from the cache"), (0, 0, "0 referees: none was needed"),
    ],
)  # fmt: skip
def test_the_cost_is_stated(trained: int, cached: int, text: str) -> None:
    result = documents()["refereed"]
    spent = RefereeCost(trained=trained, cached=cached, seconds=71.3)
    assert texts.cost(replace(result, provenance=replace(result.provenance, referees=spent))) == text
    assert texts.cost(documents()["two"]) == ""


# Names


def test_hostile_names_are_text() -> None:
    result = refereed(documents()["hostile"])
    text = html_report(result)
    assert text.lower().count("<script") == 1 and text.count("&lt;script&gt;") > 20
    assert "<script" not in result._repr_html_().lower()
    page = "\n".join(markdown_referees(result))
    assert "script" in page and HOSTILE not in page and ODD not in page
    assert HOSTILE in printed(result, width=400)


def test_the_command_asks_for_referees_of_that_budget() -> None:
    assert "--referees quick" in command(documents()["refereed"])
    assert "--referees none" in command(documents()["two"])
