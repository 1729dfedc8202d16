"""The kinds of scores as a table: what a discriminator's raw output v means, and where "real" begins.

p and q are the densities of the data and of the generator's samples. A loss says what a score means by the
score that minimises it, `best`: its threshold τ is the score where p = q. Where the loss leaves that open
(a critic is defined up to a constant, and so is a relativistic score) there is no threshold.

A new kind is one entry: the names that contestants and `--describe` accept, the default threshold, the
density ratio behind the JSD bound, the command line's help and the tables of docs/reference/scores.md follow.
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
        loss: what the discriminator minimises; E_P over data, E_Q over generated samples.
        best: the v that minimises it where the discriminator is free; ± is the sign of p − q.
        source: authors, year, equation.
    """

    threshold: float | None
    limits: tuple[float, float] = (-math.inf, math.inf)
    log_ratio: Function | None = None
    meaning: str
    loss: str
    best: str
    source: str


SCORE_KINDS: dict[str, ScoreKind] = {
    "logit": ScoreKind(
        threshold=0.0, log_ratio=lambda v: v, meaning="a sigmoid would make it a probability",
        loss="−E_P ln σ(v) − E_Q ln(1−σ(v))", best="ln p/q", source="Goodfellow et al. 2014, Prop. 1",
    ),
    "probability": ScoreKind(
        threshold=0.5, limits=(0, 1), log_ratio=lambda v: v,
        meaning="a sigmoid's output; judged by its logit",
        loss="−E_P ln v − E_Q ln(1−v)", best="p/(p+q)", source="Goodfellow et al. 2014, Prop. 1",
    ),
    **{
        f"f-gan:{name}": ScoreKind(
            threshold=entry.threshold, log_ratio=entry.log_ratio,
            meaning="score before the output activation",
            loss="−E_P g_f(v) + E_Q f*(g_f(v))", best="g_f⁻¹(f'(p/q))",
            source="Nowozin et al. 2016, Eqs. 5 and 6",
        )
        for name, entry in DIVERGENCES.items()
    },
    "hinge": ScoreKind(
        threshold=0.0, meaning="score of the hinge loss, margins at −1 and 1",
        loss="E_P [1−v]₊ + E_Q [1+v]₊", best="±1", source="Lim and Ye 2017; Miyato et al. 2018, Eq. 16",
    ),
    "lsgan": ScoreKind(
        threshold=0.5, meaning="score of the least-squares loss, targets 0 and 1",
        loss="½ E_P (v−1)² + ½ E_Q v²", best="p/(p+q)", source="Mao et al. 2017, Eqs. 5 and 9",
    ),
    "lsgan-symmetric": ScoreKind(
        threshold=0.0, meaning="score of the least-squares loss, targets −1 and 1",
        loss="½ E_P (v−1)² + ½ E_Q (v+1)²", best="(p−q)/(p+q)", source="Mao et al. 2017, Eqs. 5 and 8",
    ),
    "wgan": ScoreKind(
        threshold=None, meaning="Wasserstein critic, defined up to a constant",
        loss="−E_P v + E_Q v, v 1-Lipschitz", best="a Kantorovich potential + any c",
        source="Arjovsky et al. 2017, Eq. 2",
    ),
    "relativistic": ScoreKind(
        threshold=None, meaning="score of which only differences enter the loss",
        loss="−E_P E_Q ln σ(v(x) − v(y))", best="ln p/q + any c", source="Jolicoeur-Martineau 2019",
    ),
    "energy": ScoreKind(
        threshold=None, meaning="energy or reconstruction error; EBGAN's is low for reals",
        loss="E_P v + E_Q [m−v]₊, v ≥ 0", best="0 where p > q, m where p < q",
        source="Zhao et al. 2017, Eq. 1; BEGAN's has no margin m: Berthelot et al. 2017",
    ),
    "critic": ScoreKind(
        threshold=None, meaning="any other score that ranks samples", loss="any", best="unknown", source="–"
    ),
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
