"""Exact penalty gradients for any training loop: the regularizers of the recipes without gancross's trainer.

    result = gancross.penalties.backward(discriminator, real=real, fake=fake, gamma=0.1)

stands in place of `loss_d.backward()` and adds the gradient of loss + γ/2·penalty to `.grad` of the
discriminator's parameters. Where the network's structure is known, the penalty's gradient takes no double
backward (`gancross.trainer.gradient.closed_form`); elsewhere it does, with the same result. The functions
`omega_js`, `omega_f`, `r1`, `r2` and `gradient_penalty` are differentiable and go into any loss.

v is the discriminator's score of a sample (the logit φ where the objective has logits), ∇ₓv its gradient
with respect to the sample, ‖·‖² the sum over all dimensions of one sample. Penalties are means over a batch,
before the factor γ/2 (`gradient_penalty`: before λ).
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsFloat

import torch
from torch import nn

from gancross.errors import UsageError, unknown_name
from gancross.trainer.gradient.closed_form import DiscriminatorPass, add_regularized_gradients, batch_scores
from gancross.trainer.gradient.double_backward import add_gradients_by_double_backward
from gancross.trainer.gradient.inputs import (
    checked_samples,
    outside_reason,
    plain_module,
    refuse_probabilities,
)
from gancross.trainer.gradient.scorer import Labels, Scorer
from gancross.trainer.gradient.structure import known_passes, network_passes, with_structure
from gancross.trainer.gradient.verification import refusal
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import f_divergence as omega_f
from gancross.trainer.objective.regularizers import gradient_penalty as _gradient_penalty
from gancross.trainer.objective.regularizers import jensen_shannon as omega_js
from gancross.trainer.objective.regularizers import penalty_weights, scores_and_penalty
from gancross.trainer.objective.weightings import WEIGHTINGS, one

__all__ = ["Gradients", "Route", "backward", "gradient_penalty", "omega_f", "omega_js", "r1", "r2", "route"]

OF_OBJECTIVES = ("jensen-shannon", "f-divergence")  # defined by the objective; the others fit any
_logger = logging.getLogger("gancross.penalties")
_logged: weakref.WeakSet[nn.Module] = weakref.WeakSet()

Score = Callable[[Any], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """What `backward` returns besides the gradients; all detached.

    Attributes:
        loss: scalar, of the objective, without the penalty.
        penalty: scalar ≥ 0, before the factor γ/2; 0 for `none`.
        scores_real, scores_fake: v of each batch, (N,).
    """

    loss: torch.Tensor
    penalty: torch.Tensor
    scores_real: torch.Tensor
    scores_fake: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Route:
    """How a penalty's gradient is computed.

    Attributes:
        closed_form: without double backward.
        description: one line; of double backward, why.
    """

    closed_form: bool
    description: str


def backward(
    discriminator: nn.Module,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    objective: str = "js-logit",
    penalty: str = "jensen-shannon",
    gamma: float,
    score: Score | None = None,
    real_labels: torch.Tensor | None = None,
    fake_labels: torch.Tensor | None = None,
) -> Gradients:
    """Adds the exact gradient of loss + γ/2·penalty to `.grad` of the discriminator's parameters.

    The same numbers as `(loss + gamma / 2 * penalty).backward()`, by the cheapest route. Buffers (averages of
    batch norm, vectors of spectral norm) change as by D(real) and then D(fake). Samples get no gradient.

    Args:
        discriminator: any module in its present mode, which returns one score per sample: (N,), (N, 1) or
            (N, 1, 1, 1); logits for `js-logit`, not probabilities. Frozen parameters stay without gradient.
        real, fake: samples (N, …), floating point, on the discriminator's device; N may differ.
        objective: as in recipes: `js-logit`, a divergence's name for its f-GAN, `lsgan`, `wgan`, ….
        penalty: `jensen-shannon` (Ω_JS, of js-logit), `f-divergence` (Ω_f, of the f-GANs), `r1`, `r2`,
            `r1+r2` or `none`.
        gamma: γ ≥ 0.
        score: makes one score per sample of another output: of patches
            `lambda output: output.flatten(1).mean(1)`, of a tuple `lambda output: output[0]`.
        real_labels, fake_labels: y (N,) or (N, …) of D(x, y), the second argument of `forward`; both or none.

    Returns:
        Loss, penalty and scores, detached.

    Raises:
        UsageError: arguments that do not fit together; an output that is not one score per sample, or is a
            probability; gradients are switched off.

    Source: Roth et al. 2017, Eqs. 19 and 20; Mescheder et al. 2018, §4, for R1 and R2.
    """
    loss, weights = _loss_and_weights(objective, penalty)
    if not isinstance(gamma, SupportsFloat) or not 0 <= float(gamma) < float("inf"):
        raise UsageError(f"gamma must be a finite number ≥ 0, got {gamma}")
    scorer = Scorer(plain_module(discriminator), score)
    real, fake, labels = checked_samples(scorer.module, real, fake, real_labels, fake_labels)
    scorer, chosen = _route(scorer, real, fake, labels)
    if discriminator not in _logged:
        _logged.add(discriminator)
        _logger.info("%s: %s", type(discriminator).__name__, chosen.description)
    result: DiscriminatorPass
    if not chosen.closed_form:
        result = add_gradients_by_double_backward(
            scorer, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma, labels=labels
        )
    elif penalty == "none":
        coupled = network_passes(scorer, labels[0]).coupled
        scores_real, scores_fake = batch_scores(scorer, [real, fake], coupled=coupled, labels=labels)
        value = loss(real=scores_real, fake=scores_fake)
        torch.autograd.backward(value)
        result = DiscriminatorPass(loss=value, scores_real=scores_real, scores_fake=scores_fake)
    else:
        result = add_regularized_gradients(
            scorer, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma, labels=labels
        )
    return Gradients(
        loss=result.loss.detach(),
        penalty=result.loss.new_zeros(()) if result.penalty is None else result.penalty,
        scores_real=result.scores_real.detach(), scores_fake=result.scores_fake.detach(),
    )  # fmt: skip


def route(
    discriminator: nn.Module, samples: torch.Tensor, *, labels: torch.Tensor | None = None,
    score: Score | None = None,
) -> Route:  # fmt: skip
    """How `backward` would compute a penalty's gradient on batches of this shape; changes nothing.

    Args:
        discriminator, score: as of `backward`.
        samples: a batch (N, …), with its `labels` if the discriminator takes them.

    Raises:
        UsageError: as `backward`.
    """
    scorer = Scorer(plain_module(discriminator), score)
    real, fake, given = checked_samples(scorer.module, samples, samples, labels, labels)
    return _route(scorer, real, fake, given)[1]


def r1(discriminator: nn.Module, real: torch.Tensor) -> torch.Tensor:
    """R1 = mean ‖∇ₓv(real)‖²; times γ/2 in the loss (Mescheder et al. 2018, §4).

    Args:
        discriminator: returns (N,) or (N, 1); of one with labels pass `lambda x: discriminator(x, y)`.
        real: samples (N, …), floating point.

    Returns:
        Scalar ≥ 0, differentiable in the discriminator's parameters.
    """
    return scores_and_penalty(discriminator, real.detach(), one)[1]


def r2(discriminator: nn.Module, fake: torch.Tensor) -> torch.Tensor:
    """R2 = mean ‖∇ₓv(fake)‖²: R1 on generated samples; arguments and result as of `r1`."""
    return scores_and_penalty(discriminator, fake.detach(), one)[1]


def gradient_penalty(
    discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor, epsilon: torch.Tensor | None = None
) -> torch.Tensor:
    """mean (‖∇ₓv(x̂)‖ − 1)² at x̂ = ε·real + (1−ε)·fake; times λ in the loss (Gulrajani et al. 2017, Eq. 3).

    Args:
        discriminator: the critic, returns (N,) or (N, 1).
        real, fake: samples (N, …), paired by index.
        epsilon: ε of each pair in [0, 1], (N,); by default uniform, from torch's random numbers.

    Returns:
        Scalar ≥ 0, differentiable in the critic's parameters.

    Raises:
        UsageError: the batches differ in shape.
    """
    if real.shape != fake.shape:
        raise UsageError(f"need pairs of samples, got real {tuple(real.shape)} and fake {tuple(fake.shape)}")
    if epsilon is None:
        epsilon = torch.rand(len(real), dtype=real.dtype, device=real.device)
    return _gradient_penalty(discriminator, real, fake, epsilon)


def _loss_and_weights(objective: str, penalty: str) -> tuple[Any, Any]:
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    if penalty not in (*WEIGHTINGS, "none"):
        raise unknown_name("penalty", penalty, (*WEIGHTINGS, "none"))
    if penalty in OF_OBJECTIVES and objective not in WEIGHTINGS[penalty].objectives:
        fitting = ", ".join(WEIGHTINGS[penalty].objectives)
        raise UsageError(
            f"penalty '{penalty}' is defined for {fitting}, not for '{objective}': choose r1, r2, r1+r2, none"
        )
    return OBJECTIVES[objective].discriminator_loss, penalty_weights(penalty, objective)


def _route(
    scorer: Scorer, real: torch.Tensor, fake: torch.Tensor, labels: tuple[Labels, Labels]
) -> tuple[Scorer, Route]:
    refuse_probabilities(scorer, real, labels[0])
    known = None if labels[0] else known_passes(scorer)
    reason = outside_reason(scorer.module, real)
    if not reason and known is None:
        scorer = with_structure(scorer, labels=bool(labels[0]))
        reason = refusal(scorer, real=real, fake=fake, labels=labels)
    if reason:
        return scorer, Route(closed_form=False, description=f"double backward ({reason})")
    smooth = (known or network_passes(scorer, labels[0])).smooth
    cost = "six passes, for smooth layers" if smooth else "four passes, for a piecewise-linear network"
    return scorer, Route(closed_form=True, description=f"closed form: {cost}")
