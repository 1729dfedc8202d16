"""The noise-induced regularizers by name: the weight of ‖∇ₓv‖² as a function of the score v.

A new regularizer of this kind is one entry of `WEIGHTINGS`. The weights call methods of tensors only, so that
this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gancross.divergences import DIVERGENCES, Function


@dataclass(frozen=True, kw_only=True)
class PenaltyWeights:
    """Ω = mean real(v)‖∇ₓv‖² over real samples + mean fake(v)‖∇ₓv‖² over generated samples.

    Attributes:
        real, fake: weights as functions of the score; None: that batch has no term.
    """

    real: Function | None
    fake: Function | None


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """A regularizer: the objectives that it fits, and its weights as a function of the objective's name."""

    objectives: tuple[str, ...]
    weights: Callable[[str], PenaltyWeights]


UNREGULARIZED = PenaltyWeights(real=None, fake=None)
JENSEN_SHANNON = PenaltyWeights(real=lambda v: (-v).sigmoid().square(), fake=lambda v: v.sigmoid().square())

WEIGHTINGS: dict[str, Weighting] = {
    # Ω_JS of Eq. 20: (1−σ(φ))² on real samples, σ(φ)² on generated samples.
    "jensen-shannon": Weighting(objectives=("js-logit",), weights=lambda objective: JENSEN_SHANNON),
    # Ω_f of Eq. 19: f*''(ψ)‖∇ₓψ‖² on generated samples, written in v.
    "f-divergence": Weighting(
        objectives=tuple(DIVERGENCES),
        weights=lambda objective: PenaltyWeights(real=None, fake=DIVERGENCES[objective].weight),
    ),
}
