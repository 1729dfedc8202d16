"""The tables of a result in the terminal, laid out as the paper prints them; one function a section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from gancross.evaluator.estimates import Estimate, Figure, Measurement, Missing
from gancross.evaluator.fidelity.metrics import figure_arrow
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.text.line_table import LineTable
from gancross.report.text.verdict_sentences import verdict_sentences

T = TypeVar("T")


def confusion_tables(result: Result) -> list[RenderableType]:
    """Every model's confusion matrix and its cross-testing FP, as in §5.5 of the paper."""
    parts: list[RenderableType] = []
    for name in result.names:
        parts += [confusion_table(name, result), ""]
    return parts


def confusion_table(name: str, result: Result) -> RenderableType:
    """One model's confusion matrix and its cross-testing FP."""
    matrix = result.confusion[name]
    if isinstance(matrix, Missing):
        return Group(Text(name, style="bold"), Text(f"  {matrix.reason}"))
    others = [(generator, formatting.figure(rate)) for generator, rate in formatting.cross_fps(result, name)]
    return paper_table(name, matrix.rates, others)


def paper_table(title: str, rates: Sequence[Sequence[float]], cross: Sequence[tuple[str, str]]) -> Group:
    """A confusion matrix and cross-testing FPs as the paper prints them.

    Args:
        rates: rows predicted, columns true.
        cross: generators, and the FP on each as text.
    """
    conditions = right("True condition\nPositive"), right("\nNegative")
    table = Table("", "", *conditions, box=None, padding=(0, 2, 0, 0))
    for label, kind, row in zip(("Predicted", ""), ("Positive", "Negative"), rates, strict=True):
        table.add_row(label, kind, *(paper_rate(rate) for rate in row))
    lines: list[RenderableType] = [Text(title, style="bold"), Padding(table, (0, 0, 0, 2))]
    if cross:
        fps = [fp + (f" ({generator})" if len(cross) > 1 else "") for generator, fp in cross]
        lines.append(Text(f"  Cross-testing: FP: {', '.join(fps)}"))
    return Group(*lines)


def fp_matrix(result: Result) -> list[RenderableType]:
    """Share of every sample set that every judge calls real: generators, test data, controls."""
    title = "Share called real, 95 % interval; for generated samples this is FP, lower is better"
    rows: list[list[Text | str]] = []
    for generator in result.names:
        cells = [result.cells[judge, generator] for judge in result.judges]
        rows.append([generator, *(with_interval(cell.fp, dim=cell.is_own) for cell in cells)])
    for control, rates in formatting.controls(result):
        rows.append([control.title, *(with_interval(rate, dim=True) for rate in rates)])
    return [LineTable(
        title=title, head=["samples \\ judge", *result.judges], rows=rows, names=[0], named_head=True,
        framed=True, ends=[len(result.names) - 1],
    ), ""]  # fmt: skip


def figure_table(result: Result) -> list[RenderableType]:
    """Every judge on every generator: what does not hang on its own threshold."""
    headings = [entry.heading(short=True) for entry in formatting.columns().values()]
    rows: list[list[Text | str]] = [
        [judge, generator, *map(Text.from_markup, texts)]
        for judge, generator, *texts in formatting.figure_rows(result, _with_reach)
    ]
    return [LineTable(
        title="Beside the threshold", head=["judge", "generator", *headings], rows=rows, keys=2, names=[0, 1],
        framed=True,
    ), ""]  # fmt: skip


def with_interval(figure: Figure, *, dim: bool = False) -> Text:
    """`0.0312 [0.0280, 0.0348]`, dimmed for a model's judgement of itself; a dash where there is none."""
    if isinstance(figure, Missing):
        return Text(formatting.DASH)
    text = Text(formatting.figure(figure), style="dim" if dim else "bold")
    return text.append(f" {formatting.interval(figure)}", style="dim")


def fidelity_table(result: Result) -> list[RenderableType]:
    """FID and its like, a column for each contestant."""
    if isinstance(result.fidelity, Missing):
        return []
    rows = [["n", *(f"{measured.n:,}" for measured in result.fidelity.values())]]
    for key, values in formatting.fidelity_rows(result):
        rows.append([f"{key} {figure_arrow(key)}", *map(fidelity_figure, values)])
    return [LineTable(
        title="Fidelity", head=["figure", *result.fidelity], rows=rows, names=[0], named_head=True,
        framed=True,
    ), ""]  # fmt: skip


def fidelity_figure(value: Measurement | Missing) -> str:
    """`12.3456`."""
    return formatting.number(value)


def ranking_text(result: Result) -> list[RenderableType]:
    """Who leads among three or more, generators and discriminators apart; and what runs say of methods."""
    if len(result.contestants) < 3:
        return []
    generators, discriminators = result.ranking.generators, result.ranking.discriminators
    distances = _ranked(generators, lambda entry: f"{entry.name} {_with_limits(entry.distance)}")
    unresolved = formatting.unresolved(result)
    mean_js = _ranked(discriminators, lambda entry: f"{entry.name} {formatting.number(entry.mean_j)}")
    by = "detectability" if result.ranking.by else "mean J² under the others' discriminators"
    lines: list[RenderableType] = [
        _titled(f"Generators, by {by} (↓): ", distances + unresolved),
        _titled("Discriminators, by mean J on others' samples: ", mean_js),
    ]
    claims = result.groups.claims
    for claim in () if isinstance(claims, Missing) else claims:
        title = f"Method '{claim.a}' against '{claim.b}': {formatting.claim_outcome(claim)}. "
        lines.append(_titled(title, formatting.sentence(claim.reason)))
    return [*lines, ""]


def verdict_lines(result: Result) -> list[RenderableType]:
    """The sentences that every report opens with."""
    return [*(Text(sentence, style="bold") for sentence in verdict_sentences(result)), ""]


def verdict_text(result: Result) -> list[RenderableType]:
    """Each pair's verdicts in words."""
    lines: list[RenderableType] = []
    for pair in result.pairs:
        lines.append(Text(f"{pair.a} against {pair.b}", style="bold"))
        for rule, verdict in formatting.verdicts(result, pair):
            heading = f"  {rule.title}: {formatting.outcome(pair, rule, verdict)}. "
            lines.append(_titled(heading, formatting.sentence(verdict.reason)))
    return [Group(*lines)]


def flag_lines(result: Result) -> list[RenderableType]:
    """What a reader must know before believing the figures."""
    return [Text(f"! {flag}", style="yellow") for flag in result.flags]


def right(heading: str) -> Column:
    """A column aligned to the right."""
    return Column(heading, justify="right")


def _ranked(entries: Sequence[T] | Missing, text: Callable[[T], str]) -> str:
    return entries.reason if isinstance(entries, Missing) else ", ".join(map(text, entries))


def _titled(title: str, text: str) -> Text:
    return Text(title, style="bold").append(text, style="not bold")


def _with_limits(estimate: Estimate) -> str:
    return f"{formatting.number(estimate.value)} {formatting.interval(estimate)}"


def _with_reach(figure: Figure) -> str:
    if isinstance(figure, Missing):
        return formatting.DASH
    return f"{formatting.figure(figure)} [dim]±{formatting.reach(figure)}[/dim]"
