"""The tables of many contestants in the terminal: one line for each, numbers in place of names."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from gancross.evaluator.estimates import Figure, Missing
from gancross.evaluator.fidelity.metrics import figure_arrow, figure_label
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text.console_tables import fidelity_figure
from gancross.report.text.crowds import crowded, in_the_record, left_out
from gancross.report.text.line_table import LineTable


def contestants_table(result: Result) -> list[RenderableType]:
    """Each model's own confusion matrix, and its mean cross-testing FP, in a line."""
    rows = []
    for number, name in enumerate(result.names, start=1):
        matrix = result.confusion[name]
        texts = [formatting.DASH] * 4
        if not isinstance(matrix, Missing):
            (tpr, fp), (fn, tnr) = matrix.rates
            texts = [paper_rate(rate) for rate in (tpr, fn, fp, tnr)]
        mean = formatting.rate(formatting.mean_cross_fp(result, name))
        rows.append([str(number), name, *texts, mean])
    title = "Each model's own confusion matrix, and its mean cross-testing FP (↓)"
    head = ["#", "model", "TPR", "FN", "FP", "TNR", "cross FP"]
    return [LineTable(title=title, head=head, rows=rows, keys=2, names=[1]), ""]


def numbered_matrix(result: Result) -> list[RenderableType]:
    """The cross FP matrix: samples in rows, judges in columns; of many contestants where it is."""
    if crowded(result):
        return [Text(f"{in_the_record(result, 'FP')}, and in the HTML report.", style="dim"), ""]
    rows: list[list[Text | str]] = []
    for number, generator in enumerate(result.names, start=1):
        cells = [result.cells[judge, generator] for judge in result.judges]
        rows.append([str(number), *(_rate(cell.fp, dim=cell.is_own) for cell in cells)])
    for control, rates in formatting.controls(result):
        rows.append([control.title, *(_rate(rate, dim=True) for rate in rates)])
    title = "FP: share of the samples of a row that the judge of a column calls real, ↓"
    head = ["#", *(str(result.names.index(judge) + 1) for judge in result.judges)]
    return [LineTable(title=title, head=head, rows=rows), ""]


def fidelity_by_contestant(result: Result) -> list[RenderableType]:
    """FID and its like, a line for each contestant."""
    if isinstance(result.fidelity, Missing):
        return []
    keys, rows = formatting.fidelity_keys(result), []
    for number, name in enumerate(result.names, start=1):
        measured = result.fidelity[name]
        rows.append([str(number), f"{measured.n:,}", *(fidelity_figure(measured.of(key)) for key in keys)])
    head = ["#", "samples", *(f"{figure_label(key)} {figure_arrow(key)}" for key in keys)]
    return [LineTable(title="Fidelity", head=head, rows=rows), ""]


def winners_matrix(result: Result) -> list[RenderableType]:
    """Whom the rules name in each pair, two rules in a table; and what is left out."""
    if crowded(result):
        return [Text(left_out(result, "verdicts"), style="dim")]
    models = "Named models: nearer to the data above the diagonal, strict below"
    discriminators = "Named discriminators: the paper's rule above the diagonal, beyond chance below"
    headline: list[RenderableType] = [] if isinstance(result.referees, Missing) else [
        _named(result, models, above="generator", below="strict"), ""
    ]  # fmt: skip
    rest = "Intervals, AUC, bounds and the reason of every verdict: in the JSON record and the HTML report."
    return [
        *headline, _named(result, discriminators, above="paper", below="discriminator"), "",
        Text(rest, style="dim"),
    ]  # fmt: skip


def _named(result: Result, title: str, *, above: str, below: str) -> LineTable:
    """Numbers of those that a rule names in each pair, above and below the diagonal."""
    names = result.names
    winners: dict[tuple[str, str], str | None] = {}
    for pair in result.pairs:
        first, second = sorted((pair.a, pair.b), key=names.index)
        winners[first, second] = pair.verdict.of(above).winner
        winners[second, first] = pair.verdict.of(below).winner

    def text(row: str, column: str) -> str:
        if row == column:
            return ""
        winner = winners.get((row, column))
        return formatting.DASH if winner is None else str(names.index(winner) + 1)

    rows = [
        [str(number), *(text(row, column) for column in names)] for number, row in enumerate(names, start=1)
    ]
    head = ["#", *(str(number) for number in range(1, len(names) + 1))]
    return LineTable(title=title, head=head, rows=rows)


def _rate(figure: Figure, *, dim: bool) -> Text:
    """Dimmed for a model's judgement of itself."""
    return Text(formatting.figure(figure), style="dim" if dim else "")
