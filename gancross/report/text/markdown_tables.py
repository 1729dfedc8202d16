"""The tables of a result as GitHub-flavoured Markdown; one function a section.

Every text of the record is escaped: it can make no table cell, link, mention, formula or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gancross.evaluator.estimates import Figure, Missing
from gancross.evaluator.fidelity.metrics import figure_arrow
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report import formatting
from gancross.report.command import command, obstacles

SPECIAL = re.compile(r"([\\`*_\[\]|~$]|^[-+#=])")
NUMBERED = re.compile(r"^(\d+)([.)])")
# GitHub looks for these in the finished page, where an escape is gone; a word joiner is seen by nobody.
LIVE = re.compile(r"(@|#(?=\d)|:(?=//)|www(?=\.)|(?i:gh)(?=-\d))")
WORD_JOINER = "\N{WORD JOINER}"
BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def escaped(text: str) -> str:
    """A text that Markdown and GitHub show as it is, on one line."""
    line = " ".join(BIDIRECTIONAL.sub("", formatting.clean(text)).split())
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


def verdicts(result: Result) -> list[str]:
    """Of the only pair in full; of several as a table, reasons folded away."""
    if not result.pairs:
        return ["**One contestant alone has no verdict.**"]
    if len(result.pairs) == 1:
        lines = [
            f"**{rule.title}: {escaped(formatting.outcome(result.pairs[0], rule, verdict))}.**"
            f" {escaped(formatting.sentence(verdict.reason))}"
            for rule, verdict in formatting.verdicts(result, result.pairs[0])
        ]
        return ["\n\n".join(lines)]
    rows, reasons = [], []
    for pair in result.pairs:
        names = f"{escaped(pair.a)} against {escaped(pair.b)}"
        outcomes = formatting.verdicts(result, pair)
        rows.append([names, *(escaped(formatting.named(verdict)) for _, verdict in outcomes)])
        reasons += [f"- {names}: {rule.title}: {escaped(verdict.reason)}" for rule, verdict in outcomes]
    titles = [rule.title for rule in formatting.rules(result).values()]
    return [*table(["pair: who is named", *titles], rows, left=3), "", *folded("Reasons", reasons)]


def flags(result: Result) -> list[str]:
    """What a reader must know before believing the figures."""
    return ["> [!WARNING]", *(f"> - {escaped(flag)}" for flag in result.flags)] if result.flags else []


def confusion(result: Result) -> list[str]:
    """Every model's own matrix."""
    rows: list[list[str]] = []
    for name, matrix in result.confusion.items():
        if isinstance(matrix, Missing):
            rows.append([escaped(name), "–", "–", f"– ({escaped(matrix.reason)})"])
            continue
        for label, kind, rates in zip((escaped(name), ""), ("real", "fake"), matrix.rates, strict=True):
            rows.append([label, kind, *(paper_rate(rate) for rate in rates)])
    head = ["model", "predicted", "true: real", "true: fake (its own)"]
    return ["### Confusion matrices", "", *table(head, rows, left=2)]


def cross(result: Result) -> list[str]:
    """The share of every sample set that every judge calls real."""
    rows = []
    for name in result.names:
        cells = [result.cells[judge, name] for judge in result.judges]
        rows.append([escaped(name), *(_figure(cell.fp, "_" if cell.is_own else "**") for cell in cells)])
    for control, rates in formatting.controls(result):
        rows.append([f"_{control.title}_", *(_figure(rate, "_") for rate in rates)])
    title = "### Share called real, 95 % interval; FP for generated samples, lower is better for the judge"
    return [title, "", *table(["samples \\ judge", *map(escaped, result.judges)], rows)]


def beside(result: Result) -> list[str]:
    """Every judge on every generator: what does not hang on its own threshold."""
    rows = [
        [escaped(judge), escaped(generator), *texts]
        for judge, generator, *texts in formatting.figure_rows(result, _figure)
    ]
    head = ["judge", "samples of", *(entry.heading() for entry in formatting.columns().values())]
    return folded("Beside the threshold", table(head, rows, left=2))


def fidelity(result: Result) -> list[str]:
    """FID and its like, a column for each contestant."""
    if isinstance(result.fidelity, Missing):
        return []
    rows = [["n", *(f"{measured.n:,}" for measured in result.fidelity.values())]]
    for key, values in formatting.fidelity_rows(result):
        heading = f"{escaped(key)} {figure_arrow(key)}".strip()
        rows.append([heading, *(escaped(formatting.number(value)) for value in values)])
    return ["### Fidelity", "", *table(["figure", *map(escaped, result.fidelity)], rows)]


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
    return folded(
        "Protocol and command", [*lines, "", *fenced(command(result)), *([""] if why else []), *why]
    )


def _figure(figure: Figure, emphasis: str = "") -> str:
    if isinstance(figure, Missing):
        return formatting.DASH
    return f"{emphasis}{formatting.figure(figure)}{emphasis} \\{formatting.interval(figure)[:-1]}\\]"
