"""The tables of many contestants in the terminal: one line for each, numbers in place of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from gancross.evaluator.estimates import Figure, Missing
from gancross.evaluator.fidelity.metrics import figure_arrow, figure_label
from gancross.evaluator.judging.controls import Control
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text.console_tables import fidelity_figure, right

WIDEST_RATE, GAP = 6, 2  # cells of `0.1234`, and between columns


def contestants_table(result: Result) -> list[RenderableType]:
    """Each model's own confusion matrix, and its mean cross-testing FP, in a line."""
    table = _table("#", Column("model"), "TPR", "FN", "FP", "TNR", "cross FP")
    for number, name in enumerate(result.names, start=1):
        matrix = result.confusion[name]
        texts = [formatting.DASH] * 4
        if not isinstance(matrix, Missing):
            (tpr, fp), (fn, tnr) = matrix.rates
            texts = [paper_rate(rate) for rate in (tpr, fn, fp, tnr)]
        mean = formatting.rate(formatting.mean_cross_fp(result, name))
        table.add_row(str(number), escape(name), *texts, mean)
    title = "Each model's own confusion matrix, and cross-testing FP (mean over the others, ↓)"
    return [_titled(title, table), ""]


def numbered_matrix(result: Result) -> list[RenderableType]:
    """The cross FP matrix: samples in rows, judges in columns."""
    title = "FP: share of the samples of a row that the judge of a column calls real, ↓"
    return [Group(Text(title, style="bold"), _FpMatrix(result)), ""]


@dataclass(frozen=True)
class _FpMatrix:
    """As many judges beside each other as the terminal holds, then the next ones below."""

    result: Result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        controls = list(formatting.controls(self.result))
        heads = max((len(control.title) for control, _ in controls), default=0)
        beside = max(1, (options.max_width - heads - GAP) // (WIDEST_RATE + GAP))
        judges = self.result.judges
        for first in range(0, len(judges), beside):
            if first:
                yield Text()
            yield self._block(judges[first : first + beside], controls)

    def _block(self, judges: Sequence[str], controls: Sequence[tuple[Control, Sequence[Figure]]]) -> Table:
        result = self.result
        table = _table("#", *(str(result.names.index(judge) + 1) for judge in judges))
        for number, generator in enumerate(result.names, start=1):
            cells = [result.cells[judge, generator] for judge in judges]
            table.add_row(str(number), *(_rate(cell.fp, dim=cell.is_own) for cell in cells))
        table.add_section()
        for control, rates in controls:
            of = dict(zip(result.judges, rates, strict=True))
            table.add_row(control.title, *(_rate(of[judge], dim=True) for judge in judges))
        return table


def fidelity_by_contestant(result: Result) -> list[RenderableType]:
    """FID and its like, a line for each contestant."""
    if isinstance(result.fidelity, Missing):
        return []
    keys = formatting.fidelity_keys(result)
    headings = [escape(f"{figure_label(key)} {figure_arrow(key)}") for key in keys]
    table = _table("#", "samples ", *headings)
    for number, name in enumerate(result.names, start=1):
        measured = result.fidelity[name]
        texts = [fidelity_figure(measured.of(key)) for key in keys]
        table.add_row(str(number), f"{measured.n:,}", *texts)
    return [_titled("Fidelity", table), ""]


def winners_matrix(result: Result) -> list[RenderableType]:
    """Whom the rules name in each pair, two rules in a table; and what is left out."""
    models = "Named models: whose samples are nearer to the data above the diagonal, strict below"
    discriminators = "Named discriminators: the paper's rule above the diagonal, beyond chance below"
    headline = [] if isinstance(result.referees, Missing) else [
        _titled(models, _named(result, above="generator", below="strict")), ""
    ]  # fmt: skip
    rest = "Intervals, AUC, bounds and the reason of every verdict: in the JSON record and the HTML report."
    return [
        *headline, _titled(discriminators, _named(result, above="paper", below="discriminator")), "",
        Text(rest, style="dim"),
    ]  # fmt: skip


def _named(result: Result, *, above: str, below: str) -> Table:
    """Numbers of those that a rule names in each pair, above and below the diagonal."""
    names = result.names
    table = _table("#", *(str(number) for number in range(1, len(names) + 1)))
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

    for number, row in enumerate(names, start=1):
        table.add_row(str(number), *(text(row, column) for column in names))
    return table


def _table(*headings: Column | str) -> Table:
    columns = (right(heading) if isinstance(heading, str) else heading for heading in headings)
    return Table(*columns, box=None, padding=(0, 2, 0, 0), pad_edge=False)


def _titled(title: str, table: Table) -> RenderableType:
    """A table's own title would wrap at the table's width."""
    return Group(Text(title, style="bold"), table)


def _rate(figure: Figure, *, dim: bool) -> Text:
    """Dimmed for a model's judgement of itself."""
    return Text(formatting.figure(figure), style="dim" if dim else "")
