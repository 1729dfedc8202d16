"""The noise-induced regularizers by name: the weight of ‖∇ₓv‖² as a function of the score v.

A new regularizer of this kind is one entry of `WEIGHTINGS`. The weights call methods of tensors only, so that
this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.divergences import DIVERGENCES, Function

if TYPE_CHECKING:
    import torch

SCORED = ("js-logit", *DIVERGENCES)


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


def one(v: torch.Tensor) -> torch.Tensor:
    """The weight 1, whatever the score."""
    return v.new_ones(v.shape)


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
    # Mescheder et al. 2018, §4: γ/2·E‖∇ₓv‖² on real samples (R1) or on generated ones (R2).
    # The authors' program GAN_stability has reg_param·E‖∇ₓv‖² without ½: γ = 2·reg_param.
    "r1": Weighting(objectives=SCORED, weights=lambda objective: PenaltyWeights(real=one, fake=None)),
    "r2": Weighting(objectives=SCORED, weights=lambda objective: PenaltyWeights(real=None, fake=one)),
    "r1+r2": Weighting(objectives=SCORED, weights=lambda objective: PenaltyWeights(real=one, fake=one)),
}
