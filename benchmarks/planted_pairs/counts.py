"""The counts of all records of one setting, with exact limits, and the claims that they must meet.

The limits are those of independent pairs. Pairs of one replicate share reals, and some of them a set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from scipy.stats import binomtest

from planted_pairs.data_sets import CIFAR10, PARTS
from planted_pairs.evidence import Evidence, crosses, evidence, is_clear, twins
from planted_pairs.records import Line

VECTORS = ("mixture", "moons", "correlated-10d")
OUTCOMES = ("right", "wrong", "nobody")
CHECKS = ("null", "power", "budget", "dominance")
LEAST_TRIALS = 150  # none wrong of so many: at most 2 % at 95 % confidence
LEAST_RIGHT, MOST_NAMED, ERRORS, MOST_WITHHELD, LEAST_CROSSING = 0.8, 0.05, 3.0, 0.1, 0.8

Document = dict[str, Any]


def summary(lines: Sequence[Line]) -> Document:
    """All counts by part: of nested pairs by data and rule, of equal and crossing pairs, of checks."""
    found = {(line["data"], line["part"], line["replicate"], line["pair"]): evidence(line) for line in lines}

    def of(line: Line) -> Evidence:
        return found[line["data"], line["part"], line["replicate"], line["pair"]]

    parts = {}
    for part in PARTS:
        own = [line for line in lines if line["part"] == part and line["group"] != "beside"]
        if own:
            parts[part] = _part(own, lines, of)
    return {"parts": parts, "beside": [_beside(line) for line in lines if line["group"] == "beside"]}


def claims(document: Mapping[str, Any], *, shortened: bool) -> list[Document]:
    """What must be true of each part; of a tenth of the steps only that no wrong name is given."""
    found: list[Document] = []
    for part, counts in document["parts"].items():
        claimed = _wrong_claims(counts) if shortened else _wrong_claims(counts) + _other_claims(counts)
        found += [{"part": part, **claim} for claim in claimed]
    return found


def share(count: int, n: int) -> Document:
    """Count, trials, rate with two-sided exact limits, and the one-sided upper limit, at 95 %.

    Source: Clopper and Pearson 1934.
    """
    if n == 0:
        return {"count": 0, "n": 0, "rate": None, "ci95": None, "upper95": None}
    both, below = binomtest(count, n), binomtest(count, n, alternative="less")
    interval = both.proportion_ci(0.95, method="exact")
    return {
        "count": count, "n": n, "rate": count / n, "ci95": [float(interval.low), float(interval.high)],
        "upper95": float(below.proportion_ci(0.95, method="exact").high),
    }  # fmt: skip


def _part(own: Sequence[Line], lines: Sequence[Line], of: Callable[[Line], Evidence]) -> Document:
    nested, equal, crossing = (
        [line for line in own if line["group"] == group] for group in ("nested", "equal", "crossing")
    )
    clear = [line for line in nested if is_clear(of(line), [of(twin) for twin in twins(line, lines)])]
    truly = [line for line in crossing if crosses(of(line), [of(twin) for twin in twins(line, lines)])]
    return {
        "nested": _each(nested, _by_rule),
        "by_kind": _by_kind(nested),
        "clear": _each(clear, _named_rightly),
        "equal": _each(equal, _named),
        "crossing": _each(crossing, lambda found: _crossing(found, truly)),
        "checks": _each(nested, lambda found: _withheld(found, of)),
        "seconds": round(sum(line["seconds"] for line in own)),
    }


def _each(lines: Sequence[Line], counted: Callable[[list[Line]], Document]) -> Document:
    return {data: counted(of_data) for data, of_data in _by_data(lines).items()}


def _by_data(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """By data set, and of all vectors, of vectors and digits, and of all together."""
    names = list(dict.fromkeys(line["data"] for line in lines))
    sums = {"vectors": VECTORS, "vectors and digits": (*VECTORS, "digits"), "all": tuple(names)}
    return {
        title: chosen for title, members in chain({name: (name,) for name in names}.items(), sums.items())
        if (chosen := [line for line in lines if line["data"] in members])
    }  # fmt: skip


def _outcome(line: Line, rule: str) -> str:
    winner = line["named"][rule]
    return "nobody" if winner is None else "right" if winner == line["nearer"] else "wrong"


def _named_rightly(lines: Sequence[Line]) -> Document:
    return share(sum(_outcome(line, "generator") == "right" for line in lines), len(lines))


def _by_rule(lines: Sequence[Line]) -> Document:
    """By rule, of the pairs that it judged, how many it named right, wrong and not at all."""
    tables = {}
    for rule in dict.fromkeys(chain.from_iterable(line["named"] for line in lines)):
        outcomes = Counter(_outcome(line, rule) for line in lines if rule in line["named"])
        tables[rule] = {name: share(outcomes[name], outcomes.total()) for name in OUTCOMES}
    return tables


def _by_kind(lines: Sequence[Line]) -> Document:
    """Of `generator`, outcomes by kind of fault."""
    return {
        kind: dict(Counter(_outcome(line, "generator") for line in lines if line["kind"] == kind))
        for kind in dict.fromkeys(line["kind"] for line in lines)
    }


def _named(lines: Sequence[Line]) -> Document:
    """By rule, how many equal pairs it named anybody in."""
    rules = dict.fromkeys(chain.from_iterable(line["named"] for line in lines))
    return {
        rule: share(
            sum(line["named"].get(rule) is not None for line in lines),
            sum(rule in line["named"] for line in lines),
        )
        for rule in rules
    }  # fmt: skip


def _crossing(lines: Sequence[Line], truly: Sequence[Line]) -> Document:
    """Of the pairs that truly cross, how many were reported as such, and in how many somebody was named."""
    both = [line for line in lines if line in truly]
    reported, named = (
        share(sum(line["answer"] == answer for line in both), len(both)) for answer in ("crossing", "named")
    )
    return {"planted": len(lines), "reported": reported, "named": named}


def _withheld(lines: Sequence[Line], of: Callable[[Line], Evidence]) -> Document:
    """Of the pairs that would be named rightly without checks, those withheld, by each check that fails."""
    favoured = [line for line in lines if of(line).mean < 0]
    right = [line for line in favoured if line["answer"] in ("named", "withheld")]
    withheld = [line for line in right if line["answer"] == "withheld"]
    failing = {check: sum(_fails(line, check) for line in withheld) for check in CHECKS}
    budget = sum(line["answer"] == "too close for this budget" for line in favoured)
    wrong = sum(line["answer"] == "withheld" for line in lines) - len(withheld)
    return {
        "withheld": share(len(withheld), len(right)), "by_check": failing,
        "wrong_names_withheld": wrong, "too_close_for_this_budget": budget,
    }  # fmt: skip


def _fails(line: Line, check: str) -> bool:
    if check == "dominance":
        return any(each["fails"] for each in line["checks"]["dominance"])
    return bool(line["checks"][check])


def _beside(line: Line) -> Document:
    return {
        key: line[key] for key in ("data", "pair", "contestants", "named", "answer", "detectability")
    }  # fmt: skip


def _wrong_claims(counts: Mapping[str, Any]) -> list[Document]:
    found = []
    for data, fewest in (("vectors and digits", LEAST_TRIALS), (CIFAR10, 1)):
        if data in counts["nested"]:
            wrong = counts["nested"][data]["generator"]["wrong"]
            found.append({
                "claim": f"generator names wrongly in no pair of at least {fewest}, {data}",
                "found": wrong, "met": wrong["count"] == 0 and wrong["n"] >= fewest,
            })  # fmt: skip
    return found


def _other_claims(counts: Mapping[str, Any]) -> list[Document]:
    found = []
    if "all" in counts["clear"]:
        right = counts["clear"]["all"]
        found.append({
            "claim": f"generator names at least {LEAST_RIGHT:.0%} of the clear pairs rightly",
            "found": right, "met": right["rate"] >= LEAST_RIGHT,
        })  # fmt: skip
    if "all" in counts["equal"]:
        named = counts["equal"]["all"]["generator"]
        room = MOST_NAMED + ERRORS * (MOST_NAMED * (1 - MOST_NAMED) / named["n"]) ** 0.5
        found.append({
            "claim": f"generator names equals in at most {MOST_NAMED:.0%} and {ERRORS:g} standard errors",
            "found": named, "met": named["rate"] <= room,
        })  # fmt: skip
    if "all" in counts["crossing"]:
        reported, named = (counts["crossing"]["all"][key] for key in ("reported", "named"))
        found.append({
            "claim": f"pairs that cross: none is named, at least {LEAST_CROSSING:.0%} are reported as such",
            "found": reported,
            "met": named["count"] == 0 and reported["n"] > 0 and reported["rate"] >= LEAST_CROSSING,
        })  # fmt: skip
    if "all" in counts["checks"]:
        withheld = counts["checks"]["all"]["withheld"]
        found.append({
            "claim": f"checks withhold at most {MOST_WITHHELD:.0%} of the names that are right without them",
            "found": withheld, "met": withheld["n"] > 0 and withheld["rate"] <= MOST_WITHHELD,
        })  # fmt: skip
    return found
