"""The plain sentence on cross-testing two methods, by a rule from its record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from operator import itemgetter
from statistics import fmean
from typing import Any

from gancross.evaluator.tournament.methods import ALPHA, FEWEST_RUNS
from reproduction.permutation import permutation_p
from reproduction.tables import DISTANCES, NORMS, QUALITY, ROUNDED, by, cross_rates, qualities, small, spread
from reproduction.verdicts import NO, PARTLY, UNDECIDED, YES

Plain = dict[str, Any]
FOOLED, UNFOOLED = 0.5, 0.05  # the protocol's words for a judge that does not transfer, and for one that does


def crosstest(record: Plain) -> str:
    """Reproduced if the methods differ as the paper says, and as far, and discriminators know reals at all.

    Beyond chance where there are runs enough for a claim, else so that all rates of one method lie below all
    of the other; and in every mode.
    """
    if set(by(record["runs"], "variant")) != {"unregularized", "regularized"}:
        return f"{UNDECIDED} There are runs of one method only."
    fooled = {judge: cross_rates(record, judge=judge) for judge in ("unregularized", "regularized")}
    said = "; ".join(
        f"{judge} discriminators take {spread(rates)} of the other's samples for real"
        for judge, rates in fooled.items()
    )
    winner, how = _difference(record, fooled)
    misses = [one["fn"] for one in record["runs"]]
    if winner is None:
        word = f"{NO} {how}:"
    elif winner == "unregularized":
        word = f"{NO} It is the other way round, {how}:"
    elif turned := _turned(record):
        word = f"{PARTLY} The direction is the paper's, {how}, but not {turned}:"
    elif fmean(fooled["unregularized"]) < FOOLED or fmean(fooled["regularized"]) > UNFOOLED:
        word = f"{PARTLY} The direction is the paper's, {how}, the size is not:"
    elif fmean(misses) >= FOOLED:
        word = f"{PARTLY} The methods differ {how}, but most test samples are taken for generated ones:"
    else:
        word = f"{YES} The methods differ {how}:"
    blind = f" Blind judges, which take noise for real: {len(record['blind'])} of {len(record['runs'])}."
    refusals = "; ".join(f"{reason} ({count})" for reason, count in record["refusals"].items())
    why = f": {refusals}" if refusals else ""
    return (
        f"{word} {said}, over {len(fooled['regularized'])} pairs of runs. The paper's rule names, by FP,"
        f" {_named(record['verdicts']['paper'])}; by FN, its 'and/or', it would name"
        f" {_named(_by_misses(record))}. *Strict* names {_named(record['verdicts']['strict'])}{why}."
        f"{blind} {_samples(record, winner=winner)}"
    )


def _named(found: Mapping[str, int]) -> str:
    """How many pairs a rule gives to whom."""
    said = f"unregularized in {found.get('unregularized', 0)}, regularized in {found.get('regularized', 0)}"
    return said + (f", nobody in {found['nobody']}" if found.get("nobody") else "")


def _by_misses(record: Plain) -> Counter[str]:
    """Who has the lower FN in how many pairs of runs, counted as the verdicts are."""
    methods = by(record["runs"], "variant")
    return Counter(
        "nobody" if one["fn"] == other["fn"] else min(one, other, key=itemgetter("fn"))["variant"]
        for one, other in product(methods["unregularized"], methods["regularized"])
    )


def _difference(record: Plain, fooled: dict[str, list[float]]) -> tuple[str | None, str]:
    """Whose discriminators are fooled less, and in which sense; or nobody, and a clause that says so."""
    claim = next(iter(record["claims"] or []), None)
    few = min(len(some) for some in by(record["runs"], "variant").values()) < FEWEST_RUNS
    if claim is not None and not few:
        runs = " and ".join(map(str, claim["runs"]))
        how = f"beyond chance (permutation p {small(claim['p'])} over {runs} runs)"
        return claim["winner"], how if claim["winner"] else f"The methods do not differ {how}"
    how = f"(fewer than {FEWEST_RUNS} runs a side: no more can be said)"
    free, held = fooled["unregularized"], fooled["regularized"]
    if max(held) < min(free):
        return "regularized", f"in every rate {how}"
    if max(free) < min(held):
        return "unregularized", f"in every rate {how}"
    return None, f"The two methods' rates overlap {how}"


def _turned(record: Plain) -> str:
    """The modes in which the means are not in the paper's order."""
    turned = [
        f"with {NORMS[mode['norm']]}, {ROUNDED[mode['quantize']]}"
        for mode in record.get("modes", [])
        if fmean(cross_rates(mode, judge="regularized")) >= fmean(cross_rates(mode, judge="unregularized"))
    ]
    return " or ".join(turned)


def _samples(record: Plain, *, winner: str | None) -> str:
    """Whose samples are nearer to the data, whatever discriminators say, and whether the claim agrees."""
    said = []
    for measure in qualities(record, DISTANCES):
        sides = {
            variant: [one["fidelity"][measure] for one in some]
            for variant, some in by(record["runs"], "variant").items()
        }
        best = min(sides, key=lambda variant: fmean(sides[variant]))
        listed = ", ".join(f"{variant} {spread(values, small)}" for variant, values in sides.items())
        first, second = sides.values()
        p = permutation_p(first, second)
        agrees = "" if winner is None else (
            "; the claim names the same method" if winner == best else
            "; **the claim names the method whose samples are worse**")  # fmt: skip
        said.append(
            f"*The samples themselves:* {QUALITY[measure].removesuffix(' ↓')} {listed}, permutation p"
            f" {small(p)}{agrees if p is not None and p < ALPHA else ''}."
        )
    return " ".join(said)
