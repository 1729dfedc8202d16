"""The plain sentences of the sections on images, by rules from their records alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from reproduction.record import Record
from reproduction.tables import DISTANCES, QUALITY, by, qualities, small
from reproduction.verdicts import NO, PARTLY, UNDECIDED, YES

PAPERS_RATE = 2e-4
ALIVE, NEVER, DIED, DIVERGED = "alive", "never alive", "died", "diverged"


def kind(run: Record) -> str:
    """Which side of the comparison a run is on: regularized, noise, or its own label."""
    label = run["label"]
    if label.startswith("γ"):
        return "regularized"
    return "noise" if "noise" in label else str(label)


def noise(record: Record) -> str:
    """Reproduced if by every measure all levels of γ beat none, and the best beats the best noise."""
    methods = by(record["runs"], "label")
    sides: dict[str, list[str]] = {}
    for text, group in methods.items():
        sides.setdefault(kind(group[0]), []).append(text)
    if not {"unregularized", "regularized", "noise"} <= set(sides):
        return f"{UNDECIDED} There are runs of {', '.join(sides)} only."
    sentences, words = [], []
    for measure in qualities(record, DISTANCES):
        means = {text: fmean([run["fidelity"][measure] for run in group]) for text, group in methods.items()}
        best = {side: min((means[text], text) for text in texts) for side, texts in sides.items()}
        unregularized, regularized, noisy = (
            best[side][0] for side in ("unregularized", "regularized", "noise")
        )
        levels = sides["regularized"]
        better = sum(means[text] < unregularized for text in levels)
        words.append(
            YES
            if better == len(levels) and regularized < noisy
            else PARTLY
            if regularized < unregularized
            else NO
        )
        listed = "; ".join(f"{text} {small(value)}" for value, text in best.values())
        measure_name = QUALITY[measure].removesuffix(" ↓")
        sentences.append(
            f"{measure_name} (lower is better): {better} of {len(levels)} levels of γ beat the"
            f" unregularized GAN; the best of each side: {listed}."
        )
    return f"{_together(words)} {' '.join(sentences)} {_leaders(record)} {_untested(record)}"


def _untested(record: Record) -> str:
    """How much such an order of means is worth."""
    largest = max(len(group) for group in by(record["runs"], "variant").values())
    runs = "one run" if largest == 1 else f"{largest} runs"
    return f"An order of means over {runs} of each, not a test."


def _leaders(record: Record) -> str:
    """Whom the cross-test itself puts first."""
    strengths = {
        text: fmean([run["strength"] for run in group if run["strength"] is not None])
        for text, group in by(record["runs"], "label").items()
        if any(run["strength"] is not None for run in group)
    }
    if not strengths:
        return f"The cross-test ranks no generator: {record['unranked']['bradley_terry']}."
    order = sorted(strengths, key=lambda text: -strengths[text])
    return f"The cross-test ranks {order[0]} first and {order[-1]} last by how its samples fool other judges."


def architectures(record: Record) -> str:
    """Reproduced if every regularized run lives to the end and some unregularized run does not."""
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
        return f"{UNDECIDED} Alive at the end: {listed}."
    regularized, unregularized = (
        fates[side].count(ALIVE) / len(fates[side]) for side in ("regularized", "unregularized")
    )
    word = YES if regularized == 1 > unregularized else PARTLY if regularized > unregularized else NO
    return f"{word} Alive at the end: {listed}."


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
    """Fig. 3: every γ₀ better than none at the paper's rate. §7.4: that rate the best for every level."""
    paper = [run for run in record["runs"] if run["learning_rate"] == PAPERS_RATE]
    figures = {run["label"]: [run["trace"][key][-1] for key in ("coarse", "texture")] for run in paper}
    unregularized = figures.pop("unregularized", None)
    if unregularized is None or not figures:
        return f"{UNDECIDED} At learning rate {PAPERS_RATE:g} there is nothing to compare."
    beaten = [
        sum(value < reference for value, reference in zip(values, unregularized, strict=True))
        for values in figures.values()
    ]
    nearer = beaten.count(2)
    word = YES if nearer == len(beaten) else PARTLY if nearer else NO
    best = []
    for group in by(record["runs"], "label").values():
        rates = {run["learning_rate"]: run["trace"]["coarse"][-1] for run in group}
        best.append(min(rates, key=lambda rate: rates[rate]))
    num_best = best.count(PAPERS_RATE)
    rate_word = YES if num_best == len(best) else PARTLY if 2 * num_best > len(best) else NO
    listed = ", ".join(f"{rate:g} for {best.count(rate)}" for rate in sorted(set(best)))
    return (
        f"*Quality:* {word} At learning rate {PAPERS_RATE:g}, {nearer} of"
        f" {len(beaten)} levels of γ₀ are nearer to the data than the unregularized GAN by both distances."
        f" *Learning rate:* {rate_word} The rate of the least coarse distance: {listed} of"
        f" {len(best)} methods."
        f" {_untested(record)}"
    )


def _together(words: Sequence[str]) -> str:
    if not words or all(word == NO for word in words):
        return NO
    return YES if all(word == YES for word in words) else PARTLY
