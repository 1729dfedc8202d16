"""The sections of a result as GitHub-flavoured Markdown; one function a section, to be folded away.

Every text of the record is escaped: it can make no table cell, link, mention, formula or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gancross.evaluator.estimates import Figure, Missing
from gancross.evaluator.fidelity.metrics import figure_arrow
from gancross.evaluator.result.types import Result
from gancross.report import formatting
from gancross.report.command import command, obstacles
from gancross.report.text.figure_table import figure_table

PAPERS_MATRICES, MOST_ROWS = 2, 16  # contestants whose matrices, and whose figures, stand before the folds
SPECIAL = re.compile(r"([\\`*_\[\]|~$]|^[-+](?!\d)|^[#=])")
NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
# GitHub looks for these in the finished page, where an escape is gone; a word joiner is seen by nobody.
LIVE = re.compile(r"(@|#(?=\d)|:(?=//)|www(?=\.)|(?i:gh)(?=-\d))")
WORD_JOINER = "\N{WORD JOINER}"


def escaped(text: str) -> str:
    """A text that Markdown and GitHub show as it is, on one line."""
    line = " ".join(formatting.straight(formatting.clean(text)).split())
    line = LIVE.sub(rf"\1{WORD_JOINER}", line)
    line = NUMBERED.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", line))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """A table of cells that are Markdown already; the first `left` columns are aligned to the left."""
    ruler = ["---" if number < left else "--:" for number in range(len(head))]
    return ["| " + " | ".join(row) + " |" for row in [head, ruler, *rows]]


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """Lines that open on a click."""
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def fenced(text: str) -> list[str]:
    """A block of code that no backtick in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *formatting.clean(text).splitlines(), fence]


def reasons(result: Result) -> list[str]:
    """Every verdict of the only pair with its reason; of several a table, then the reasons."""
    if len(result.pairs) == 1:
        lines = [
            f"**{rule.title}: {escaped(formatting.outcome(result.pairs[0], rule, verdict))}.**"
            f" {escaped(formatting.sentence(verdict.reason))}"
            for rule, verdict in formatting.verdicts(result, result.pairs[0])
        ]
        return ["\n\n".join(lines)]
    rows, whys = [], []
    for pair in result.pairs:
        names = f"{escaped(pair.a)} against {escaped(pair.b)}"
        outcomes = formatting.verdicts(result, pair)
        rows.append([names, *(escaped(formatting.named(verdict)) for _, verdict in outcomes)])
        whys += [f"- {names}: {rule.title}: {escaped(verdict.reason)}" for rule, verdict in outcomes]
    titles = [rule.title for rule in formatting.rules(result).values()]
    return [*table(["pair: who is named", *titles], rows, left=3), "", *whys] if rows else []


def flags(result: Result) -> list[str]:
    """All of them, in the order of the record."""
    return [f"- {escaped(flag)}" for flag in result.flags]


def figures(result: Result, most: int | None = None) -> list[str]:
    """A line for each contestant, the best first; and what headings and marks mean.

    Args:
        most: lines; None: all.
    """
    found = figure_table(result)
    rows = [
        [escaped(cell) if number == found.names else cell for number, cell in enumerate(row)]
        for row in found.rows[:most]
    ]
    left = len(found.rows) - len(rows)
    notes = [*([f"{left} more below"] if left else []), *found.legends]
    lines = table(found.head, rows, left=found.names + 1)
    return [*lines, *(["", escaped("; ".join(notes) + ".")] if notes else [])]


def confusion(result: Result) -> list[str]:
    """Every model's own matrix, and of many models all figures; what stands before the folds is left out."""
    if len(result.names) <= PAPERS_MATRICES:
        return []
    lines = [*figures(result), ""] if len(result.names) > MOST_ROWS else []
    rows: list[list[str]] = []
    for name, matrix in result.confusion.items():
        if isinstance(matrix, Missing):
            rows.append(
                [escaped(name), *[formatting.DASH] * 2, f"{formatting.DASH} ({escaped(matrix.reason)})"]
            )
            continue
        for label, kind, rates in zip(
            (escaped(name), ""), ("positive", "negative"), matrix.rates, strict=True
        ):
            rows.append([label, kind, *map(formatting.rate, rates)])
    heading = ["model", "predicted", "true: positive", "true: negative, its own"]
    return [*lines, *table(heading, rows, left=2)]


def cross(result: Result) -> list[str]:
    """The share of every sample set that every judge calls real."""
    rows = []
    for name in result.names:
        cells = [result.cells[judge, name] for judge in result.judges]
        rows.append([escaped(name), *(figure_cell(cell.fp, "_" if cell.is_own else "**") for cell in cells)])
    for control, rates in formatting.controls(result):
        rows.append([f"_{control.title}_", *(figure_cell(rate, "_") for rate in rates)])
    reading = "The share that a judge calls real, with its 95 % interval. Of generated samples it is FP."
    return [reading, "", *table(["samples \\ judge", *map(escaped, result.judges)], rows)]


def beside(result: Result) -> list[str]:
    """Every judge on every generator: what does not hang on its own threshold."""
    rows = [
        [escaped(judge), escaped(generator), *texts]
        for judge, generator, *texts in formatting.figure_rows(result, figure_cell)
    ]
    head = ["judge", "samples of", *(entry.heading() for entry in formatting.columns().values())]
    return table(head, rows, left=2)


def fidelity(result: Result) -> list[str]:
    """FID and its like, a column for each contestant."""
    if isinstance(result.fidelity, Missing):
        return []
    rows = [["n", *(f"{measured.n:,}" for measured in result.fidelity.values())]]
    for key, values in formatting.fidelity_rows(result):
        heading = f"{escaped(key)} {figure_arrow(key)}".strip()
        rows.append([heading, *(escaped(formatting.number(value)) for value in values)])
    return table(["figure", *map(escaped, result.fidelity)], rows)


def protocol(result: Result) -> list[str]:
    """How the figures were computed, of which files, and the command."""
    facts = [*formatting.facts(result.protocol.data), *formatting.protocol_facts(result)]
    lines = [f"- {escaped(key)}: {escaped(text)}" for key, text in facts]
    for contestant in result.contestants:
        path, digest, step = map(formatting.plain, (contestant.path, contestant.sha256, contestant.step))
        lines.append(
            f"- {escaped(contestant.name)}: file {escaped(path)}, SHA-256 {escaped(digest)},"
            f" step {escaped(step)}"
        )
    why = [f"- not enough by itself: {escaped(text)}" for text in obstacles(result)]
    return [*lines, "", *fenced(command(result)), *([""] if why else []), *why]


def figure_cell(figure: Figure, emphasis: str = "") -> str:
    """`0.0312 [0.0280, 0.0348]`, escaped; a dash where there is none."""
    if isinstance(figure, Missing):
        return formatting.DASH
    return f"{emphasis}{formatting.figure(figure)}{emphasis} \\{formatting.interval(figure)[:-1]}\\]"
