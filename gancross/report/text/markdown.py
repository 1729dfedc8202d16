"""A result as GitHub-flavoured Markdown, for pull requests and `$GITHUB_STEP_SUMMARY`.

Every text of the record is escaped: it can make no table cell, link, mention, formula or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from gancross.evaluator.result.result import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report.charts.chart_data import cells, judges
from gancross.report.command import command, obstacles
from gancross.report.text import formatting as words

Plain = dict[str, Any]

SPECIAL = re.compile(r"([\\`*_\[\]|~$]|^[-+#=])")
NUMBERED = re.compile(r"^(\d+)([.)])")
# GitHub looks for these in the finished page, where an escape is gone; a word joiner is seen by nobody.
LIVE = re.compile(r"(@|#(?=\d)|:(?=//)|www(?=\.)|(?i:gh)(?=-\d))")
WORD_JOINER = "\N{WORD JOINER}"
BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def markdown_report(result: Result) -> str:
    """The verdict, the matrices and the flags; protocol and command folded away."""
    document = result.document
    parts = [
        [f"## Cross-test: {' against '.join(map(escaped, result.names))}"],
        [f"On **{escaped(document['protocol']['data']['name'])}**: {words.heading(document)}."],
        _verdicts(document),
        _flags(document["flags"]),
        ["### Confusion matrices", "", *_confusion(document)],
        ["### Share called real, 95 % interval; FP for generated samples, lower is better for the judge", "",
         *_cross(document)],
        folded("Beside the threshold", _beside(document)),
        [] if document["fidelity"] is None else ["### Fidelity", "", *_fidelity(document["fidelity"])],
        folded("Protocol and command", _protocol(document)),
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """A text that Markdown and GitHub show as it is, on one line."""
    line = " ".join(BIDIRECTIONAL.sub("", words.clean(text)).split())
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
    return [fence, *words.clean(text).splitlines(), fence]


def _verdicts(document: Plain) -> list[str]:
    if not document["pairs"]:
        return ["**One contestant alone has no verdict.**"]
    if len(document["pairs"]) == 1:
        pair = document["pairs"][0]
        lines = [
            f"**{title}: {escaped(words.outcome(pair[rule]))}.**"
            f" {escaped(words.sentence(pair[rule]['reason']))}"
            for rule, title in words.RULES.items()
        ]
        return ["\n\n".join(lines)]
    rows = [
        [f"{escaped(pair['a'])} against {escaped(pair['b'])}",
         *(escaped(words.outcome(pair[rule])) for rule in words.RULES)]
        for pair in document["pairs"]
    ]  # fmt: skip
    reasons = [
        f"- {escaped(pair['a'])} against {escaped(pair['b'])}: {title}: {escaped(pair[rule]['reason'])}"
        for pair in document["pairs"]
        for rule, title in words.RULES.items()
    ]
    shown = table(["pair", *words.RULES.values()], rows, left=3)
    return [*shown, "", *folded("Reasons", reasons)]


def _flags(flags: Sequence[str]) -> list[str]:
    return ["> [!WARNING]", *(f"> - {escaped(flag)}" for flag in flags)] if flags else []


def _confusion(document: Plain) -> list[str]:
    rows: list[list[str]] = []
    for name, entry in document["confusion"].items():
        if entry["rates"] is None:
            reason = escaped(entry.get("rates_reason", "not measured"))
            rows.append([escaped(name), "–", "–", f"– ({reason})"])
            continue
        for label, kind, rates in zip((escaped(name), ""), ("real", "fake"), entry["rates"], strict=True):
            rows.append([label, kind, *(paper_rate(rate) for rate in rates)])
    return table(["model", "predicted", "true: real", "true: fake (its own)"], rows, left=2)


def _cross(document: Plain) -> list[str]:
    found, columns = cells(document), judges(document)
    rows = []
    for name in document["confusion"]:
        rates = [(found[judge, name]["fp"], judge == name) for judge in columns]
        rows.append([escaped(name), *(_share(rate, own=own) for rate, own in rates)])
    for label, controlled in words.controls(document, columns):
        rows.append([f"_{label}_", *(_share(rate, own=True) for rate in controlled)])
    return table(["samples \\ judge", *map(escaped, columns)], rows)


def _share(rate: Plain | None, *, own: bool) -> str:
    if rate is None:
        return words.DASH
    figure = words.rate(rate)
    return f"{f'_{figure}_' if own else f'**{figure}**'} \\{words.interval(rate)[:-1]}\\]"


def _beside(document: Plain) -> list[str]:
    def figure(entry: Plain | None) -> str:
        if entry is None:
            return words.DASH
        return f"{words.number(entry['value'])} \\{words.interval(entry)[:-1]}\\]"

    rows = [
        [escaped(cell["judge"]), escaped(cell["generator"]), figure(cell["auc"]), figure(cell["fp_at_fn5"]),
         words.bound(cell["j"]), words.bound(cell["jsd_bound_nats"])]
        for cell in document["cross"]
    ]  # fmt: skip
    return table(
        ["judge", "samples of", "AUC ↑", "FP at 5 % FN ↓", "TV ≥", "JSD ≥, nats"], rows, left=2
    )  # fmt: skip


def _fidelity(fidelity: Plain) -> list[str]:
    keys = dict.fromkeys(key for figures in fidelity.values() for key in figures)
    rows = []
    for key in (key for key in keys if not key.endswith("_reason")):
        values = [figures.get(key) for figures in fidelity.values()]
        shown = [
            f"{v:,}" if isinstance(v, int) else v if isinstance(v, str) else words.number(v) for v in values
        ]
        rows.append([f"{escaped(key)} {words.direction(key)}".strip(), *map(escaped, shown)])
    return table(["figure", *map(escaped, fidelity)], rows)


def _protocol(document: Plain) -> list[str]:
    protocol = document["protocol"]
    facts = [*protocol["data"].items(), *((key, value) for key, value in protocol.items() if key != "data")]
    lines = [f"- {escaped(key)}: {escaped(words.plain(value))}" for key, value in facts]
    for one in document["contestants"]:
        lines.append(
            f"- {escaped(one['name'])}: file {escaped(words.plain(one['path']))},"
            f" SHA-256 {escaped(words.plain(one['sha256']))}, step {escaped(words.plain(one['step']))}"
        )
    why = [f"- not enough by itself: {escaped(text)}" for text in obstacles(document)]
    return [*lines, "", *fenced(command(document)), *([""] if why else []), *why]
