"""Figures and names as text, the same in every report."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.codec.fields import JsonValue, specs
from gancross.evaluator.estimates import Estimate, Figure, Interval, Measurement, Missing, Proportion
from gancross.evaluator.judging.controls import CONTROLS, Control
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe
from gancross.evaluator.result.types import Result
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.evaluator.tournament.methods import MethodClaim
from gancross.evaluator.verdict.figures import CELL_FIGURES, Cell, CellFigure
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.verdicts import PAIRS, RULES, SAMPLES, Rule, Verdict, about_pairs

LEAST_P = 1e-300
DASH = "–"
REAL = "test data"
BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
# What XML 1.0 can hold; HTML allows no more of the control characters. Lone surrogates have no bytes at all.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def straight(text: str) -> str:
    """A text without characters that turn the words around it round."""
    return BIDIRECTIONAL.sub("", text)


def clean(text: str) -> str:
    """A text without characters that no document can hold."""
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def number(value: float | Measurement | Missing | None, places: int = 4) -> str:
    """`0.4169`; very small and very large ones with an exponent."""
    if value is None or isinstance(value, Missing):
        return DASH
    if isinstance(value, Measurement):
        value = value.value
    if value != 0 and not 10**-places <= abs(value) < 10**9:
        return f"{value:.2e}"
    return f"{value:.{places}f}"


def rate(value: float | None) -> str:
    """`0.25`: FN, FP and their means as the paper prints them, see `paper_rate`."""
    return DASH if value is None else paper_rate(value)


def signed(value: float) -> str:
    """`+0.0812`, a difference of figures."""
    return f"{value:+.4f}"


def signed_figure(value: Estimate) -> str:
    """`-0.0812 [-0.0931, -0.0700]`, a difference with its interval."""
    return f"{signed(value.value)} [{signed(value.low)}, {signed(value.high)}]"


def p_value(p: float) -> str:
    """`3e-05`; what float64 holds no more is `<1e-300`."""
    return f"{p:.2g}" if p >= LEAST_P else f"<{LEAST_P:g}"


def percent(share: float) -> str:
    """`8.8%`."""
    return f"{share:.1%}"


def noise_level(sigma: float) -> str:
    """`0.397`: σ of noise, in units of the input or of standard deviations."""
    return f"{sigma:.3g}"


def output(value: float) -> str:
    """`-1.26494`: what a network gave, as flags print it."""
    return f"{value:g}"


def seen(value: float) -> str:
    """`-0.983`: a value among samples or scores, to say where these lie."""
    return f"{value:.3g}"


def figure(value: Figure) -> str:
    """`0.0312` of a proportion, as the paper prints it; `0.4169` of an estimate."""
    if isinstance(value, Proportion):
        return paper_rate(value.rate)
    return DASH if isinstance(value, Missing) else number(value.value)


def interval(value: Figure) -> str:
    """`[0.0280, 0.0348]`, the 95 % interval."""
    return "" if isinstance(value, Missing) else limits(value.ci95)


def limits(ends: Interval) -> str:
    """`[low, high]`."""
    return f"[{number(ends[0])}, {number(ends[1])}]"


def bound(entry: CellFigure, value: Figure) -> str:
    """What a bound proves: its confidence limit, or that it is of no use."""
    if isinstance(value, Missing):
        return DASH
    proven = entry.proven(value.ci95)
    return number(proven, 3) if proven else "uninformative"


def reach(value: Estimate | Proportion) -> str:
    """`0.0159`: how far the interval reaches on its longer side."""
    centre = value.rate if isinstance(value, Proportion) else value.value
    low, high = value.ci95
    return number(max(centre - low, high - centre))


def columns(*, everywhere: bool = True) -> dict[str, CellFigure]:
    """The cell figures that are columns of tables.

    Args:
        everywhere: only those of the short tables of terminals and pull requests.
    """
    return {
        key: entry for key, entry in CELL_FIGURES.items()
        if not entry.in_matrix and (entry.everywhere or not everywhere)
    }  # fmt: skip


def figure_rows(result: Result, text: Callable[[Figure], str]) -> list[list[str]]:
    """Judge, generator and the figures of `columns()`, for every judge on every generator.

    Args:
        text: shows a figure that is no bound.
    """

    def cell_text(cell: Cell, key: str, entry: CellFigure) -> str:
        return bound(entry, cell.of(key)) if entry.is_bound else text(cell.of(key))

    return [
        [cell.judge, cell.generator, *(cell_text(cell, key, entry) for key, entry in columns().items())]
        for cell in result.cross
    ]


def controls(result: Result) -> Iterator[tuple[Control, list[Proportion | Missing]]]:
    """Each control that was judged, and the rate of every judge."""
    if isinstance(result.controls, Missing):
        return
    for key, control in CONTROLS.items():
        rates = [result.controls.judges[judge].of(key) for judge in result.judges]
        if any(isinstance(rate, Proportion) for rate in rates):
            yield control, rates


def probe_rows() -> list[tuple[str, list[tuple[str, str]]]]:
    """The probes of either network: fields of the record, and their names in words."""
    kinds = {"generator": GeneratorProbe, "discriminator": DiscriminatorProbe}
    return [
        (network, [(spec.name, spec.name.replace("_", " ")) for spec in specs(kind)])
        for network, kind in kinds.items()
    ]


def rules(result: Result) -> dict[str, Rule]:
    """The rules by key; where referees judged, that about generators is the headline."""
    headline = [] if isinstance(result.referees, Missing) else ["generator"]
    whole = {key: RULES[key] for key in dict.fromkeys([*headline, *RULES])}
    if refereed_things(result) == PAIRS:
        whole |= {key: about_pairs(RULES[key]) for key in ("generator", "strict")}
    return whole


def refereed_things(result: Result) -> str:
    """What referees judge: samples, or pairs of a sample and its class."""
    return SAMPLES if isinstance(result.referees, Missing) else result.referees.what


def verdicts(result: Result, pair: Pair) -> list[tuple[Rule, Verdict]]:
    """A pair's verdicts with their rules, the headline first."""
    return [(rule, pair.verdict.of(key)) for key, rule in rules(result).items()]


def outcome(pair: Pair, rule: Rule, verdict: Verdict) -> str:
    """What a verdict says of the one that it names; that it names nobody."""
    if verdict.winner is None:
        return rule.nobody
    return rule.claim.format(winner=verdict.winner, loser=unnamed(pair, verdict.winner))


def unnamed(sides: Pair | MethodClaim, winner: str) -> str:
    """The side that is not named."""
    return sides.b if winner == sides.a else sides.a


def named(verdict: Verdict) -> str:
    """The name alone, where a heading says of what; `nobody`."""
    return verdict.winner or "nobody"


def claim_outcome(claim: MethodClaim) -> str:
    """What is claimed of two methods; that nothing is."""
    if claim.winner is None:
        return "no claim"
    loser = unnamed(claim, claim.winner)
    return (
        f"{claim.winner}'s discriminators call fewer of {loser}'s samples real than {loser}'s of"
        f" {claim.winner}'s"
    )


def unresolved(result: Result) -> str:
    """Which neighbours in the ranking of the generators could stand the other way round."""
    ranked = result.ranking.generators
    pairs = [] if isinstance(ranked, Missing) else [
        f"{entry.name} before {after.name}" for entry, after in pairwise(ranked)
        if after.name in entry.unresolved
    ]  # fmt: skip
    return f"; not resolved: {', '.join(pairs)}" if pairs else ""


def cross_fps(result: Result, judge: str) -> list[tuple[str, Proportion]]:
    """Cross-testing FP of a judge by generator."""
    others = [name for name in result.names if name != judge and (judge, name) in result.cells]
    rates = [(name, result.cells[judge, name].fp) for name in others]
    return [(name, rate) for name, rate in rates if isinstance(rate, Proportion)]


def mean_cross_fp(result: Result, judge: str) -> float | None:
    """The mean of `cross_fps`; None where there are none."""
    return mean([fp.rate for _, fp in cross_fps(result, judge)])


def mean(rates: Sequence[float]) -> float | None:
    """None of none."""
    return math.fsum(rates) / len(rates) if rates else None


def fidelity_keys(result: Result) -> list[str]:
    """The keys of all contestants' figures, in the order of the record."""
    if isinstance(result.fidelity, Missing):
        return []
    return list(dict.fromkeys(key for measured in result.fidelity.values() for key in measured.figures))


def fidelity_rows(result: Result) -> list[tuple[str, list[Measurement | Missing]]]:
    """Each of `fidelity_keys` with the values of all contestants."""
    if isinstance(result.fidelity, Missing):
        return []
    contestants = result.fidelity.values()
    return [(key, [measured.of(key) for measured in contestants]) for key in fidelity_keys(result)]


def sentence(text: str) -> str:
    """A reason with a capital letter, unless it begins with a name."""
    return text[:1].upper() + text[1:]


def plain(value: JsonValue) -> str:
    """A value of the record in one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) or DASH
    if isinstance(value, list) and value and not any(isinstance(inner, dict | list) for inner in value):
        return (" × " if all(isinstance(inner, int) for inner in value) else ", ").join(map(plain, value))
    return DASH if value is None else json.dumps(value, ensure_ascii=False)


def facts(value: object) -> list[tuple[str, str]]:
    """Every field of a part of the result as text, by its name in the record."""
    entries = encode(value)
    return [(key, plain(entry)) for key, entry in entries.items()] if isinstance(entries, dict) else []


def protocol_facts(result: Result) -> list[tuple[str, str]]:
    """The protocol without the data."""
    return [(key, text) for key, text in facts(result.protocol) if key != "data"]


def heading(result: Result) -> str:
    """What was cross-tested, in one line."""
    protocol = result.protocol
    return (
        f"{protocol.data.num_real:,} test samples, {protocol.options.num_samples:,} generated by each model,"
        f" seed {protocol.options.seed}"
    )


def listed(names: Sequence[str]) -> str:
    """`'a', 'b'`."""
    return ", ".join(f"'{name}'" for name in names)
