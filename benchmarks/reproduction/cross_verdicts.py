"""The plain sentence on cross-testing two methods, by a rule from its record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from operator import itemgetter
from statistics import fmean

from gancross.evaluator.tournament.methods import ALPHA, FEWEST_RUNS
from reproduction.permutation import permutation_p
from reproduction.record import Record
from reproduction.tables import DISTANCES, NORMS, QUALITY, ROUNDED, by, cross_rates, qualities, small, spread
from reproduction.verdicts import NO, PARTLY, UNDECIDED, YES

FOOLED, UNFOOLED = 0.5, 0.05  # the protocol's words for a judge that does not transfer, and for one that does


def crosstest(record: Record) -> str:
    """Reproduced if the methods differ as the paper says, and as far, and discriminators know reals at all.

    Beyond chance where there are runs enough for a claim, else so that all rates of one method lie below all
    of the other; and in every mode.
    """
    if set(by(record["runs"], "variant")) != {"unregularized", "regularized"}:
        return f"{UNDECIDED} There are runs of one method only."
    fooled = {judge: cross_rates(record, judge=judge) for judge in ("unregularized", "regularized")}
    summary = "; ".join(
        f"{judge} discriminators take {spread(rates)} of the other's samples for real"
        for judge, rates in fooled.items()
    )
    winner, sense = _difference(record, fooled)
    misses = [run["fn"] for run in record["runs"]]
    if winner is None:
        word = f"{NO} {sense}:"
    elif winner == "unregularized":
        word = f"{NO} It is the other way round, {sense}:"
    elif turned := _turned(record):
        word = f"{PARTLY} The direction is the paper's, {sense}, but not {turned}:"
    elif fmean(fooled["unregularized"]) < FOOLED or fmean(fooled["regularized"]) > UNFOOLED:
        word = f"{PARTLY} The direction is the paper's, {sense}, the size is not:"
    elif fmean(misses) >= FOOLED:
        word = f"{PARTLY} The methods differ {sense}, but most test samples are taken for generated ones:"
    else:
        word = f"{YES} The methods differ {sense}:"
    blind = f" Blind judges, which take noise for real: {len(record['blind'])} of {len(record['runs'])}."
    refusals = "; ".join(f"{reason} ({count})" for reason, count in record["refusals"].items())
    why = f": {refusals}" if refusals else ""
    return (
        f"{word} {summary}, over {len(fooled['regularized'])} pairs of runs. The paper's rule names, by FP,"
        f" {_named(record['verdicts']['paper'])}; by FN, its 'and/or', it would name"
        f" {_named(_by_misses(record))}. *Strict* names {_named(record['verdicts']['strict'])}{why}."
        f"{blind} {_samples(record, winner=winner)}"
    )


def _named(counts: Mapping[str, int]) -> str:
    """How many pairs a rule gives to whom."""
    text = f"unregularized in {counts.get('unregularized', 0)}, regularized in {counts.get('regularized', 0)}"
    return text + (f", nobody in {counts['nobody']}" if counts.get("nobody") else "")


def _by_misses(record: Record) -> Counter[str]:
    """Who has the lower FN in how many pairs of runs, counted as the verdicts are."""
    methods = by(record["runs"], "variant")
    return Counter(
        "nobody"
        if unregularized["fn"] == regularized["fn"]
        else min(unregularized, regularized, key=itemgetter("fn"))["variant"]
        for unregularized, regularized in product(methods["unregularized"], methods["regularized"])
    )


def _difference(record: Record, fooled: dict[str, list[float]]) -> tuple[str | None, str]:
    """Whose discriminators are fooled less, and in which sense; or nobody, and a clause that says so."""
    claim = next(iter(record["claims"] or []), None)
    too_few = min(len(group) for group in by(record["runs"], "variant").values()) < FEWEST_RUNS
    if claim is not None and not too_few:
        runs = " and ".join(map(str, claim["runs"]))
        # Records from before Welch's test have the permutation's p alone.
        test = "Welch's and permutation p" if "welch_p" in claim else "permutation p"
        sense = f"beyond chance ({test} {small(claim['p'])} over {runs} runs)"
        return claim["winner"], sense if claim["winner"] else f"The methods do not differ {sense}"
    sense = f"(fewer than {FEWEST_RUNS} runs a side: no more can be said)"
    unregularized, regularized = fooled["unregularized"], fooled["regularized"]
    if max(regularized) < min(unregularized):
        return "regularized", f"in every rate {sense}"
    if max(unregularized) < min(regularized):
        return "unregularized", f"in every rate {sense}"
    return None, f"The two methods' rates overlap {sense}"


def _turned(record: Record) -> str:
    """The modes in which the means are not in the paper's order."""
    turned = [
        f"with {NORMS[mode['norm']]}, {ROUNDED[mode['quantize']]}"
        for mode in record.get("modes", [])
        if fmean(cross_rates(mode, judge="regularized")) >= fmean(cross_rates(mode, judge="unregularized"))
    ]
    return " or ".join(turned)


def _samples(record: Record, *, winner: str | None) -> str:
    """Whose samples are nearer to the data, whatever discriminators say, and whether the claim agrees."""
    sentences = []
    for measure in qualities(record, DISTANCES):
        sides = {
            variant: [run["fidelity"][measure] for run in group]
            for variant, group in by(record["runs"], "variant").items()
        }
        best = min(sides, key=lambda variant: fmean(sides[variant]))
        listed = ", ".join(f"{variant} {spread(values, small)}" for variant, values in sides.items())
        figures_a, figures_b = sides.values()
        p = permutation_p(figures_a, figures_b)
        agrees = "" if winner is None else (
            "; the claim names the same method" if winner == best else
            "; **the claim names the method whose samples are worse**")  # fmt: skip
        sentences.append(
            f"*The samples themselves:* {QUALITY[measure].removesuffix(' ↓')} {listed}, permutation p"
            f" {small(p)}{agrees if p is not None and p < ALPHA else ''}."
        )
    return " ".join(sentences)
