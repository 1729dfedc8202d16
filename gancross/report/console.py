"""A result as tables in the terminal, laid out as the paper prints them."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gancross.evaluator.confusion import paper_rate
from gancross.evaluator.result import Result


def print_result(result: Result, console: Console) -> None:
    """Prints confusion matrices, the cross FP matrix and verdicts to the console."""
    console.print(render(result), soft_wrap=False)


def render(result: Result) -> RenderableType:
    """All tables of a result, top to bottom."""
    document = result.document
    parts: list[RenderableType] = [_heading(document), ""]
    for name in result.names:
        parts += [confusion_table(name, document), ""]
    parts += [fp_matrix(result), ""]
    parts += [judge_table(result), ""]
    parts += [verdict_text(document), *[Text(f"! {flag}", style="yellow") for flag in document["flags"]]]
    return Group(*parts)


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
    """FP of every judge on every generator, with 95 % intervals; the last row is FN on test data."""
    document = result.document
    table = Table(
        title="Share called real (FP), 95 % interval; lower means the judge was not fooled",
        title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column("generator \\ judge")
    judges = list(dict.fromkeys(cell["judge"] for cell in document["cross"]))
    for judge in judges:
        table.add_column(escape(judge), justify="right")
    cells = {(cell["judge"], cell["generator"]): cell for cell in document["cross"]}
    for generator in result.names:
        table.add_row(
            escape(generator),
            *(with_interval(cells[judge, generator]["fp"], own=judge == generator) for judge in judges),
        )
    return table


def judge_table(result: Result) -> Table:
    """FN and AUC of every judge."""
    document = result.document
    table = Table(title="Judges", title_justify="left", title_style="bold")
    table.add_column("judge")
    table.add_column("FN ↓", justify="right")
    for generator in result.names:
        table.add_column(f"AUC ↑ on {escape(generator)}", justify="right")
    aucs = {(cell["judge"], cell["generator"]): cell["auc"]["value"] for cell in document["cross"]}
    for judge in dict.fromkeys(cell["judge"] for cell in document["cross"]):
        row = [f"{aucs[judge, generator]:.4f}" for generator in result.names]
        table.add_row(escape(judge), with_interval(document["confusion"][judge]["fn"]), *row)
    return table


def with_interval(rate: dict[str, Any] | None, *, own: bool = False) -> Text:
    """`0.0312 [0.0280, 0.0348]`; dimmed for a model's judgement of itself, a dash where there is none."""
    if rate is None:
        return Text("–")
    low, high = rate["ci95"]
    text = Text(paper_rate(rate["rate"]), style="dim" if own else "bold")
    return text.append(f" [{low:.4f}, {high:.4f}]", style="dim")


def verdict_text(document: dict[str, Any]) -> Group:
    """Each pair's verdict in words."""
    lines: list[RenderableType] = []
    for pair in document["pairs"]:
        verdict = pair["paper"]
        outcome = f"{verdict['winner']} wins" if verdict["winner"] is not None else "no winner"
        line = Text(f"{pair['a']} against {pair['b']}: {outcome} (paper's rule). ", style="bold")
        lines.append(line.append(verdict["reason"], style="not bold"))
    return Group(*lines)


def _heading(document: dict[str, Any]) -> Text:
    protocol = document["protocol"]
    data = protocol["data"]
    return Text(
        f"Cross-test on {data['name']}: {data['num_real']:,} test samples,"
        f" {protocol['num_fake']:,} generated by each model, seed {protocol['seed']}"
    )
