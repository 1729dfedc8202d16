"""A contestant of a cross-test: a generator, or a fixed set of samples, and perhaps a judge.

Scores: v is the raw output of a discriminator, one number per sample. *Real is positive.*
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import nn

from gancross.data.sets import check_canonical
from gancross.divergences import DIVERGENCES
from gancross.errors import UsageError, unknown_name
from gancross.random_streams import PRIORS, Prior

Orientation = Literal["real_high", "fake_high"]
# What networks of other code raise on input that they were not made for.
NETWORK_FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)
SCORE_KINDS = ("logit", *(f"f-gan:{name}" for name in DIVERGENCES), "critic", "probability")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a contestant came from; goes into the record, decides nothing.

    Attributes:
        path: of its file, of both with a comma between them, or `folder:` and that of its folder of images.
        sha256: of the files' content, one after the other; of the array that the images make.
        step: generator updates; None if unknown.
        recipe: as in its checkpoint; empty if unknown.
        notes: what a reader must know of this model before believing the figures.
    """

    path: str
    sha256: str
    step: int | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """What the evaluator sees of a model.

    Attributes:
        name: keys the random streams and the record.
        generator: module from latents (N, *latent_shape) to samples; images (N, C, H, W) in `data_range`
            or vectors (N, d). Exactly one of `generator` and `samples` is given.
        discriminator: module from such samples to one raw score each, (N,), (N, 1) or
            (N, 1, 1, 1); None judges nobody.
        latent_dim: dimension of the latents; needed with a generator.
        latent_shape: shape of one latent where it is not (latent_dim,).
        latent: prior, see `gancross.random_streams.latents`.
        data_range: values of black and white in the networks' images; ignored for vectors.
        score_kind: `logit`, `f-gan:NAME` (raw score v of an f-GAN, before its output activation), `critic`,
            or `probability` (converted to a logit before anything else).
        orientation: whether a high score means real or fake.
        threshold: τ on v (on the logit for `probability`): real iff v > τ. None: no decision, as for
            Wasserstein critics; then only AUC and the like are reported.
        batch_size: samples the discriminator saw at a time in training.
        method: what this model is a run of; None if unknown.
        samples: uint8 images (N, C, H, W) or float32 vectors (N, d), N ≥ 1, in place of a generator.

    Raises:
        UsageError: fields that do not fit together, or samples in another form.
    """

    name: str
    generator: nn.Module | None = None
    discriminator: nn.Module | None = None
    latent_dim: int | None = None
    latent_shape: tuple[int, ...] | None = None
    latent: Prior = "normal"
    data_range: tuple[float, float] = (-1.0, 1.0)
    score_kind: str = "logit"
    orientation: Orientation = "real_high"
    threshold: float | None = 0.0
    batch_size: int = 64
    method: str | None = None
    samples: torch.Tensor | None = field(default=None, repr=False)
    origin: Origin | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise UsageError("a contestant needs a name")
        here = f"contestant '{self.name}'"
        if (self.generator is None) == (self.samples is None):
            raise UsageError(f"{here}: give exactly one of generator and samples")
        if self.samples is not None:
            check_canonical(self.samples, here)
        if self.generator is not None and (self.latent_dim is None or self.latent_dim < 1):
            raise UsageError(f"{here}: a generator needs latent_dim ≥ 1")
        if self.latent_shape is not None and math.prod(self.latent_shape) != self.latent_dim:
            raise UsageError(f"{here}: latent_shape {self.latent_shape} does not hold latent_dim numbers")
        if not callable(self.latent) and self.latent not in PRIORS:
            raise unknown_name("latent prior", self.latent, PRIORS)
        if self.score_kind not in SCORE_KINDS:
            raise unknown_name("score kind", self.score_kind, SCORE_KINDS)
        if self.orientation not in get_args(Orientation):
            raise unknown_name("orientation", self.orientation, get_args(Orientation))
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UsageError(f"{here}: threshold must be finite or None, is {self.threshold}")
        low, high = self.data_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(f"{here}: data_range must rise and be finite, is {self.data_range}")
        if self.batch_size < 1:
            raise UsageError(f"{here}: batch_size must be at least 1, is {self.batch_size}")
