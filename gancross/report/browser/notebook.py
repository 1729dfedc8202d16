"""A result in a notebook: a fragment of HTML, and a table for pandas."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from gancross.errors import ResourceError
from gancross.evaluator.estimates import Estimate, Figure, Missing, Proportion
from gancross.evaluator.fidelity.metrics import figure_arrow
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.figures import CELL_FIGURES, Cell
from gancross.report import formatting
from gancross.report.text import referee_texts as texts
from gancross.report.text.crowds import crowded, left_out
from gancross.report.text.referee_checks import checks
from gancross.report.text.verdict_sentences import verdict_sentences

if TYPE_CHECKING:
    from pandas import DataFrame

CAPTION = "Share called real, FP; judges in columns, lower is better for the judge"


def notebook_html(result: Result) -> str:
    """Verdicts, referees, matrix of shares called real, other figures, fidelity, flags; all escaped."""
    heading = f"<b>Cross-test on {_text(result.protocol.data.name)}</b>: {_text(formatting.heading(result))}"
    parts = [f"<p><b>{_text(sentence)}</b></p>" for sentence in verdict_sentences(result)]
    parts.append(f"<p>{heading}</p>")
    if crowded(result):
        what = left_out(result, "verdicts, comparisons by referees and figures beside the threshold")
        parts.append(f"<p>{_text(what)}</p>")
    for pair in () if crowded(result) else result.pairs:
        outcomes = "; ".join(
            f"{_text(rule.title)}: <b>{_text(formatting.outcome(pair, rule, verdict))}</b>"
            for rule, verdict in formatting.verdicts(result, pair)
        )
        parts.append(f"<p>{_text(pair.a)} against {_text(pair.b)}: {outcomes}</p>")
    parts.append(_referees(result))
    rows = [
        [_text(name), *(_figure(result.cells[judge, name].fp) for judge in result.judges)]
        for name in result.names
    ]
    rows += [[_text(control.title), *map(_figure, rates)] for control, rates in formatting.controls(result)]
    if result.judges:
        parts.append(_table(CAPTION, ["samples of", *map(_text, result.judges)], rows))
        parts += [] if crowded(result) else [_figure_table(result)]
    parts.append(_fidelity_table(result))
    if result.flags:
        parts.append("<ul>" + "".join(f"<li>{_text(flag)}</li>" for flag in result.flags) + "</ul>")
    return "<div>" + "".join(parts) + "</div>"


def to_dataframe(result: Result) -> DataFrame:
    """A row for every judge and generator, see `Result.to_dataframe`."""
    try:
        import pandas as pd
    except ImportError:
        raise ResourceError("to_dataframe needs pandas: pip install pandas") from None
    return pd.DataFrame([_row(cell) for cell in result.cross])


def _referees(result: Result) -> str:
    """Figures, comparisons, checks, the referees' cross-test, G by level of noise."""
    referees = result.referees
    if isinstance(referees, Missing):
        return ""
    rows = []
    for name, figures in referees.contestants.items():
        grey, found = texts.grey_levels(figures, referees), texts.copying(referees, name)
        half = f"<b>{texts.half_noise(figures)}</b>" + (f" ({grey} grey levels)" if grey else "")
        limits = texts.half_noise_limits(figures)
        rows.append([
            _text(name), _figure(figures.detectability), f"{half} {limits}", texts.copies(found)
        ])  # fmt: skip
    half = f"half-detection noise σ½ ↓, units of {texts.unit(referees)}"
    head = ["contestant", "detectability D ↓", half, "copies training data"]
    lines = [
        f"{c.a} against {c.b}: {texts.answer(c, texts.named(c))}; mean difference of G"
        f" {texts.difference_text(c)}, p {formatting.p_value(c.holm_p)} after Holm"
        for c in (() if crowded(result) else referees.comparisons)
    ]
    lines += [f"{c.title} {c.outcome}: {c.finding}" for c in checks(referees, short=True)]
    lines += [f"Copying: {line}" for line, _ in texts.copying_lines(referees)]
    told = ". ".join(filter(None, [formatting.sentence(texts.training(referees)), texts.cost(result)]))
    return (
        _table("Referees", head, rows) + f"<p>{_text(told)}.</p>"
        + "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>"
        + _referee_tables(referees)
    )  # fmt: skip


def _referee_tables(referees: Referees) -> str:
    names = list(referees.contestants)
    rows = [["test data: FN", *(_rate(referees.cross.fn.get(judge)) for judge in names)]]
    rows += [
        [_text(name), *(_rate(texts.cross_fp(referees, judge, name)) for judge in names)] for name in names
    ]
    cross = _table(texts.cross_title(referees), ["samples of: FP", *map(_text, names)], rows)
    whole = texts.columns(referees)
    levels = [
        [formatting.noise_level(level), *map(_optional, values)] for level, values in texts.g_rows(whole)
    ]
    head = ["σ", *map(_text, whole)]
    return cross + _table("G by level of noise, 0 where referees cannot tell", head, levels)


def _optional(figure: Estimate | None) -> str:
    return formatting.DASH if figure is None else _figure(figure)


def _rate(figure: Estimate | None) -> str:
    """An FN or FP, as the paper prints it."""
    if figure is None:
        return formatting.DASH
    return f"<b>{formatting.rate(figure.value)}</b> {formatting.interval(figure)}"


def _figure_table(result: Result) -> str:
    """Every judge on every generator: what does not hang on its own threshold."""
    head = ["judge", "samples of", *(_text(entry.heading()) for entry in formatting.columns().values())]
    rows = [
        [_text(judge), _text(generator), *texts]
        for judge, generator, *texts in formatting.figure_rows(result, _figure)
    ]
    return _table("Beside the threshold", head, rows)


def _fidelity_table(result: Result) -> str:
    """FID and its like, a column for each contestant; nothing where it was not measured."""
    if isinstance(result.fidelity, Missing):
        return ""
    head = ["figure", *map(_text, result.fidelity)]
    rows = [
        [_text(f"{key} {figure_arrow(key)}".strip()), *map(formatting.number, values)]
        for key, values in formatting.fidelity_rows(result)
    ]
    return _table("Fidelity", head, rows)


def _table(caption: str, head: list[str], rows: list[list[str]]) -> str:
    columns = "".join(f'<th scope="col">{text}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{text}</td>" for text in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f"<table><caption>{caption}</caption><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
    )


def _text(text: str) -> str:
    return html.escape(formatting.clean(text))


def _figure(figure: Figure) -> str:
    if isinstance(figure, Missing):
        return formatting.DASH
    return f"<b>{formatting.figure(figure)}</b> {formatting.interval(figure)}"


def _row(cell: Cell) -> dict[str, str | bool | float]:
    row: dict[str, str | bool | float] = {
        "judge": cell.judge, "generator": cell.generator, "own": cell.is_own,
    }  # fmt: skip
    for key in CELL_FIGURES:
        figure = cell.of(key)
        value, low, high = math.nan, math.nan, math.nan
        if not isinstance(figure, Missing):
            value = float(figure.rate if isinstance(figure, Proportion) else figure.value)
            low, high = map(float, figure.ci95)
        row |= {key: value, f"{key}_low": low, f"{key}_high": high}
    return row
