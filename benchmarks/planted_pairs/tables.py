"""The counts as Markdown, for docs/explanation/planted-pairs.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planted_pairs.data_sets import PARTS

TITLES = {"choosing": "Pairs that served to choose", "reporting": "Pairs that report"}


def tables(document: Mapping[str, Any], *, parts: Sequence[str] = PARTS) -> str:
    """The tables of a result's parts, and the claims about them."""
    lines: list[str] = []
    for part in parts:
        if part in document["parts"]:
            lines += [f"**{TITLES[part]}**", "", *_part(document["parts"][part])]
    if document["beside"]:
        lines += ["**Beside them, not counted**", "", *_beside(document), ""]
    for claim in (claim for claim in document["claims"] if claim["part"] in parts):
        met = "met" if claim["met"] else "MISSED"
        lines.append(f"- {met} ({claim['part']}): {claim['claim']}: {_share(claim['found'])}")
    return "\n".join(lines)


def _part(counts: Mapping[str, Any]) -> Iterator[str]:
    if counts["nested"]:
        yield from _nested(counts)
    if counts["crossing"]:
        yield from (
            "| pairs that may cross, of | planted | crossing | reported as such | named |",
            "|---|---|---|---|---|",
        )
        for data, found in counts["crossing"].items():
            reported, named = found["reported"], found["named"]
            cells = (data, found["planted"], reported["n"], reported["count"], named["count"])
            yield "| " + " | ".join(map(str, cells)) + " |"
        yield ""


def _nested(counts: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        "| nested pairs of | rule | pairs | right | wrong [95 %] | nobody |",
        "|---|---|---|---|---|---|",
    )
    for data, rules in counts["nested"].items():
        for rule, outcomes in rules.items():
            right, wrong, nobody = (outcomes[name] for name in ("right", "wrong", "nobody"))
            cells = (data, rule, right["n"], right["count"], _limits(wrong), nobody["count"])
            yield "| " + " | ".join(map(str, cells)) + " |"
    yield from ("", "| kind, `generator` | right | wrong | nobody |", "|---|---|---|---|")
    for kind, found in counts["by_kind"].items():
        yield f"| {kind} | {found.get('right', 0)} | {found.get('wrong', 0)} | {found.get('nobody', 0)} |"
    yield ""
    yield (
        "| data | equal pairs named | clear pairs named rightly | right names withheld (by check)"
        " | right, but too close for this budget |"
    )
    yield "|---|---|---|---|---|"
    for data in counts["nested"]:
        equal, clear = counts["equal"].get(data), counts["clear"].get(data)
        checks = counts["checks"][data]
        failing = ", ".join(f"{check} {count}" for check, count in checks["by_check"].items() if count)
        yield " | ".join([
            f"| {data}",
            "–" if equal is None else _of(equal["generator"]),
            "–" if clear is None else _of(clear),
            _of(checks["withheld"]) + (f" ({failing})" if failing else ""),
            f"{checks['too_close_for_this_budget']} |",
        ])  # fmt: skip
    yield ""


def _beside(document: Mapping[str, Any]) -> Iterator[str]:
    rules = list(dict.fromkeys(rule for line in document["beside"] for rule in line["named"]))
    yield "| data | a | b | D of a, of b | answer | " + " | ".join(rules) + " |"
    yield "|" + "---|" * (5 + len(rules))
    for line in document["beside"]:
        detectability = ", ".join(f"{line['detectability'][name][0]:.3f}" for name in "ab")
        named = " | ".join(line["named"].get(rule, "–") or "nobody" for rule in rules)
        contestants = " | ".join(line["contestants"][name] for name in "ab")
        yield f"| {line['data']} | {contestants} | {detectability} | {line['answer']} | {named} |"


def _limits(found: Mapping[str, Any]) -> str:
    low, high = found["ci95"]
    return f"{found['count']} [{low:.1%}, {high:.1%}]"


def _of(found: Mapping[str, Any]) -> str:
    return f"{found['count']} of {found['n']}"


def _share(found: Mapping[str, Any]) -> str:
    if found["n"] == 0:
        return "no pair"
    low, high = found["ci95"]
    return (
        f"{found['count']} of {found['n']} [{low:.1%}, {high:.1%}], one-sided at most {found['upper95']:.1%}"
    )
