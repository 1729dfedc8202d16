"""What referees found, as GitHub-flavoured Markdown."""

from __future__ import annotations

from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.markdown_tables import escaped, folded, table
from gancross.report.text.referee_checks import checks


def referees(result: Result) -> list[str]:
    """Figures, comparisons and checks in full; the referees' cross-test and G by rung folded away."""
    found = result.referees
    if isinstance(found, Missing):
        return []
    cost = texts.cost(result)
    lines = [
        "### Referees", "", *_contestants(found), "", escaped(f"{texts.training(found)}.")
        + (f" {escaped(cost)}." if cost else ""), "",
    ]  # fmt: skip
    for comparison in found.comparisons:
        told = escaped(texts.answer(comparison, texts.named(comparison)))
        lines.append(
            f"- {escaped(comparison.a)} against {escaped(comparison.b)}: **{told}**; mean difference of G"
            f" {escaped(texts.difference_text(comparison))}, p {comparison.holm_p:.2g} after Holm"
        )
    lines += [
        f"- {check.title} **{check.outcome}**: {escaped(check.finding)}"
        for check in checks(found, short=True)
    ]
    for line, copies in texts.copying_lines(found):
        lines.append(f"- Copying: {'**' if copies else ''}{escaped(line)}{'**' if copies else ''}")
    return [
        *lines, "", *folded(escaped(texts.cross_title(found)), _cross(found)), "",
        *folded("G by level of noise, 0 where referees cannot tell", _g_by_rung(found)),
    ]  # fmt: skip


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
    rows = [["_test data: FN_", *(_estimate(found.cross.fn.get(judge), "_") for judge in names)]]
    for generator in names:
        cells = [
            _estimate(texts.cross_fp(found, judge, generator), "_" if judge == generator else "**")
            for judge in names
        ]
        rows.append([escaped(generator), *cells])
    return table(["samples: FP \\ referees of", *map(escaped, names)], rows)


def _g_by_rung(found: Referees) -> list[str]:
    rows = [[texts.sigma(level), *map(_estimate, values)] for level, values in texts.g_rows(found)]
    return table([escaped(f"σ, units of {texts.unit(found)}"), *map(escaped, texts.columns(found))], rows)


def _estimate(figure: Estimate | None, emphasis: str = "") -> str:
    if figure is None:
        return formatting.DASH
    return f"{emphasis}{formatting.number(figure.value)}{emphasis} {escaped(formatting.interval(figure))}"
