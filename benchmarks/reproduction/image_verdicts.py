"""The plain sentences of the sections on images, by rules from their records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from gancross.evaluator.estimates import Proportion
from gancross.evaluator.statistics.proportions import fisher_p
from gancross.evaluator.tournament.methods import ALPHA
from reproduction.cross_verdicts import measure_noun, nearer
from reproduction.decisions import (
    NO,
    PARTLY,
    YES,
    Pair,
    disagreement,
    doubt,
    methods_shortage,
    smaller,
    smaller_beyond_chance,
    undecided,
    word,
)
from reproduction.record import Record
from reproduction.squared_j import squared_js
from reproduction.tables import DISTANCES, by, qualities, small

PAPERS_RATE = 2e-4
MEASURES = ("coarse", "texture")
ALIVE, NEVER, DIED, DIVERGED = "alive", "never alive", "died", "diverged"


def kind(run: Record) -> str:
    """Which side of the comparison a run is on: regularized, noise, or its own label."""
    label = run["label"]
    if label.startswith("γ"):
        return "regularized"
    return "noise" if "noise" in label else str(label)


def noise(record: Record) -> str:
    """Reproduced if by every measure every level of γ beats no regularizer and every noise, beyond chance."""
    methods = by(record["runs"], "label")
    sides: dict[str, list[str]] = {}
    for text, group in methods.items():
        sides.setdefault(kind(group[0]), []).append(text)
    if not {"unregularized", "regularized", "noise"} <= set(sides):
        return f"{undecided('runs of one side only')} There are runs of {', '.join(sides)}."
    sentences: list[str] = []
    comparisons: list[Pair] = []
    favoured: dict[str, list[tuple[str, str]]] = {}
    for measure in qualities(record, DISTANCES):
        name, _ = measure_noun(measure)
        figures = {text: [run["fidelity"][measure] for run in group] for text, group in methods.items()}
        pairs = {
            opponent: [
                (figures[level], figures[text]) for level in sides["regularized"] for text in sides[opponent]
            ]
            for opponent in ("unregularized", "noise")
        }
        comparisons += pairs["unregularized"] + pairs["noise"]
        smallest = (min((fmean(figures[text]), text) for text in texts) for texts in sides.values())
        sentences.append(
            f"Mean {name}: smaller than the unregularized GAN's at {smaller(pairs['unregularized'])} of"
            f" {len(pairs['unregularized'])} levels of γ; smaller than that of explicit noise in"
            f" {smaller(pairs['noise'])} of {len(pairs['noise'])} pairs of a level and a noise. The smallest"
            f" of each side: {'; '.join(f'{text} {small(value)}' for value, text in smallest)}."
        )
        for level in sides["regularized"]:
            side = {text: figures[text] for text in (level, *sides["unregularized"])}
            favoured.setdefault(level, []).append((f"{name} is smaller", nearer(side, "smaller")))
    sentences += filter(None, map(disagreement, favoured.values()))
    return f"{_tested(record, comparisons)} {' '.join([*sentences, _leaders(record)])} {DISTANCES_ONLY}"


DISTANCES_ONLY = "Of the look of images the record has distances alone, which compare means and covariances."


def _tested(record: Record, comparisons: Sequence[Pair]) -> str:
    """The word for comparisons whose first side should have the smaller mean, and what it rests on."""
    doubtful = doubt(by(record["runs"], "variant"))
    if doubtful:
        return f"{undecided(doubtful)} Orders of means, not tests."
    count, n = smaller_beyond_chance(comparisons), len(comparisons)
    return f"{word(count, n)} Smaller beyond chance in {count} of {n} comparisons (permutation, Holm)."


def _leaders(record: Record) -> str:
    """Whose samples other judges told from test data least surely, by the measure of the ranking."""
    values = squared_js(record)
    means = {
        text: fmean(present)
        for text, group in by(record["runs"], "label").items()
        if (present := [value for run in group if (value := values[run["name"]]) is not None])
    }
    if len(means) < 2:
        return "No judge but their own decides about the samples of two methods and is not blind."
    order = sorted(means, key=lambda text: means[text])
    judges = sum(not run["blind"] and run["fn"] is not None for run in record["runs"])
    return (
        f"Mean of Ĵ² − SE² before other judges that decide and are not blind ({judges} in all): smallest"
        f" for samples of {order[0]}, largest for {order[-1]}; an order of means."
    )


def architectures(record: Record) -> str:
    """Reproduced if every regularized run lives to the end and fewer unregularized ones do, beyond chance.

    Partly if more of the regularized ones live, beyond chance (Fisher); undecided for few runs of a network.
    """
    fates: dict[str, list[str]] = {}
    for run in record["runs"]:
        fates.setdefault(kind(run), []).append(fate(run, record["protocol"]))
    for run in record.get("lost", []):
        fates.setdefault(kind(run), []).append(DIVERGED)
    listed = "; ".join(
        f"{side} {group.count(ALIVE)} of {len(group)}"
        + "".join(f", {group.count(word)} {word}" for word in (NEVER, DIED, DIVERGED) if word in group)
        for side, group in fates.items()
    )
    if not {"unregularized", "regularized"} <= set(fates):
        return f"{undecided('runs of one side only')} Alive at the end: {listed}."
    clashes = "".join(f" {text}" for text in _disagreements(record))
    if short := methods_shortage(record):
        return f"{undecided(short)} Alive at the end: {listed}.{clashes}"
    regularized, unregularized = (
        Proportion(count=fates[side].count(ALIVE), n=len(fates[side]))
        for side in ("regularized", "unregularized")
    )
    p = fisher_p(regularized, unregularized)
    more = regularized.rate > unregularized.rate and p < ALPHA
    verdict = NO if not more else YES if regularized.rate == 1 else PARTLY
    return f"{verdict} Alive at the end: {listed}; Fisher p {small(p)}.{clashes}"


def _disagreements(record: Record) -> list[str]:
    """Networks whose distances at the last step are smaller on different sides."""
    sentences = []
    for network, runs in by(record["runs"], "facet").items():
        sides: dict[str, list[Record]] = {}
        for run in runs:
            sides.setdefault(kind(run), []).append(run)
        pair = {side: sides[side] for side in ("unregularized", "regularized") if side in sides}
        favoured = [
            (f"{measure} distance is smaller",
             nearer({side: _last(group, measure) for side, group in pair.items()}, "smaller"))
            for measure in MEASURES
        ]  # fmt: skip
        if text := disagreement(favoured):
            sentences.append(f"{network}: {text}")
    return sentences


def fate(run: Record, protocol: Record) -> str:
    """Alive at its last saved step, or why not: nearer to the data than their mean image, and spread out."""
    if run.get("diverged"):
        return DIVERGED
    lives = [
        coarse < protocol["alive_below"] and spread >= protocol["alive_spread"]
        for coarse, spread in zip(run["trace"]["coarse"], run["trace"]["spread"], strict=True)
    ]
    return ALIVE if lives[-1] else DIED if any(lives) else NEVER


def levels(record: Record) -> str:
    """Fig. 3: every γ₀ nearer than none at the paper's rate. §7.4: that rate nearest for every level."""
    methods = {
        (text, rate): group
        for text, runs in by(record["runs"], "label").items()
        for rate, group in _by_rate(runs).items()
    }
    reference = methods.get(("unregularized", PAPERS_RATE))
    regularized = [place for place in methods if place[1] == PAPERS_RATE and place[0] != "unregularized"]
    if reference is None or not regularized:
        return f"{undecided('one side only')} At learning rate {PAPERS_RATE:g} there is nothing to compare."
    quality: list[Pair] = []
    nearer_levels, at_rates = [], {}
    rate_pairs: list[Pair] = []
    for measure in MEASURES:
        pairs: list[Pair] = [
            (_last(methods[place], measure), _last(reference, measure)) for place in regularized
        ]
        quality += pairs
        nearer_levels.append(f"{measure} distance at {smaller(pairs)} of {len(pairs)}")
        at_rates[measure], pairs = _rates(methods, measure)
        rate_pairs += pairs
    listed = "; ".join(f"{measure} distance: {smallest}" for measure, smallest in at_rates.items())
    clash = " **Measures disagree** about the rate." if len(set(at_rates.values())) > 1 else ""
    return (
        f"*Quality:* {_tested(record, quality)} At learning rate {PAPERS_RATE:g} levels of γ₀ have at the"
        " last step a smaller distance to the test data than the unregularized GAN:"
        f" {', '.join(nearer_levels)}."
        f" *Learning rate:* {_tested(record, rate_pairs)} The rate of the smallest, by method:"
        f" {listed}.{clash} {DISTANCES_ONLY}"
    )


def _by_rate(runs: Sequence[Record]) -> dict[float, list[Record]]:
    rates: dict[float, list[Record]] = {}
    for run in runs:
        rates.setdefault(run["learning_rate"], []).append(run)
    return rates


def _last(runs: Sequence[Record], measure: str) -> list[float]:
    return [run["trace"][measure][-1] for run in runs]


def _rates(methods: Mapping[tuple[str, float], Sequence[Record]], measure: str) -> tuple[str, list[Pair]]:
    """For how many methods each rate has the smallest mean, and the paper's rate against every other."""
    best: Counter[float] = Counter()
    pairs: list[Pair] = []
    for text in dict.fromkeys(text for text, _ in methods):
        figures = {rate: _last(group, measure) for (label, rate), group in methods.items() if label == text}
        best[min(figures, key=lambda rate: fmean(figures[rate]))] += 1
        if PAPERS_RATE in figures:
            pairs += [(figures[PAPERS_RATE], other) for rate, other in figures.items() if rate != PAPERS_RATE]
    return ", ".join(f"{rate:g} for {best[rate]} of {best.total()}" for rate in sorted(best)), pairs
