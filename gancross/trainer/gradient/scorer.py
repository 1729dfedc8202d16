"""A discriminator together with the function that makes one score per sample of its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Labels = tuple[torch.Tensor, ...]  # the second argument of `forward`, or none


@dataclass(frozen=True)
class Scorer:
    """score(module(samples)), or score(module(samples, labels)).

    Attributes:
        module: the discriminator.
        score: of its output; None where the output is the scores.
        structure: what tracing has found (`structure.Structure`), so that it is looked up once in a step.
    """

    module: nn.Module
    score: Callable[[Any], torch.Tensor] | None = None
    structure: Any = None

    def __call__(self, samples: torch.Tensor, *labels: torch.Tensor) -> torch.Tensor:
        """Scores, of the output's shape."""
        output: Any = self.module(samples, *labels)
        result: torch.Tensor = output if self.score is None else self.score(output)
        return result


@dataclass(frozen=True)
class WithLabels:
    """A discriminator as a function of samples alone, their labels held fixed."""

    discriminator: Callable[..., torch.Tensor]
    labels: Labels

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Scores."""
        return self.discriminator(samples, *self.labels)


def as_scorer(discriminator: nn.Module | Scorer) -> Scorer:
    """A discriminator whose output is the scores, or the scorer itself."""
    return discriminator if isinstance(discriminator, Scorer) else Scorer(discriminator)
