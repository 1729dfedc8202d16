"""What a result records of a contestant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gancross.checkpoint.reductions import recorded_reduction
from gancross.evaluator.codec.fields import Count, JsonValue, Recorded, Sha256, Size, Text, UnitFloat
from gancross.evaluator.judging.scores import score_threshold

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

# Of a contestant; format 1 did not have them.
DESCRIPTION_FIELDS = ("data_range", "latent_dim", "latent_shape", "latent", "batch_size", "arch")


@dataclass(frozen=True, kw_only=True)
class ContestantRecord:
    """What is known of a contestant: whatever a call needs to make it again.

    Attributes:
        threshold: τ on the raw score, of probabilities a probability, as oriented; None: no decisions.
        data_range: values of black and white in its networks' images; ignored for vectors.
        latent_dim, latent_shape: of one latent of its generator.
        latent: the name of its prior; "callable" where that is a function.
        batch_size: samples its discriminator saw at a time in training.
        arch: `module:factory`, the code of its networks that `--arch` named; None where it named none.
        score, generate: how its networks' outputs were reduced: names, or `callable:` and the qualified name
            of a function; None: they were taken as they are.
        clipped_values: of its generator's images, beyond `data_range`; None: no such images, none rounded.
        num_classes: of its labels; None: it has none.
        label_prior: how its generator's labels were drawn: `uniform`, `data` or `given`.
        label_weights: the probability of each class, where it was not uniform over all.
        judge_labels: whether its discriminator was given labels.

    What describes a generator is None without one, and all of it in records of format 1.
    """

    name: Text
    path: str | None
    sha256: Sha256 | None
    method: Annotated[str | None, Recorded(description="what this is a run of")]
    score_kind: str
    orientation: Literal["real_high", "fake_high"]
    threshold: float | None
    data_range: tuple[float, float] | None
    latent_dim: Size | None
    latent_shape: tuple[Size, ...] | None
    latent: Text | None
    batch_size: Size | None
    arch: Text | None
    step: int | None
    recipe: Mapping[str, JsonValue] | None
    score: Annotated[Text | None, Recorded(absent=True)] = None
    generate: Annotated[Text | None, Recorded(absent=True)] = None
    clipped_values: Annotated[Count | None, Recorded(absent=True)] = None
    num_classes: Annotated[Size | None, Recorded(absent=True)] = None
    label_prior: Annotated[Literal["uniform", "data", "given"] | None, Recorded(absent=True)] = None
    label_weights: Annotated[tuple[UnitFloat, ...] | None, Recorded(absent=True)] = None
    judge_labels: Annotated[bool | None, Recorded(absent=True)] = None

    @property
    def real_high_threshold(self) -> float | None:
        """τ on the axis of the scores, where probabilities are logits and high means real."""
        return score_threshold(self.threshold, score_kind=self.score_kind, orientation=self.orientation)

    @property
    def is_described(self) -> bool:
        """Whether the record tells what its files do not; those of format 1 do not."""
        return self.data_range is not None


def contestant_record(contestant: Contestant, clipped_values: int | None) -> ContestantRecord:
    """What is recorded of a contestant; `clipped_values` as of the record."""
    origin = contestant.origin
    path, sha256, step, recipe = (
        (None,) * 4 if origin is None else (origin.path, origin.sha256, origin.step, origin.recipe or None)
    )
    low, high = contestant.data_range
    dim = None if contestant.generator is None else contestant.latent_dim
    latent = "callable" if callable(contestant.latent) else contestant.latent
    return ContestantRecord(
        name=contestant.name, path=path, sha256=sha256, method=contestant.method,
        score_kind=contestant.score_kind, orientation=contestant.orientation,
        threshold=contestant.decision_threshold, data_range=(float(low), float(high)),
        latent_dim=dim, latent_shape=None if dim is None else contestant.latent_shape or (dim,),
        latent=None if dim is None else latent,
        batch_size=contestant.batch_size, arch=None if origin is None else origin.arch,
        step=step, recipe=recipe, clipped_values=clipped_values,
        score=None if contestant.discriminator is None else recorded_reduction(contestant.score),
        generate=None if dim is None else recorded_reduction(contestant.generate),
        num_classes=contestant.num_classes, judge_labels=contestant.judge_labels,
        **_recorded_prior(contestant),
    )  # fmt: skip


def _recorded_prior(contestant: Contestant) -> dict[str, Any]:
    """How labels were drawn, of a conditional generator."""
    if contestant.num_classes is None or contestant.generator is None:
        return {}
    prior, weights = contestant.label_prior, contestant.label_weights
    if isinstance(prior, str):
        return {"label_prior": prior, "label_weights": weights}
    return {"label_prior": "given", "label_weights": weights or prior}
