"""The words of a verdict, and what they take: runs enough, sides alike, measures that agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import groupby
from statistics import fmean

from gancross.evaluator.statistics.proportions import holm
from gancross.evaluator.tournament.methods import ALPHA, FEWEST_RUNS
from reproduction.permutation import permutation_p
from reproduction.record import Record
from reproduction.tables import by

YES, PARTLY, NO = "**Reproduced.**", "**Partly reproduced.**", "**Not reproduced.**"
UNDECIDED = "**Undecided"

Pair = tuple[Sequence[float], Sequence[float]]


def undecided(reason: str) -> str:
    """`**Undecided: one run each.**`"""
    return f"{UNDECIDED}: {reason}.**"


def word(count: int, n: int) -> str:
    """Reproduced if all of n comparisons come out as the paper says, partly if some do."""
    return YES if n and count == n else PARTLY if count else NO


def shortage(groups: Mapping[str, Sized]) -> str:
    """`one run each`, if a group has too few runs for any claim at 5 %; empty where all have enough."""
    sizes = sorted(map(len, groups.values()))
    if not sizes or sizes[0] >= FEWEST_RUNS:
        return ""
    if sizes[0] == sizes[-1]:
        return "one run each" if sizes[0] == 1 else f"{sizes[0]} runs each"
    return f"{sizes[0]} to {sizes[-1]} runs each"


def inequality(groups: Mapping[str, Sized]) -> str:
    """Says that a permutation of means is not reliable for sides of different size; empty for equal ones.

    Where also their variances differ its size is not the nominal one: exact only for exchangeable runs.
    """
    sizes = [len(group) for group in groups.values()]
    if len(set(sizes)) < 2:
        return ""
    return f"the permutation's p is not reliable for {' against '.join(map(str, sizes))} runs"


def doubt(groups: Mapping[str, Sized]) -> str:
    """Why a permutation test over these runs decides nothing; empty where it may."""
    return shortage(groups) or inequality(groups)


def is_permutation(claim: Record) -> bool:
    """Whether a record's claim is a permutation of means alone, which `inequality` speaks of."""
    return "exact" in claim and "welch_p" not in claim


def methods_shortage(record: Record) -> str:
    """`shortage` of a record's methods."""
    return shortage(by(record["runs"], "variant"))


def adjusted_p(pairs: Sequence[Pair]) -> list[float | None]:
    """Two-sided permutation p of each pair of sides after Holm over all; None where `doubt` has a reason."""
    doubtful = [bool(doubt({"first": first, "second": second})) for first, second in pairs]
    raw = [
        1.0 if no_test else permutation_p(*pair) or 1.0 for pair, no_test in zip(pairs, doubtful, strict=True)
    ]
    return [
        None if no_test else p for p, no_test in zip(holm(raw), doubtful, strict=True)
    ]  # fmt: skip


def smaller(pairs: Sequence[Pair]) -> int:
    """How many first sides have the smaller mean."""
    return sum(fmean(first) < fmean(second) for first, second in pairs)


def smaller_beyond_chance(pairs: Sequence[Pair]) -> int:
    """How many first sides have the smaller mean, permutation p after Holm over all pairs below 5 %."""
    return sum(
        p is not None and p < ALPHA and fmean(first) < fmean(second)
        for p, (first, second) in zip(adjusted_p(pairs), pairs, strict=True)
    )


def disagreement(favoured: Iterable[tuple[str, str]]) -> str:
    """Says which measure is for which side, if they are not all for one; else empty.

    Args:
        favoured: a measure with its direction, `recall is larger`, and the side that has it so.
    """
    ordered = sorted(favoured, key=lambda entry: entry[1])
    groups = {side: [measure for measure, _ in entries] for side, entries in groupby(ordered, lambda e: e[1])}
    if len(groups) < 2:
        return ""
    listed = "; ".join(f"{' and '.join(measures)} for {side}" for side, measures in groups.items())
    return f"**Measures disagree:** by their means {listed}."
