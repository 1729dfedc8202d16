"""What referees found, as GitHub-flavoured Markdown."""

from __future__ import annotations

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.formatting import DASH, p_value
from gancross.report.text import referee_texts as texts
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.markdown_tables import escaped, table
from gancross.report.text.referee_checks import checks


def referees(result: Result) -> list[str]:
    """Figures, comparisons, checks, and the referees' cross-test; of too many neither first nor last."""
    found = result.referees
    if isinstance(found, Missing):
        return []
    cost = texts.cost(result)
    lines = [
        *_contestants(found), "", escaped(f"{texts.training(found)}.")
        + (f" {escaped(cost)}." if cost else ""), "",
    ]  # fmt: skip
    for comparison in () if crowded(result) else found.comparisons:
        told = escaped(texts.answer(comparison, texts.named(comparison)))
        lines.append(
            f"- {escaped(comparison.a)} against {escaped(comparison.b)}: **{told}**; mean difference of G"
            f" {escaped(texts.difference_text(comparison))}, p {p_value(comparison.holm_p)} after Holm"
        )
    lines += [
        f"- {check.title} **{check.outcome}**: {escaped(check.finding)}"
        for check in checks(found, short=True)
    ]
    for line, copies in texts.copying_lines(found):
        lines.append(f"- Copying: {'**' if copies else ''}{escaped(line)}{'**' if copies else ''}")
    if crowded(result):
        return [*lines, "", left_out(result, "comparisons by referees and their cross-test")]
    return [*lines, "", f"{escaped(texts.cross_title(found))}:", "", *_cross(found)]


def g_by_level(result: Result) -> list[str]:
    """G of every contestant and of the controls at every level of noise."""
    found = result.referees
    if isinstance(found, Missing):
        return []
    whole = texts.columns(found)
    rows = [
        [formatting.noise_level(level), *(DASH if g is None else _estimate(g) for g in values)]
        for level, values in texts.g_rows(whole)
    ]
    reading = "G = 2·AUC − 1 with its 95 % interval, 0 where referees cannot tell samples from data."
    heads = [escaped(f"σ, units of {texts.unit(found)}"), *map(escaped, whole)]
    return [reading, "", *table(heads, rows)]


def _contestants(found: Referees) -> list[str]:
    rows = []
    for name, figures in found.contestants.items():
        grey = texts.grey_levels(figures, found)
        noise = texts.half_noise(figures) + (f" ({grey} grey levels)" if grey else "")
        rows.append([
            escaped(name), _estimate(figures.detectability, "**"),
            f"**{escaped(noise)}** {escaped(texts.half_noise_limits(figures))}",
            texts.copies(texts.copying(found, name)),
        ])  # fmt: skip
    half = escaped(f"half-detection noise σ½ ↓, units of {texts.unit(found)}")
    return table(["contestant", "detectability D ↓", half, "copies training data"], rows)


def _cross(found: Referees) -> list[str]:
    """Judges in columns: FN, and FP on the samples of every generator."""
    names = list(found.contestants)
    rows = [["_test data: FN_", *(_rate(found.cross.fn.get(judge), "_") for judge in names)]]
    for generator in names:
        cells = [
            _rate(texts.cross_fp(found, judge, generator), "_" if judge == generator else "**")
            for judge in names
        ]
        rows.append([escaped(generator), *cells])
    return table(["samples: FP \\ referees of", *map(escaped, names)], rows)


def _estimate(figure: Estimate, emphasis: str = "") -> str:
    return f"{emphasis}{formatting.figure(figure)}{emphasis} {escaped(formatting.interval(figure))}"


def _rate(figure: Estimate | None, emphasis: str) -> str:
    """An FN or FP, as the paper prints it."""
    if figure is None:
        return DASH
    return f"{emphasis}{formatting.rate(figure.value)}{emphasis} {escaped(formatting.interval(figure))}"
