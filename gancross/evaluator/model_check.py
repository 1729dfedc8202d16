"""What a check found of a model: facts, and what may have been said wrongly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from gancross.checkpoint.contestant import Orientation
from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.codec.fields import Recorded
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judging.findings import Finding
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe
from gancross.evaluator.result.display import display

COLLAPSED = 0.25  # of the data's spread


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How much samples vary.

    Attributes:
        different: samples of which there is no second one, nor another like it before.
        spread: √(mean over the values of a sample of their variance over samples), relative to the data's.
    """

    different: Proportion
    spread: float | Missing

    @property
    def collapsed(self) -> bool:
        """Whether half of them repeat others, or they vary less than a quarter as much as the data."""
        return 2 * self.different.count <= self.different.n > 1 or (
            not isinstance(self.spread, Missing) and self.spread < COLLAPSED
        )


@dataclass(frozen=True, kw_only=True)
class GeneratorCheck:
    """What a generator takes and makes.

    Attributes:
        latent, latent_shape: prior and shape of its latents.
        batch_norms: layers that keep running averages, by which it normalises.
        num_classes: of the labels that it takes; None: it takes none.
    """

    latent: str
    latent_shape: tuple[int, ...]
    data_range: tuple[float, float]
    batch_norms: int
    probe: GeneratorProbe
    num_classes: Annotated[int | None, Recorded(absent=True)] = None


@dataclass(frozen=True, kw_only=True)
class Medians:
    """Of a discriminator's scores as it returns them."""

    data: float
    generated: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class DiscriminatorCheck:
    """What a discriminator's scores mean, and which way round they are.

    Attributes:
        threshold: τ; None: its scores rank samples and decide nothing.
        batch_norms: layers that keep running averages.
        two_modes: whether these can be switched to batch statistics.
        group_size: how many samples it sees at a time that move each other's scores; 1: they do not.
        medians: of the scores of test data, generated samples and uniform noise.
        auc_generated, auc_noise: of test data against these; ½: it cannot tell, 0: it ranks them the wrong
            way round.
        separation: 1 − FN − FP at the threshold, on its own generator.
    """

    score_kind: str
    orientation: Orientation
    threshold: float | None
    batch_norms: int
    two_modes: bool
    group_size: int
    medians: Medians
    auc_generated: Estimate
    auc_noise: Estimate
    separation: float | Missing
    probe: DiscriminatorProbe


@dataclass(frozen=True, kw_only=True)
class ModelCheck:
    """What gancross takes a model for.

    Attributes:
        path, arch: the model's file and `module:factory`, where they are known.
        data, shape, num_real: test data that it was tried out on; shape of a sample; how many were scored.
        generator: of given samples there is none.
        findings: what may have been said wrongly, with what to say instead; none of a sound model.
        notes: remarks on the model's files and on the data.
    """

    name: str
    path: str | None
    arch: str | None
    data: str
    shape: tuple[int, ...]
    num_real: int
    generator: GeneratorCheck | Missing
    samples: Variety
    discriminator: DiscriminatorCheck | Missing
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> str:
        """All of it as text."""
        return json.dumps(encode(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def __str__(self) -> str:
        """A few lines for people."""
        return str(display("check", self))
