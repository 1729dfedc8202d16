"""The checkpoint: both networks and all that the evaluator needs. Trainer and evaluator meet only here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gancross.models import Architecture

State = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything in the file. Score fields are those of `Contestant`.

    Attributes:
        recipe: the training recipe as plain values; shown and compared, never followed.
        method: name of the recipe and its overrides without the seed; None if unknown.
        step: generator updates done.
        generator, discriminator: architectures; None where gancross does not know the code.
        generator_state, discriminator_state: their `state_dict()`; that of no discriminator is empty.
        sample_shape: (C, H, W) of an image or (d,) of a vector.
        weights: what `generator_state` holds: `raw` weights of the last step, or their average, `ema`.
        training: optimizer states for resuming, `{}` if stripped. Random state is none: every random
            number of a run is a function of seed and step.
    """

    recipe: dict[str, Any]
    method: str | None
    step: int
    generator: Architecture | None
    discriminator: Architecture | None
    generator_state: State
    discriminator_state: State
    sample_shape: tuple[int, ...]
    latent_dim: int
    latent: str
    data_range: tuple[float, float]
    score_kind: str
    orientation: str
    threshold: float | None
    batch_size: int
    training: dict[str, Any]
    weights: str = "raw"
    latent_shape: tuple[int, ...] | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether a network's code is not gancross's."""
        return self.generator is None or (self.discriminator is None and bool(self.discriminator_state))
