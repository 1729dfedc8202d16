"""A result as tables in the terminal, laid out as the paper prints them."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gancross.evaluator.result.result import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report.text import console_summary as many
from gancross.report.text import formatting as words

MOST_IN_FULL = 4  # contestants whose every pair is told in words


def print_result(result: Result, console: Console) -> None:
    """Prints confusion matrices, the cross FP matrix and verdicts to the console."""
    console.print(render(result), soft_wrap=False)


def render(result: Result) -> RenderableType:
    """All tables of a result, top to bottom."""
    document = result.document
    parts = _in_lines(result) if len(result.names) > MOST_IN_FULL else _in_full(result)
    flags = [Text(f"! {flag}", style="yellow") for flag in document["flags"]]
    return Group(_heading(document), "", *parts, *flags)


def _in_full(result: Result) -> list[RenderableType]:
    """Every model's confusion matrix as the paper prints it, all intervals, all reasons."""
    document = result.document
    parts: list[RenderableType] = []
    for name in result.names:
        parts += [confusion_table(name, document), ""]
    parts += [fp_matrix(result), "", judge_table(result), ""]
    if document["fidelity"] is not None:
        parts += [fidelity_table(document["fidelity"]), ""]
    return [*parts, *ranking_text(document), verdict_text(document)]


def _in_lines(result: Result) -> list[RenderableType]:
    """One line for each model, and no words on pairs, of which there are many."""
    document, names = result.document, list(result.names)
    parts: list[RenderableType] = [many.contestants_table(names, document), ""]
    parts += [many.numbered_matrix(names, document), ""]
    if document["fidelity"] is not None:
        parts += [many.fidelity_by_contestant(names, document["fidelity"]), ""]
    parts += [*ranking_text(document), many.winners_matrix(names, document), ""]
    return [*parts, many.where_the_rest_is()]


def confusion_table(name: str, document: dict[str, Any]) -> RenderableType:
    """One model's confusion matrix and its cross-testing FP, as in §5.5 of the paper."""
    entry = document["confusion"][name]
    title = Text(name, style="bold")
    if entry["rates"] is None:
        return Group(title, Text(f"  {entry['rates_reason']}"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("")
    table.add_column("True condition\nPositive", justify="right")
    table.add_column("\nNegative", justify="right")
    for label, kind, row in zip(("Predicted", ""), ("Positive", "Negative"), entry["rates"], strict=True):
        table.add_row(label, kind, *(paper_rate(rate) for rate in row))
    others = [
        cell for cell in document["cross"]
        if cell["judge"] == name and cell["generator"] != name and cell["fp"] is not None
    ]  # fmt: skip
    crossed = ", ".join(
        paper_rate(cell["fp"]["rate"]) + (f" ({cell['generator']})" if len(others) > 1 else "")
        for cell in others
    )
    lines: list[RenderableType] = [title, Padding(table, (0, 0, 0, 2))]
    if crossed:
        lines.append(Text(f"  Cross-testing: FP: {crossed}"))
    return Group(*lines)


def fp_matrix(result: Result) -> Table:
    """Share of every sample set that every judge calls real: generators, test data, controls."""
    document = result.document
    table = Table(
        title="Share called real, 95 % interval; for generated samples this is FP, lower is better",
        title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column("samples \\ judge")
    cells = {(cell["judge"], cell["generator"]): cell for cell in document["cross"]}
    judges = list(dict.fromkeys(judge for judge, _ in cells))
    for judge in judges:
        table.add_column(escape(judge), justify="right")
    for generator in result.names:
        row = [with_interval(cells[judge, generator]["fp"], own=judge == generator) for judge in judges]
        table.add_row(escape(generator), *row)
    if document["controls"] is not None:
        table.add_section()
        for label, rates in words.controls(document, judges):
            table.add_row(label, *(with_interval(rate, own=True) for rate in rates))
    return table


def judge_table(result: Result) -> Table:
    """Of every judge on every generator: AUC, FP at matched FN, and two proven lower bounds (JSD in nats)."""
    table = Table(title="Beside the threshold", title_justify="left", title_style="bold")
    for heading in ("judge", "generator"):
        table.add_column(heading, overflow="fold")
    for heading in ("AUC ↑", "FP@FN5% ↓"):
        table.add_column(heading, justify="right")
    for heading in ("TV ≥", "JSD ≥"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cell in result.document["cross"]:
        table.add_row(
            escape(cell["judge"]),
            escape(cell["generator"]),
            _figure(cell["auc"]),
            _figure(cell["fp_at_fn5"]),
            words.bound(cell["j"]),
            words.bound(cell["jsd_bound_nats"]),
        )
    return table


def _figure(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    low, high = entry["ci95"]
    return f"{entry['value']:.4f} [dim]±{max(entry['value'] - low, high - entry['value']):.4f}[/dim]"


def with_interval(rate: dict[str, Any] | None, *, own: bool = False) -> Text:
    """`0.0312 [0.0280, 0.0348]`; dimmed for a model's judgement of itself, a dash where there is none."""
    if rate is None:
        return Text("–")
    low, high = rate["ci95"]
    text = Text(paper_rate(rate["rate"]), style="dim" if own else "bold")
    return text.append(f" [{low:.4f}, {high:.4f}]", style="dim")


def fidelity_table(fidelity: dict[str, Any]) -> Table:
    """FID and its like, a column for each contestant."""
    table = Table(title="Fidelity", title_justify="left", title_style="bold")
    table.add_column("figure", overflow="fold")
    for name in fidelity:
        table.add_column(escape(name), justify="right")
    first = next(iter(fidelity.values()))
    for key in (key for key in first if not key.endswith("_reason")):
        shown = [words.fidelity(key, figures[key]) for figures in fidelity.values()]
        table.add_row(escape(f"{key} {words.direction(key)}"), *shown)
    return table


def ranking_text(document: dict[str, Any]) -> list[RenderableType]:
    """Who leads among three or more, generators and discriminators apart; and what runs say of methods."""
    lines: list[RenderableType] = []
    figures = {"generators": "advantage", "discriminators": "mean_j"}
    titles = {
        "generators": "Generators, by FP before common judges",
        "discriminators": "Discriminators, by mean J on others' samples",
    }
    if len(document["contestants"]) < 3:
        return lines
    for key, figure in figures.items():
        ranked = document["ranking"][key]
        if ranked is None:
            text = document["ranking"][f"{key}_reason"]
        else:
            text = ", ".join(f"{entry['name']} {entry[figure]:+.3f}" for entry in ranked)
        lines.append(Text(f"{titles[key]}: ", style="bold").append(text, style="not bold"))
    for claim in document["groups"]["claims"] or []:
        outcome = "no claim" if claim["winner"] is None else f"{claim['winner']} is better"
        line = Text(f"Method '{claim['a']}' against '{claim['b']}': {outcome}. ", style="bold")
        lines.append(line.append(words.sentence(claim["reason"]), style="not bold"))
    return [*lines, ""]


def verdict_text(document: dict[str, Any]) -> Group:
    """Each pair's verdicts in words."""
    lines: list[RenderableType] = []
    for pair in document["pairs"]:
        lines.append(Text(f"{pair['a']} against {pair['b']}", style="bold"))
        for rule, title in (("paper", "the paper's rule"), ("strict", "strict")):
            line = Text(f"  {title}: {words.outcome(pair[rule])}. ", style="bold")
            lines.append(line.append(words.sentence(pair[rule]["reason"]), style="not bold"))
    return Group(*lines)


def _heading(document: dict[str, Any]) -> Text:
    return Text(f"Cross-test on {document['protocol']['data']['name']}: {words.heading(document)}")
