"""The kinds of scores as a table: what a discriminator's raw output v means, and where "real" begins.

A new kind is one entry: the names that contestants and `--describe` accept, the default threshold, the
density ratio behind the JSD bound and the command line's help follow from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, SupportsFloat

from gancross.divergences import DIVERGENCES, Function
from gancross.errors import UsageError, unknown_name

Threshold = float | Literal["auto"] | None

AUTO: Literal["auto"] = "auto"
LARGEST_LOGIT = 36.0  # its probability is still below 1 in float64; those of scores end at ln(2²⁴ − 1) = 16.6


@dataclass(frozen=True, kw_only=True)
class ScoreKind:
    """One meaning of the raw score v.

    Attributes:
        threshold: τ on v, above which a sample is more likely real, or fake where high scores mean fake;
            None: scores rank samples and decide nothing.
        limits: between which a threshold must lie, both excluded.
        log_ratio: ln p/q that a score stands for, in nats, elementwise on a tensor; for probabilities, of the
            logit. None: scores stand for no density ratio.
        meaning: in one line.
    """

    threshold: float | None
    limits: tuple[float, float] = (-math.inf, math.inf)
    log_ratio: Function | None = None
    meaning: str


SCORE_KINDS: dict[str, ScoreKind] = {
    "logit": ScoreKind(threshold=0.0, log_ratio=lambda v: v, meaning="a sigmoid would make it a probability"),
    "probability": ScoreKind(
        threshold=0.5, limits=(0, 1), log_ratio=lambda v: v, meaning="a sigmoid's output; judged by its logit"
    ),
    **{
        f"f-gan:{name}": ScoreKind(
            threshold=entry.threshold, log_ratio=entry.log_ratio, meaning="score before the output activation"
        )
        for name, entry in DIVERGENCES.items()
    },
    "hinge": ScoreKind(threshold=0.0, meaning="score of the hinge loss, margins at −1 and 1"),
    "lsgan": ScoreKind(threshold=0.5, meaning="score of the least-squares loss, targets 0 and 1"),
    "wgan": ScoreKind(threshold=None, meaning="Wasserstein critic, defined up to a constant"),
    "relativistic": ScoreKind(threshold=None, meaning="score of which only differences enter the loss"),
    "energy": ScoreKind(threshold=None, meaning="energy or reconstruction error; EBGAN's is low for reals"),
    "critic": ScoreKind(threshold=None, meaning="any other score that ranks samples"),
}  # fmt: skip


def _number(value: SupportsFloat) -> float:
    """A number as a float; one too large for it is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def decision_threshold(score_kind: str, threshold: Threshold) -> float | None:
    """τ on v; None: no decisions.

    Args:
        threshold: a number is τ itself; "auto" is that of the kind.

    Raises:
        UsageError: an unknown kind; a threshold that is none, or not within the kind's limits.
    """
    if score_kind not in SCORE_KINDS:
        raise unknown_name("score kind", score_kind, SCORE_KINDS)
    kind = SCORE_KINDS[score_kind]
    if threshold is None:
        return None
    if isinstance(threshold, str) and threshold == AUTO:
        return kind.threshold
    low, high = kind.limits
    # From Python anything may come; numbers of numpy are no `float`.
    is_number = isinstance(threshold, SupportsFloat) and not isinstance(threshold, bool)
    if not is_number or not low < _number(threshold) < high:
        number = "a finite number" if math.isinf(high) else f"a number between {low:g} and {high:g}"
        raise UsageError(
            f"threshold of score kind '{score_kind}': expected 'auto', None or {number}, got {threshold!r}"
        )
    return float(threshold)


def probability_threshold(logit_threshold: float) -> float:
    """The threshold σ(τ) on probabilities that decides as τ on their logits does, for files that hold τ.

    A threshold beyond all logits stays beyond them.
    """
    return 1 / (1 + math.exp(-max(-LARGEST_LOGIT, min(LARGEST_LOGIT, logit_threshold))))
