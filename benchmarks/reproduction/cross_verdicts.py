"""The plain sentence on cross-testing two methods, by a rule from its record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from operator import itemgetter
from statistics import fmean

from gancross.evaluator.tournament.methods import ALPHA
from reproduction import rules
from reproduction.decisions import (
    NO,
    PARTLY,
    YES,
    adjusted_p,
    disagreement,
    doubt,
    is_permutation,
    shortage,
    undecided,
)
from reproduction.histories import LATE
from reproduction.record import Record
from reproduction.tables import NORMS, QUALITY, ROUNDED, by, cross_rates, qualities, share, small, spread
from reproduction.verdicts import LATE_MEASURES, late_disagreement

FOOLED, UNFOOLED = 0.5, 0.05  # FP of discriminators that are fooled and not, as in the paper's tables
SIDES = ("unregularized", "regularized")


def crosstest(record: Record) -> str:
    """Reproduced if the methods differ as the paper says, and as far, and discriminators know reals at all.

    Beyond chance, and in every mode; undecided where a permutation of the runs can decide nothing.
    """
    methods = by(record["runs"], "variant")
    if set(methods) != set(SIDES):
        return f"{undecided('runs of one method only')} There is nothing to compare."
    fooled = {judge: cross_rates(record, judge=judge) for judge in SIDES}
    summary = "; ".join(
        f"{judge} discriminators take {spread(rates)} of the other's samples for real"
        for judge, rates in fooled.items()
    )
    claim = next(iter(record["claims"] or []), None)
    doubtful = shortage(methods) or ("no claim in the record" if claim is None else "")
    if claim is not None and is_permutation(claim):
        doubtful = doubt(methods)
    if doubtful or claim is None:
        claimed, start = None, f"{undecided(doubtful)} {_order(fooled)}:"
    else:
        claimed, start = claim["winner"], _decided(record, fooled, claim)
    blind = f" Blind judges, which take noise for real: {len(record['blind'])} of {len(record['runs'])}."
    key = rules.discriminator_key(record["verdicts"])
    name = rules.rule_name(key)
    refusals = "; ".join(f"{reason} ({count})" for reason, count in record["refusals"].items())
    why = f": {refusals}" if refusals else ""
    counted = rules.counting(record)
    sentences = (
        f"{start} {summary}, over {len(fooled['regularized'])} pairs of runs. The paper's rule names"
        f" discriminators: by FP, {_named(record['verdicts']['paper'])}; by FN, its 'and/or', it would name"
        f" {_named(_by_misses(record))}. {name[0].upper()}{name[1:]} names"
        f" {_named(record['verdicts'][key])}{why}.{f' {counted}' if counted else ''}{blind}",
        _samples(record, claimed=claimed), _sharpness(record),
    )  # fmt: skip
    return " ".join(filter(None, sentences))


def _decided(record: Record, fooled: dict[str, list[float]], claim: Record) -> str:
    """The word where the record's claim decides it, and a clause that says why."""
    runs = " and ".join(map(str, claim["runs"]))
    test = "permutation p" if is_permutation(claim) else "p"
    sense = f"beyond chance ({test} {small(claim['p'])} over {runs} runs)"
    if claim["winner"] is None:
        return f"{NO} The methods' mean cross-testing FPs do not differ {sense}:"
    if claim["winner"] == "unregularized":
        return f"{NO} It is the other way round, {sense}:"
    if turned := _turned(record):
        return f"{PARTLY} The direction is the paper's, {sense}, but not {turned}:"
    if fmean(fooled["unregularized"]) < FOOLED or fmean(fooled["regularized"]) > UNFOOLED:
        return f"{PARTLY} The direction is the paper's, {sense}, the size is not:"
    if fmean([run["fn"] for run in record["runs"]]) >= FOOLED:
        return f"{PARTLY} The methods differ {sense}, but most test samples are taken for generated ones:"
    return f"{YES} The methods' mean cross-testing FPs differ {sense}:"


def _order(fooled: dict[str, list[float]]) -> str:
    """How the rates of all pairs of runs lie, without a test."""
    unregularized, regularized = fooled["unregularized"], fooled["regularized"]
    if max(regularized) < min(unregularized):
        return "In these runs every rate of regularized discriminators is below every unregularized one's"
    if max(unregularized) < min(regularized):
        return "In these runs every rate of unregularized discriminators is below every regularized one's"
    return "In these runs the two methods' rates overlap"


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


def _turned(record: Record) -> str:
    """The modes in which the means are not in the paper's order; rates of groups are not tested."""
    turned = [
        f"with {NORMS[mode['norm']]}, {ROUNDED[mode['quantize']]}"
        for mode in record.get("modes", [])
        if fmean(cross_rates(mode, judge="regularized")) >= fmean(cross_rates(mode, judge="unregularized"))
    ]
    return " or ".join(turned)


def _samples(record: Record, *, claimed: str | None) -> str:
    """What each figure of the samples says of whose are nearer to the data, and where figures disagree.

    Args:
        claimed: the method whose discriminators the record's claim names.
    """
    measures = qualities(record)
    if not measures:
        return ""
    groups = by(record["runs"], "variant")
    sides = {
        measure: {variant: [run["fidelity"][measure] for run in group] for variant, group in groups.items()}
        for measure in measures
    }
    doubtful = doubt(groups)
    ps = adjusted_p([(side["unregularized"], side["regularized"]) for side in sides.values()])
    sentences, favoured, against = [], [], []
    for (measure, side), p in zip(sides.items(), ps, strict=True):
        noun, direction = measure_noun(measure)
        near = nearer(side, direction)
        listed = ", ".join(f"{variant} {spread(values, small)}" for variant, values in side.items())
        tested = "" if p is None else f", permutation p {small(p)}"
        sentences.append(f"{noun} {listed}{tested}")
        favoured.append((f"{noun} is {direction}", near))
        if p is not None and p < ALPHA and claimed not in (None, near):
            against.append(f"the {noun} of its samples is {OPPOSITE[direction]}")
    test = f"no test, {doubtful}" if doubtful else f"p after Holm over {len(measures)}"
    clash = (
        f" **The claim is about discriminators: it names those of the {claimed} GAN, and beyond chance"
        f" {' and '.join(against)} than the other's.**" if against else ""
    )  # fmt: skip
    text = f"*Figures of the samples* ({test}): {'; '.join(sentences)}.{clash} {disagreement(favoured)}"
    return text.strip()


OPPOSITE = {"smaller": "larger", "larger": "smaller"}


def measure_noun(measure: str) -> tuple[str, str]:
    """A figure of fidelity in words, and which way it goes where samples are nearer to the data by it."""
    noun, arrow = QUALITY[measure].rsplit(" ", 1)
    return noun + (" to the test data" if "distance" in noun else ""), "smaller" if arrow == "↓" else "larger"


def nearer(side: Mapping[str, Sequence[float]], direction: str) -> str:
    """Whose mean is nearer to the data by a figure."""
    choose = min if direction == "smaller" else max
    return choose(side, key=lambda variant: fmean(side[variant]))


def _sharpness(record: Record) -> str:
    """What other runs of the same two methods, as long as these, say of sharpness and modes."""
    lengths = {(run["variant"], run["reached"]) for run in record["runs"]}
    others = [run for run in record.get("beside", {}).get("runs", [])
              if (run["variant"], run["reached"]) in lengths]  # fmt: skip
    sides = by(others, "variant")
    if set(sides) != set(SIDES):
        return ""
    listed = "; ".join(
        f"{measure}: " + ", ".join(
            f"{variant} {spread([run['late'][key] for run in group], small if key == 'modes' else share)}"
            for variant, group in sides.items()
        )
        for key, measure in LATE_MEASURES.items()
    )  # fmt: skip
    count = " and ".join(str(len(group)) for group in sides.values())
    text = (
        f"*Runs of the same methods and length in the record of §5.3*, {count}, over the last {LATE:.0%} of"
        f" training, no test: {listed}. {late_disagreement(sides)}"
    )
    return text.strip()
