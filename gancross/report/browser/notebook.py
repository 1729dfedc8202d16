"""A result in a notebook: a fragment of HTML, and a table for pandas."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from gancross.errors import ResourceError
from gancross.evaluator.estimates import Figure, Missing, Proportion
from gancross.evaluator.fidelity.metrics import figure_arrow
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.figures import CELL_FIGURES, Cell
from gancross.report import formatting

if TYPE_CHECKING:
    from pandas import DataFrame

CAPTION = "Share called real, FP; judges in columns, lower is better for the judge"


def notebook_html(result: Result) -> str:
    """Verdicts, flags, the matrix of shares called real, the other figures, fidelity; all is escaped."""
    heading = f"<b>Cross-test on {_text(result.protocol.data.name)}</b>: {_text(formatting.heading(result))}"
    parts = [f"<p>{heading}</p>"]
    for pair in result.pairs:
        outcomes = "; ".join(
            f"{_text(rule.title)}: <b>{_text(formatting.outcome(pair, rule, verdict))}</b>"
            for rule, verdict in formatting.verdicts(pair)
        )
        parts.append(f"<p>{_text(pair.a)} against {_text(pair.b)}: {outcomes}</p>")
    rows = [
        [_text(name), *(_figure(result.cells[judge, name].fp) for judge in result.judges)]
        for name in result.names
    ]
    rows += [[_text(control.title), *map(_figure, rates)] for control, rates in formatting.controls(result)]
    parts.append(_table(CAPTION, ["samples of", *map(_text, result.judges)], rows))
    parts.append(_figure_table(result))
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
