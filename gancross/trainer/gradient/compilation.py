"""The closed form as one compiled function: optional, since compiling takes a minute and needs a compiler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from gancross.errors import first_line
from gancross.trainer.gradient.closed_form import Found, add_from, penalty_of, there_and_back
from gancross.trainer.gradient.passes import piece
from gancross.trainer.objective.objectives import DiscriminatorLoss
from gancross.trainer.objective.weightings import NoiseInduced

Gradients = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Found]


def compiler_missing(device: torch.device) -> str:
    """Why torch cannot compile for a device, in one line; empty where it can."""
    try:
        torch.compile(torch.neg, fullgraph=True)(torch.zeros(8, device=device))
    except Exception as error:  # whatever a missing or broken compiler raises, of many libraries' types
        return first_line(error) or type(error).__name__
    return ""


def compiled_gradients(discriminator: nn.Module, loss: DiscriminatorLoss, weights: NoiseInduced) -> Gradients:
    """`closed_form.add_gradients` for one discriminator, as a compiled function of (real, fake, γ).

    γ is a tensor, so that annealing does not compile anew. `fullgraph` is what makes a gradient that the
    compiler cannot follow an error instead of a missing one.
    """

    coupled = piece(discriminator).coupled

    def gradients(real: torch.Tensor, fake: torch.Tensor, gamma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        there = there_and_back(discriminator, [real, fake] if coupled else [torch.cat([real, fake])])
        lengths = [len(real), len(fake)]

        def total(scores_N: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
            scores = torch.split(scores_N, lengths)
            penalty, w_N = penalty_of(weights, scores, torch.split(there.norms_N, lengths), lengths)
            value = loss(real=scores[0], fake=scores[1])
            return value + gamma / 2 * penalty, (value, penalty, w_N)

        c_N, (value, penalty, w_N) = torch.func.grad(total, has_aux=True)(there.scores_N)
        add_from(there, c_N, gamma * w_N)
        return value, penalty, there.scores_N, there.gradients[-1][-len(fake) :]

    compiled = torch.compile(gradients, fullgraph=True, dynamic=False)

    def add(real: torch.Tensor, fake: torch.Tensor, gamma: torch.Tensor) -> Found:
        with torch.no_grad():
            value, penalty, scores_N, gradient_fake = compiled(real, fake, gamma)
        return Found(
            loss=value, penalty=penalty, real=scores_N[: len(real)], fake=scores_N[len(real) :],
            gradient_fake=None if coupled else gradient_fake,
        )  # fmt: skip

    return add
