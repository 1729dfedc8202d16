"""The closed form as one compiled function: optional, since compiling takes a minute and needs a compiler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from gancross.errors import first_line
from gancross.trainer.gradient.closed_form import (
    DiscriminatorPass,
    add_parameter_gradients,
    forward_and_input_gradient,
    weighted_penalty,
)
from gancross.trainer.gradient.passes import layer_passes
from gancross.trainer.objective.objectives import DiscriminatorLoss
from gancross.trainer.objective.weightings import PenaltyWeights

CompiledGradients = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], DiscriminatorPass]


def compiler_error(device: torch.device) -> str:
    """Why torch cannot compile for a device, in one line; empty if it can."""
    try:
        torch.compile(torch.neg, fullgraph=True)(torch.zeros(8, device=device))
    except Exception as error:  # whatever a missing or broken compiler raises, of many libraries' types
        return first_line(error)
    return ""


def compiled_gradients(
    discriminator: nn.Module, loss: DiscriminatorLoss, weights: PenaltyWeights, *, graphs: bool = False
) -> CompiledGradients:
    """`add_regularized_gradients` of one discriminator as a compiled function of (real, fake, γ).

    γ is a tensor, so that annealing does not recompile. `fullgraph` turns a graph break, which would lose
    gradients silently, into an error.

    Args:
        graphs: replay a CUDA graph, which writes its results where those of the last call lie: parameters
            must have no `grad` from before. On the CPU it changes nothing.
    """

    coupled = layer_passes(discriminator).coupled

    def gradients(real: torch.Tensor, fake: torch.Tensor, gamma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        batches = [real, fake] if coupled else [torch.cat([real, fake])]
        state = forward_and_input_gradient(discriminator, batches)
        lengths = [len(real), len(fake)]

        def total(scores_N: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
            scores = torch.split(scores_N, lengths)
            squared_norms = torch.split(state.squared_norms_N, lengths)
            penalty, w_N = weighted_penalty(weights, scores, squared_norms, lengths)
            value = loss(real=scores[0], fake=scores[1])
            return value + gamma / 2 * penalty, (value, penalty, w_N)

        c_N, (value, penalty, w_N) = torch.func.grad(total, has_aux=True)(state.scores_N)
        add_parameter_gradients(state, c_N, gamma * w_N)
        return value, penalty, state.scores_N, state.gradients[-1][-len(fake) :]

    mode = "reduce-overhead" if graphs else None
    compiled = torch.compile(gradients, fullgraph=True, dynamic=False, mode=mode)

    def add(real: torch.Tensor, fake: torch.Tensor, gamma: torch.Tensor) -> DiscriminatorPass:
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            results = compiled(real, fake, gamma)
            # What is logged outlives the step.
            value, penalty, scores_N, gradient_fake = [r.clone() for r in results] if graphs else results
        return DiscriminatorPass(
            loss=value, penalty=penalty, scores_real=scores_N[: len(real)], scores_fake=scores_N[len(real) :],
            input_gradient_fake=None if coupled else gradient_fake,
        )  # fmt: skip

    return add
