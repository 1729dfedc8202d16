"""The f-GAN table: seven divergences with all that training and evaluation need of them.

D_f(P‖Q) = E_Q[f(p/q)] is the supremum over ψ of E_P[ψ] − E_Q[f*(ψ)] (Eq. 5). The discriminator returns a
raw score v; ψ = g_f(v), where g_f maps the reals into the domain of the conjugate f*. Formulas are written
directly in v where possible, because g_f saturates: f*(g_f(v)) in two steps overflows or cancels.

A new divergence needs one entry: the trainer's objective of its name, its regularizer Ω_f and the
evaluator's reading of such scores follow. The formulas use methods of tensors only, so that the names can be
read without importing torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancross.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import torch

Function = Callable[["torch.Tensor"], "torch.Tensor"]
LN2 = math.log(2.0)
TOTAL_VARIATION = "total-variation"


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """One f-divergence. Every function works elementwise on a floating-point tensor.

    Attributes:
        f: generator f(u) of the density ratio u = p/q > 0, convex, f(1) = 0 (−2 ln 2 for `gan`).
        f_prime: f'(u) = ψ*, the optimal statistic at ratio u.
        activation: g_f(v) = ψ (Nowozin et al. 2016, table 6 and its like).
        conjugate, conjugate_prime, conjugate_second: f*(t), f*'(t), f*''(t) on the domain of f*.
        threshold: τ = g_f⁻¹(f'(1)): a score v > τ says "more likely real" (ratio above 1).
        log_ratio: ln f*'(g_f(v)), the ln p/q that a score stands for (Eq. 15), in nats.
        weight: f*''(g_f(v))·g_f'(v)² ≥ 0, the weight on ‖∇ₓv‖² in Ω_f (Eq. 19 in v instead of ψ).
        conjugate_of_activation: f*(g_f(v)), accurate where its value is representable.
    """

    f: Function
    f_prime: Function
    activation: Function
    conjugate: Function
    conjugate_prime: Function
    conjugate_second: Function
    threshold: float
    log_ratio: Function
    weight: Function
    conjugate_of_activation: Function


def softplus(v: torch.Tensor) -> torch.Tensor:
    """ln(1 + eᵛ) without overflow."""
    return v.logaddexp(v.new_zeros(()))


def pearson_log_ratio(v: torch.Tensor) -> torch.Tensor:
    """ln(1 + v/2); −∞ for v ≤ −2, where the score stands for a ratio of zero or below."""
    return (v / 2).clamp_min(-1.0).log1p()


DIVERGENCES: dict[str, Divergence] = {
    "gan": Divergence(
        f=lambda u: u.xlogy(u) - (u + 1) * u.log1p(),
        f_prime=lambda u: -(1 / u).log1p(),
        activation=lambda v: -softplus(-v),
        conjugate=lambda t: -(-t.expm1()).log(),
        conjugate_prime=lambda t: 1 / (-t).expm1(),
        conjugate_second=lambda t: 1 / (2 * (t / 2).sinh()).square(),
        threshold=0.0,
        log_ratio=lambda v: v,
        weight=lambda v: v.sigmoid(),
        conjugate_of_activation=softplus,
    ),
    "jensen-shannon": Divergence(
        f=lambda u: u.xlogy(u) - (u + 1) * (u.log1p() - LN2),
        f_prime=lambda u: LN2 - (1 / u).log1p(),
        activation=lambda v: LN2 - softplus(-v),
        conjugate=lambda t: -LN2 - (-(t - LN2).expm1()).log(),
        conjugate_prime=lambda t: 1 / (LN2 - t).expm1(),
        conjugate_second=lambda t: 1 / (2 * ((t - LN2) / 2).sinh()).square(),
        threshold=0.0,
        log_ratio=lambda v: v,
        weight=lambda v: v.sigmoid(),
        conjugate_of_activation=lambda v: softplus(v) - LN2,
    ),
    "kl": Divergence(
        f=lambda u: u.xlogy(u),
        f_prime=lambda u: 1 + u.log(),
        activation=lambda v: v,
        conjugate=lambda t: (t - 1).exp(),
        conjugate_prime=lambda t: (t - 1).exp(),
        conjugate_second=lambda t: (t - 1).exp(),
        threshold=1.0,
        log_ratio=lambda v: v - 1,
        weight=lambda v: (v - 1).exp(),
        conjugate_of_activation=lambda v: (v - 1).exp(),
    ),
    "reverse-kl": Divergence(
        f=lambda u: -u.log(),
        f_prime=lambda u: -1 / u,
        activation=lambda v: -(-v).exp(),
        conjugate=lambda t: -1 - (-t).log(),
        conjugate_prime=lambda t: -1 / t,
        conjugate_second=lambda t: 1 / t.square(),
        threshold=0.0,
        log_ratio=lambda v: v,
        weight=lambda v: v.new_ones(v.shape),
        conjugate_of_activation=lambda v: v - 1,
    ),
    "pearson": Divergence(
        f=lambda u: (u - 1).square(),
        f_prime=lambda u: 2 * (u - 1),
        activation=lambda v: v,
        conjugate=lambda t: t.square() / 4 + t,
        conjugate_prime=lambda t: t / 2 + 1,
        conjugate_second=lambda t: t.new_full(t.shape, 0.5),
        threshold=0.0,
        log_ratio=pearson_log_ratio,
        weight=lambda v: v.new_full(v.shape, 0.5),
        conjugate_of_activation=lambda v: v.square() / 4 + v,
    ),
    "neyman": Divergence(
        f=lambda u: (1 - u).square() / u,
        f_prime=lambda u: 1 - u**-2,
        activation=lambda v: -(-v).expm1(),
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        conjugate_prime=lambda t: (1 - t) ** -0.5,
        conjugate_second=lambda t: (1 - t) ** -1.5 / 2,
        threshold=0.0,
        log_ratio=lambda v: v / 2,
        weight=lambda v: (-v / 2).exp() / 2,
        conjugate_of_activation=lambda v: -2 * (-v / 2).expm1(),
    ),
    "squared-hellinger": Divergence(
        f=lambda u: (u.sqrt() - 1).square(),
        f_prime=lambda u: 1 - u**-0.5,
        activation=lambda v: -(-v).expm1(),
        conjugate=lambda t: t / (1 - t),
        conjugate_prime=lambda t: (1 - t) ** -2,
        conjugate_second=lambda t: 2 * (1 - t) ** -3,
        threshold=0.0,
        log_ratio=lambda v: 2 * v,
        weight=lambda v: 2 * v.exp(),
        conjugate_of_activation=lambda v: v.expm1(),
    ),
}


def no_total_variation() -> UsageError:
    """The error for total variation, the only f-divergence in the paper without an Ω_f."""
    return UsageError(
        "total variation cannot be regularized: its conjugate is linear, f*'' = 0, so the regularizer of"
        f" Eq. 19 vanishes; choose another divergence: {', '.join(DIVERGENCES)}"
    )


def divergence(name: str) -> Divergence:
    """The divergence of this name.

    Raises:
        UsageError: no divergence has this name; for total variation the message explains why.
    """
    if name == TOTAL_VARIATION:
        raise no_total_variation()
    if name not in DIVERGENCES:
        raise unknown_name("divergence", name, DIVERGENCES)
    return DIVERGENCES[name]
