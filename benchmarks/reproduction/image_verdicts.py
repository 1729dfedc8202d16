"""The plain sentences of the sections on images, by rules from their records alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from reproduction.tables import DISTANCES, QUALITY, by, qualities, small
from reproduction.verdicts import NO, PARTLY, YES

Plain = dict[str, Any]
PAPERS_RATE = 2e-4


def kind(run: Plain) -> str:
    """Which side of the comparison a run is on: regularized, noise, or its own label."""
    label = run["label"]
    if label.startswith("γ"):
        return "regularized"
    return "noise" if "noise" in label else str(label)


def noise(record: Plain) -> str:
    """Reproduced if by every measure all levels of γ beat none, and the best beats the best noise."""
    said, words = [], []
    for measure in qualities(record, DISTANCES):
        means = {
            text: fmean([one["fidelity"][measure] for one in some])
            for text, some in by(record["runs"], "label").items()
        }
        sides = {kind(one): one["label"] for one in record["runs"]}
        best = {
            side: min((means[one["label"]], one["label"]) for one in record["runs"] if kind(one) == side)
            for side in sides
        }
        free, held, noisy = (best[side][0] for side in ("unregularized", "regularized", "noise"))
        levels = [value for text, value in means.items() if text.startswith("γ")]
        better = sum(value < free for value in levels)
        words.append(YES if better == len(levels) and held < noisy else PARTLY if held < free else NO)
        listed = "; ".join(f"{text} {small(value)}" for value, text in best.values())
        what = QUALITY[measure].removesuffix(" ↓")
        said.append(
            f"{what} (lower is better): {better} of {len(levels)} levels of γ beat the"
            f" unregularized GAN; the best of each side: {listed}."
        )
    return f"{_together(words)} {' '.join(said)} {_leaders(record)}"


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
    alive: dict[str, list[bool]] = {}
    for one in record["runs"]:
        lives = one["trace"]["coarse"][-1] < record["protocol"]["alive_below"]
        alive.setdefault(kind(one), []).append(lives)
    counts = {side: f"{sum(lives)} of {len(lives)}" for side, lives in alive.items()}
    held, free = alive.get("regularized", []), alive.get("unregularized", [])
    word = NO
    if all(held) and not all(free):
        word = YES
    elif held and free and sum(held) / len(held) > sum(free) / len(free):
        word = PARTLY
    return f"{word} Alive at the end: {', '.join(f'{side} {count}' for side, count in counts.items())}."


def levels(record: Plain) -> str:
    """Fig. 3: every γ₀ better than none at the paper's rate. §7.4: the paper's rate the best."""
    paper = [one for one in record["runs"] if one["learning_rate"] == PAPERS_RATE]
    figures = {one["label"]: [one["trace"][key][-1] for key in ("coarse", "texture")] for one in paper}
    free = figures.get("unregularized", [])
    held = {text: values for text, values in figures.items() if text != "unregularized"}
    beaten = {
        text: sum(value < other for value, other in zip(values, free, strict=True))
        for text, values in held.items()
    }
    nearer = sum(count == 2 for count in beaten.values())
    word = YES if nearer and nearer == len(beaten) else PARTLY if nearer else NO
    rates: dict[float, float] = {
        rate: fmean(one["trace"]["coarse"][-1] for one in record["runs"] if one["learning_rate"] == rate)
        for rate in sorted({one["learning_rate"] for one in record["runs"]})
    }
    least = min(rates, key=lambda rate: rates[rate])
    listed = ", ".join(f"{rate:g}: {small(value)}" for rate, value in rates.items())
    return (
        f"*Quality:* {word} At learning rate {PAPERS_RATE:g}, {nearer} of"
        f" {len(beaten)} levels of γ₀ are nearer to the data than the unregularized GAN by both distances."
        f" *Learning rate:* {YES if least == PAPERS_RATE else NO} Mean coarse distance by rate: {listed}."
    )


def _together(words: Sequence[str]) -> str:
    if not words or all(word == NO for word in words):
        return NO
    return YES if all(word == YES for word in words) else PARTLY
