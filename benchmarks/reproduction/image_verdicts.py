"""The plain sentences of the sections on images, by rules from their records alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from reproduction.tables import DISTANCES, QUALITY, by, qualities, small
from reproduction.verdicts import NO, PARTLY, UNDECIDED, YES

Plain = dict[str, Any]
PAPERS_RATE = 2e-4
ALIVE, NEVER, DIED, DIVERGED = "alive", "never alive", "died", "diverged"


def kind(run: Plain) -> str:
    """Which side of the comparison a run is on: regularized, noise, or its own label."""
    label = run["label"]
    if label.startswith("γ"):
        return "regularized"
    return "noise" if "noise" in label else str(label)


def noise(record: Plain) -> str:
    """Reproduced if by every measure all levels of γ beat none, and the best beats the best noise."""
    methods = by(record["runs"], "label")
    sides: dict[str, list[str]] = {}
    for text, some in methods.items():
        sides.setdefault(kind(some[0]), []).append(text)
    if not {"unregularized", "regularized", "noise"} <= set(sides):
        return f"{UNDECIDED} There are runs of {', '.join(sides)} only."
    said, words = [], []
    for measure in qualities(record, DISTANCES):
        means = {text: fmean([one["fidelity"][measure] for one in some]) for text, some in methods.items()}
        best = {side: min((means[text], text) for text in texts) for side, texts in sides.items()}
        free, held, noisy = (best[side][0] for side in ("unregularized", "regularized", "noise"))
        levels = sides["regularized"]
        better = sum(means[text] < free for text in levels)
        words.append(YES if better == len(levels) and held < noisy else PARTLY if held < free else NO)
        listed = "; ".join(f"{text} {small(value)}" for value, text in best.values())
        what = QUALITY[measure].removesuffix(" ↓")
        said.append(
            f"{what} (lower is better): {better} of {len(levels)} levels of γ beat the"
            f" unregularized GAN; the best of each side: {listed}."
        )
    return f"{_together(words)} {' '.join(said)} {_leaders(record)} {_untested(record)}"


def _untested(record: Plain) -> str:
    """How much such an order of means is worth."""
    most = max(len(some) for some in by(record["runs"], "variant").values())
    runs = "one run" if most == 1 else f"{most} runs"
    return f"An order of means over {runs} of each, not a test."


def _leaders(record: Plain) -> str:
    """Whom the cross-test itself puts first."""
    strengths = {
        text: fmean([one["strength"] for one in some if one["strength"] is not None])
        for text, some in by(record["runs"], "label").items()
        if any(one["strength"] is not None for one in some)
    }
    if not strengths:
        return f"The cross-test ranks no generator: {record['unranked']['bradley_terry']}."
    order = sorted(strengths, key=lambda text: -strengths[text])
    return f"The cross-test ranks {order[0]} first and {order[-1]} last by how its samples fool other judges."


def architectures(record: Plain) -> str:
    """Reproduced if every regularized run lives to the end and some unregularized run does not."""
    fates: dict[str, list[str]] = {}
    for one in record["runs"]:
        fates.setdefault(kind(one), []).append(fate(one, record["protocol"]))
    for one in record.get("lost", []):
        fates.setdefault(kind(one), []).append(DIVERGED)
    listed = "; ".join(
        f"{side} {some.count(ALIVE)} of {len(some)}"
        + "".join(f", {some.count(word)} {word}" for word in (NEVER, DIED, DIVERGED) if word in some)
        for side, some in fates.items()
    )
    if not {"unregularized", "regularized"} <= set(fates):
        return f"{UNDECIDED} Alive at the end: {listed}."
    held, free = (fates[side].count(ALIVE) / len(fates[side]) for side in ("regularized", "unregularized"))
    word = YES if held == 1 > free else PARTLY if held > free else NO
    return f"{word} Alive at the end: {listed}."


def fate(run: Plain, protocol: Plain) -> str:
    """Alive at its last saved step, or why not: nearer to the data than their mean image, and spread out."""
    if run.get("diverged"):
        return DIVERGED
    lives = [
        coarse < protocol["alive_below"] and spread >= protocol["alive_spread"]
        for coarse, spread in zip(run["trace"]["coarse"], run["trace"]["spread"], strict=True)
    ]
    return ALIVE if lives[-1] else DIED if any(lives) else NEVER


def levels(record: Plain) -> str:
    """Fig. 3: every γ₀ better than none at the paper's rate. §7.4: that rate the best for every level."""
    paper = [one for one in record["runs"] if one["learning_rate"] == PAPERS_RATE]
    figures = {one["label"]: [one["trace"][key][-1] for key in ("coarse", "texture")] for one in paper}
    free = figures.pop("unregularized", None)
    if free is None or not figures:
        return f"{UNDECIDED} At learning rate {PAPERS_RATE:g} there is nothing to compare."
    beaten = [
        sum(value < other for value, other in zip(values, free, strict=True)) for values in figures.values()
    ]
    nearer = beaten.count(2)
    word = YES if nearer == len(beaten) else PARTLY if nearer else NO
    best = []
    for some in by(record["runs"], "label").values():
        rates = {one["learning_rate"]: one["trace"]["coarse"][-1] for one in some}
        best.append(min(rates, key=lambda rate: rates[rate]))
    at = best.count(PAPERS_RATE)
    told = YES if at == len(best) else PARTLY if 2 * at > len(best) else NO
    listed = ", ".join(f"{rate:g} for {best.count(rate)}" for rate in sorted(set(best)))
    return (
        f"*Quality:* {word} At learning rate {PAPERS_RATE:g}, {nearer} of"
        f" {len(beaten)} levels of γ₀ are nearer to the data than the unregularized GAN by both distances."
        f" *Learning rate:* {told} The rate of the least coarse distance: {listed} of {len(best)} methods."
        f" {_untested(record)}"
    )


def _together(words: Sequence[str]) -> str:
    if not words or all(word == NO for word in words):
        return NO
    return YES if all(word == YES for word in words) else PARTLY
