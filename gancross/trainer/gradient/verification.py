"""Whether the closed form of a traced network is right, tried on its first batch against double backward."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize

from gancross.errors import UsageError
from gancross.models.buffers import unchanged
from gancross.trainer.gradient import closed_form
from gancross.trainer.gradient.closed_form import DiscriminatorPass
from gancross.trainer.gradient.double_backward import add_gradients_by_double_backward
from gancross.trainer.gradient.random_numbers import unchanged_random_numbers
from gancross.trainer.gradient.scorer import Labels, Scorer
from gancross.trainer.gradient.structure import structure_of
from gancross.trainer.objective.objectives import DiscriminatorLoss, logistic
from gancross.trainer.objective.weightings import JENSEN_SHANNON, PenaltyWeights, one

ENOUGH = 4  # lengths of batches that were tried: the network takes any
TOLERANCES = {torch.float32: (1e-2, 1e-5), torch.float64: (1e-7, 1e-13)}  # of one gradient, of all of them
_logger = logging.getLogger("gancross.trainer")
# The loss alone, and a penalty alone: its gradient may be far smaller than the loss's.
TRIALS: tuple[tuple[DiscriminatorLoss | None, PenaltyWeights, float], ...] = (
    (logistic, JENSEN_SHANNON, 0.0),
    (None, PenaltyWeights(real=one, fake=one), 2.0),
)


def refusal(scorer: Scorer, *, real: torch.Tensor, fake: torch.Tensor, labels: tuple[Labels, Labels]) -> str:
    """Why a traced network does not take the closed form; empty where it does.

    The first batch of every shape is tried: scores, gradients of the loss and of a penalty, and what both
    leave in the buffers must agree with double backward. Gradients, buffers and random numbers are restored.
    """
    structure = structure_of(scorer, labels=bool(labels[0]))
    if structure.plan is None:
        return structure.refusal
    key = (real.shape[1:], real.dtype, real.device)
    lengths = len(real), len(fake)
    agreement = structure.agreement.setdefault(key, {})
    if lengths not in agreement:
        if len(agreement) >= ENOUGH and not any(agreement.values()):
            return ""
        reason = _disagreement(scorer, real, fake, labels)
        if reason is None:
            return "closed form: scores or gradients of the first batch are not finite"
        agreement[lengths] = reason
        if reason:
            _logger.info("%s: double backward (%s)", type(scorer.module).__name__, reason)
    return agreement[lengths]


def _disagreement(
    scorer: Scorer, real: torch.Tensor, fake: torch.Tensor, labels: tuple[Labels, Labels]
) -> str | None:
    """How the closed form differs from double backward; empty: it agrees; None: neither can be said."""
    kinds = {parameter.dtype for parameter in scorer.module.parameters()} | {real.dtype, fake.dtype}
    if len(kinds) > 1 or real.dtype not in TOLERANCES:
        return f"closed form: unsupported precision {', '.join(sorted(map(str, kinds)))}"
    for loss, weights, gamma in TRIALS:

        def compute(
            add: Callable[..., DiscriminatorPass],
            loss: DiscriminatorLoss | None = loss, weights: PenaltyWeights = weights, gamma: float = gamma,
        ) -> list[torch.Tensor]:  # fmt: skip
            with restored(scorer.module):
                result = add(
                    scorer, real=real, fake=fake, loss=loss, weights=weights, gamma=gamma, labels=labels
                )
                return _figures(scorer.module, result)

        expected = compute(add_gradients_by_double_backward)
        try:
            actual = compute(closed_form.add_regularized_gradients)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            return str(error) if isinstance(error, UsageError) else f"closed form: {type(error).__name__}"
        if not all(bool(tensor.isfinite().all()) for tensor in expected):
            return None
        if not _close(actual, expected, *TOLERANCES[real.dtype]):
            return "closed form: the first batch disagrees with automatic differentiation"
    return ""


def _figures(network: nn.Module, result: DiscriminatorPass) -> list[torch.Tensor]:
    """Everything that must agree; gradients last but for the buffers, zeros where there are none."""
    assert result.penalty is not None
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
    buffers = [buffer.detach().to(result.loss.dtype, copy=True) for buffer in network.buffers()]
    return [result.scores_real, result.scores_fake, result.penalty, *gradients, *buffers]


def _close(
    actual: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float, rounding: float
) -> bool:
    """Whether all tensors agree relative to themselves, or to all of them, which rounding is measured by."""
    scale = torch.stack([tensor.norm() for tensor in expected]).norm()
    differences = torch.stack(
        [(a - b).norm() - tolerance * b.norm() for a, b in zip(actual, expected, strict=True)]
    )
    return bool((differences <= rounding * scale).all())


@contextmanager
def restored(network: nn.Module) -> Iterator[None]:
    """Inside, no parameter has a gradient; afterwards gradients, buffers and random numbers are as before."""
    parameters = list(network.parameters())
    gradients = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    # Weights that the caller caches must not be computed here: these passes free what lies behind them.
    cache = parametrize._cache_enabled, parametrize._cache
    parametrize._cache_enabled, parametrize._cache = 0, {}
    try:
        with unchanged_random_numbers(network), unchanged(network):
            yield
    finally:
        parametrize._cache_enabled, parametrize._cache = cache
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
