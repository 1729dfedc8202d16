"""The noise-induced regularizers by name: how ‖∇ₓv‖² is weighted as a function of the score v.

One entry is all that a new regularizer of this kind needs. Methods of tensors only, so that the names can
be read without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gancross.divergences import DIVERGENCES, Function


@dataclass(frozen=True, kw_only=True)
class NoiseInduced:
    """Ω = mean real(v)‖∇ₓv‖² over the reals + mean fake(v)‖∇ₓv‖² over the generated samples.

    Attributes:
        real, fake: weights as functions of the score; None where that batch has no term.
    """

    real: Function | None
    fake: Function | None


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """A regularizer: the objectives it fits, and its weights for one of them."""

    objectives: tuple[str, ...]
    of: Callable[[str], NoiseInduced]


UNREGULARIZED = NoiseInduced(real=None, fake=None)
JENSEN_SHANNON = NoiseInduced(real=lambda v: (-v).sigmoid().square(), fake=lambda v: v.sigmoid().square())

WEIGHTINGS: dict[str, Weighting] = {
    # Ω_JS of Eq. 20: (1−σ(φ))² on reals, σ(φ)² on generated samples.
    "jensen-shannon": Weighting(objectives=("js-logit",), of=lambda objective: JENSEN_SHANNON),
    # Ω_f of Eq. 19: f*''(ψ)‖∇ₓψ‖² on generated samples, written in v.
    "f-divergence": Weighting(
        objectives=tuple(DIVERGENCES),
        of=lambda objective: NoiseInduced(real=None, fake=DIVERGENCES[objective].weight),
    ),
}
