"""`gancross.Result`: a result that shows itself in a terminal, in a notebook, as a table or as figures."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

from gancross.errors import ResourceError
from gancross.evaluator.result import result as record
from gancross.report.charts.chart_data import cells, judges
from gancross.report.text import formatting as words
from gancross.report.text.console import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from rich.console import RenderableType

Call = ParamSpec("Call")
ESTIMATES = ("auc", "fp_at_fn5", "j", "jsd_bound_nats", "transfer_gap")


class Result(record.Result):
    """What `crosstest` found. `document` is the JSON as plain Python values.

    In a terminal `rich.print(result)` shows the tables of the command line; a notebook shows verdicts and the
    matrix of shares called real.
    """

    def __rich__(self) -> RenderableType:
        return render(self)

    def _repr_html_(self) -> str:
        return notebook_html(self)

    def to_dataframe(self) -> DataFrame:
        """A row for every judge and generator; missing figures are NaN. Needs pandas.

        Returns:
            Columns `judge`, `generator`, `own`, then each figure with `_low` and `_high`, its 95 % interval.

        Raises:
            ResourceError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ResourceError("to_dataframe needs pandas: pip install pandas") from None
        return pd.DataFrame([_row(cell) for cell in self.document["cross"]])

    def plot_matrix(self) -> Figure:
        """The share of every generator's samples that each judge calls real, as a heat map."""
        from gancross.report.charts import plots

        return plots.plot_matrix(self)

    def plot_histograms(self, judge: str | None = None) -> Figure:
        """A judge's scores, with τ; the only judge where none is given.

        Raises:
            UsageError: no such judge, or several to choose from.
        """
        from gancross.report.charts import plots

        return plots.plot_histograms(self, judge)

    def plot_roc(self, judge: str | None = None) -> Figure:
        """A judge's ROC curves; the only judge where none is given.

        Raises:
            UsageError: no such judge, or several to choose from.
        """
        from gancross.report.charts import plots

        return plots.plot_roc(self, judge)


def presented(function: Callable[Call, record.Result]) -> Callable[Call, Result]:
    """A function of the evaluator that returns a result which shows itself; the same call otherwise."""

    @functools.wraps(function)
    def call(*args: Call.args, **kwargs: Call.kwargs) -> Result:
        return Result(function(*args, **kwargs).document)

    return call


def notebook_html(result: record.Result) -> str:
    """Verdicts, flags and the matrix of shares called real as a fragment of HTML; everything is escaped."""
    document = result.document
    parts = [f"<p><b>Cross-test on {_text(document['protocol']['data']['name'])}</b>: "
             f"{_text(words.heading(document))}</p>"]  # fmt: skip
    for pair in document["pairs"]:
        said = "; ".join(
            f"{_text(title.lower())}: <b>{_text(words.outcome(pair[rule]))}</b>"
            for rule, title in words.RULES.items()
        )
        parts.append(f"<p>{_text(pair['a'])} against {_text(pair['b'])}: {said}</p>")
    columns, found = judges(document), cells(document)
    head = "".join(f'<th scope="col">{_text(judge)}</th>' for judge in columns)
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th>'
        + "".join(f"<td>{_share(found[judge, name]['fp'])}</td>" for judge in columns)
        + "</tr>"
        for name in result.names
    )
    caption = "Share called real, FP; judges in columns, lower is better for the judge"
    parts.append(
        f"<table><caption>{caption}</caption><thead><tr><th>samples of</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    if document["flags"]:
        parts.append("<ul>" + "".join(f"<li>{_text(flag)}</li>" for flag in document["flags"]) + "</ul>")
    return "<div>" + "".join(parts) + "</div>"


def _text(text: str) -> str:
    return html.escape(words.clean(text))


def _share(rate: dict[str, Any] | None) -> str:
    return words.DASH if rate is None else f"<b>{words.rate(rate)}</b> {words.interval(rate)}"


def _row(cell: dict[str, Any]) -> dict[str, Any]:
    row = {"judge": cell["judge"], "generator": cell["generator"], "own": cell["judge"] == cell["generator"]}
    for key in ("fp", *ESTIMATES):
        entry = cell[key]
        value = None if entry is None else entry["rate" if key == "fp" else "value"]
        low, high = (None, None) if entry is None else entry["ci95"]
        row |= {key: _float(value), f"{key}_low": _float(low), f"{key}_high": _float(high)}
    return row


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)


load_result = presented(record.load_result)
