"""A result of many contestants in the terminal: one line for each, numbers in place of names."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report.text import formatting as words

Plain = dict[str, Any]


def contestants_table(names: list[str], document: Plain) -> RenderableType:
    """Each model's own confusion matrix, and its mean cross-testing FP, in a line."""
    title, table = (
        "Each model's own confusion matrix, and cross-testing FP (mean over the others, ↓)",
        _table(),
    )
    for heading in ("#", "model", "TPR", "FN", "FP", "TNR", "cross FP"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for number, name in enumerate(names, start=1):
        rates = document["confusion"][name]["rates"]
        (tpr, fp), (fn, tnr) = rates if rates is not None else ((None, None), (None, None))
        crossed = [
            cell["fp"]["rate"] for cell in document["cross"]
            if cell["judge"] == name and cell["generator"] != name and cell["fp"] is not None
        ]  # fmt: skip
        mean = sum(crossed) / len(crossed) if crossed else None
        shown = [words.DASH if value is None else paper_rate(value) for value in (tpr, fn, fp, tnr)]
        table.add_row(str(number), escape(name), *shown, words.number(mean))
    return _titled(title, table)


def numbered_matrix(names: list[str], document: Plain) -> RenderableType:
    """The cross FP matrix: samples in rows, judges in columns."""
    title, table = "FP: share of the samples of a row that the judge of a column calls real, ↓", _table()
    cells = {(cell["judge"], cell["generator"]): cell for cell in document["cross"]}
    judges = [name for name in names if any(judge == name for judge, _ in cells)]
    table.add_column("#", justify="right")
    for judge in judges:
        table.add_column(str(names.index(judge) + 1), justify="right")
    for number, generator in enumerate(names, start=1):
        table.add_row(str(number), *(
            _share(cells[judge, generator]["fp"], own=judge == generator) for judge in judges
        ))  # fmt: skip
    if document["controls"] is not None:
        table.add_section()
        for label, rates in words.controls(document, judges):
            table.add_row(label, *(_share(rate, own=True) for rate in rates))
    return _titled(title, table)


def winners_matrix(names: list[str], document: Plain) -> RenderableType:
    """Who wins each pair: by the paper's rule above the diagonal, by strict below."""
    title, table = "Who wins: by the paper's rule above the diagonal, by strict below", _table()
    pairs = {(pair["a"], pair["b"]): pair for pair in document["pairs"]}
    table.add_column("#", justify="right")
    for number in range(1, len(names) + 1):
        table.add_column(str(number), justify="right")

    def won(row: str, column: str) -> str:
        rule = "paper" if names.index(row) < names.index(column) else "strict"
        pair = pairs.get((row, column)) or pairs.get((column, row))
        winner = None if pair is None else pair[rule]["winner"]
        return words.DASH if winner is None else str(names.index(winner) + 1)

    for number, row in enumerate(names, start=1):
        table.add_row(str(number), *("" if row == column else won(row, column) for column in names))
    return _titled(title, table)


def fidelity_by_contestant(names: list[str], fidelity: Plain) -> RenderableType:
    """FID and its like, a line for each contestant."""
    title, table = "Fidelity", _table()
    table.add_column("#", justify="right")
    keys = [key for key in fidelity[names[0]] if not key.endswith("_reason")]
    for key in keys:
        table.add_column(escape(f"{words.FIDELITY.get(key, key)} {words.direction(key)}"), justify="right")
    for number, name in enumerate(names, start=1):
        table.add_row(str(number), *(words.fidelity(key, fidelity[name][key]) for key in keys))
    return _titled(title, table)


def where_the_rest_is() -> RenderableType:
    """What these tables leave out."""
    return Text(
        "Intervals, AUC, bounds and the reason of every verdict: in the JSON record and the HTML report.",
        style="dim",
    )


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)


def _titled(title: str, table: Table) -> RenderableType:
    """A table's own title would wrap at the table's width."""
    return Group(Text(title, style="bold"), table)


def _share(entry: Plain | None, *, own: bool) -> Text:
    """Two places, so that a dozen judges fit on a line; dimmed for a model's judgement of itself."""
    if entry is None:
        return Text(words.DASH)
    return Text(f"{entry['rate']:.2f}", style="dim" if own else "")
