"""A contestant of a cross-test: a generator or a fixed set of samples, and optionally a discriminator.

Scores: v is the raw output of a discriminator, one number per sample. *Real is positive.*
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import torch
from torch import nn

from gancross.arguments import integer
from gancross.checkpoint.class_labels import LabelPrior, label_fields
from gancross.checkpoint.functions import as_network
from gancross.checkpoint.inputs import Input, described_inputs, split_inputs
from gancross.checkpoint.outputs import check_reduction
from gancross.checkpoint.reductions import Reduction
from gancross.checkpoint.replicas import Within, as_it_is, replica
from gancross.data.formats import FormatShare
from gancross.data.resizing import Resizing
from gancross.data.sets import check_canonical, native_array
from gancross.errors import UsageError, first_line, is_text, printable, unknown_name
from gancross.machine.crew import own_store
from gancross.machine.files import composed
from gancross.models.buffers import seeded, unchanged
from gancross.random_streams import Prior
from gancross.score_kinds import AUTO, Threshold, decision_threshold

Orientation = Literal["real_high", "fake_high"]
# What networks of other projects raise on input of a shape or type that they do not accept.
NETWORK_FAILURES = (
    RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, ImportError,
)  # fmt: skip
MISSING = "missing 1 required positional argument"  # what Python says of a second one that was not given
# Fields of the same name and meaning in `Checkpoint`.
SHARED_FIELDS = (
    "method", "latent_dim", "latent_shape", "latent", "data_range", "score_kind", "orientation", "threshold",
    "batch_size", "num_classes",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of a contestant; recorded, without influence on the figures.

    Attributes:
        path: of its file; both paths, separated by a comma; `folder:` and the path of its images; of code
            alone the same as `arch`.
        sha256: of the concatenated content of the files; of the array of the images; of the code.
        step: generator updates; None if unknown.
        recipe: as in its checkpoint; empty if unknown.
        arch: `module:factory` of its networks, as the caller named it; None where nobody had to.
        notes: remarks that a reader of the figures needs.
        file_formats: of the image files that its samples were read from; none where they were not.
    """

    path: str
    sha256: str
    step: int | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    arch: str | None = None
    notes: tuple[str, ...] = ()
    file_formats: tuple[FormatShare, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A model as the evaluator sees it.

    Attributes:
        name: keys the random streams and the record; its characters are composed (NFC).
        generator: module or function from latents (N, *latent_shape) to samples; images (N, C, H, W) in
            `data_range` or vectors (N, d). Exactly one of `generator` and `samples` is given. A function
            becomes a module that holds the modules it uses, see `gancross.checkpoint.functions`.
        discriminator: module or function from such samples to one raw score each, (N,), (N, 1) or
            (N, 1, 1, 1), or to what `score` reduces to that; None: it is only judged.
        latent_dim: dimension of the latents; a generator needs it, or `latents`.
        latent_shape: shape of one latent where it is not (latent_dim,).
        latent: prior, see `gancross.random_streams.latents`.
        latents: in place of these three, the inputs of a generator that takes several, or truncated ones: a
            list of `gancross.Input`, or a text as `noise:128,codes:10:one-hot`. The generator gets them by
            position, in the order of the list.
        data_range: values of black and white in the networks' images; ignored for vectors.
        score_kind: what a score means, a key of `gancross.score_kinds.SCORE_KINDS`.
        orientation: whether a high score means real or fake. No kind implies it: energies that are low for
            reals need `fake_high`.
        threshold: τ on v, for `probability` a probability, 0 < τ < 1: real iff v > τ, or v < τ where high
            scores mean fake; a tie is fake. "auto": that of the kind. None: no decisions; then only AUC
            and the like are reported.
        batch_size: samples the discriminator saw at a time in training.
        method: what this model is a run of; None if unknown.
        samples: uint8 images (N, C, H, W) or float32 vectors (N, d) in place of a generator, no axis of
            length 0.
        score: how to reduce what the discriminator returns where that is not one score per sample: names of
            `gancross.checkpoint.outputs.STEPS`, `first`, `last`, `index:N`, `key:NAME`, `mean` (over
            the positions of a map (N, 1, h, w)), `logsumexp` or `fake-class:N` (of logits of classes),
            several with commas between them, or a function.
        generate: the same for the generator: `first`, `last`, `index:N`, `key:NAME`, `nhwc` (images (N, H, W,
            C)), or a function. Images of dtype uint8 are levels 0…255, whatever `data_range`, which the
            discriminator takes.
        num_classes: K where the generator takes labels, int64 (N,) in 0…K−1, after its latents, as
            `generator(latents, labels)`; None: it takes none. Of given samples that of their `labels`.
        label_prior: how the labels of generated samples are drawn: `uniform`; `data`, by their frequencies
            among the training reals; or K numbers ≥ 0, in proportion to these.
        judge_labels: whether the discriminator takes labels, as `discriminator(samples, labels)`; None: it
            does if the model has labels and its second parameter is called as labels are, see
            `gancross.checkpoint.class_labels.takes_labels`.
        labels: of given samples, integers (N,); None: they have none.
        label_weights: probability of each class on the data at hand, where `label_prior` is `data` or
            classes were left out; whoever knows the data fills it in.
        resizing: set by calls with `resize`; None: its images have the size of all.

    Raises:
        UsageError: fields that do not fit together, or samples of another dtype or shape.
    """

    name: str
    generator: nn.Module | None = None
    discriminator: nn.Module | None = None
    latent_dim: int | None = None
    latent_shape: tuple[int, ...] | None = None
    latent: Prior = "normal"
    latents: Sequence[Input] | str | None = None
    data_range: tuple[float, float] = (-1.0, 1.0)
    score_kind: str = "logit"
    orientation: Orientation = "real_high"
    threshold: Threshold = AUTO
    batch_size: int = 64
    method: str | None = None
    num_classes: int | None = None
    label_prior: LabelPrior = "uniform"
    judge_labels: bool | None = None
    samples: torch.Tensor | None = field(default=None, repr=False)
    labels: torch.Tensor | None = field(default=None, repr=False)
    score: Reduction | None = None
    generate: Reduction | None = None
    origin: Origin | None = field(default=None, repr=False)
    resizing: Resizing | None = field(default=None, repr=False)
    label_weights: tuple[float, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise UsageError(f"a contestant needs a name, a text that is not empty, got {self.name!r}")
        object.__setattr__(self, "name", composed(self.name))
        prefix = f"contestant '{printable(self.name)}'"
        if self.method is not None and not isinstance(self.method, str):
            raise UsageError(f"{prefix}: method must be a text, got {self.method!r}")
        object.__setattr__(self, "method", self.method and composed(self.method))
        if not is_text(self.name):
            raise UsageError(f"{prefix}: its name holds bytes that are no text: give another name")
        if (self.generator is None) == (self.samples is None):
            raise UsageError(f"{prefix}: expected exactly one of generator and samples")
        self._check_types(prefix)
        check_reduction(self.score, option="score", prefix=prefix)
        check_reduction(self.generate, option="generate", prefix=prefix)
        if self.samples is not None:
            check_canonical(self.samples, prefix)
        self._set_labels(prefix)
        inputs = described_inputs(
            self.latents, dim=self.latent_dim, shape=self.latent_shape, prior=self.latent,
            has_generator=self.generator is not None, prefix=prefix,
        )  # fmt: skip
        object.__setattr__(self, "latents", inputs)
        try:
            decision_threshold(self.score_kind, self.threshold)
        except UsageError as error:
            raise UsageError(f"{prefix}: {error}") from None
        if self.orientation not in get_args(Orientation):
            raise unknown_name("orientation", self.orientation, get_args(Orientation))
        low, high = self.data_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(
                f"{prefix}: data_range must be two finite numbers, the lower one first, got {self.data_range}"
            )
        if self.batch_size < 1:
            raise UsageError(f"{prefix}: batch_size must be at least 1, got {self.batch_size}")

    def _check_types(self, prefix: str) -> None:
        """From Python anything may come: what counts as an integer or as numbers becomes that."""
        for what in ("generator", "discriminator"):
            network = getattr(self, what)
            if network is not None:
                object.__setattr__(self, what, as_network(network, what=what, prefix=prefix))
        for what in ("latent_dim", "batch_size", "num_classes"):
            value = getattr(self, what)
            if value is not None or what == "batch_size":
                object.__setattr__(self, what, integer(value, f"{prefix}: {what}"))
        what, expected = "latent_shape", "integers"
        try:
            if self.latent_shape is not None:
                shape = tuple(operator.index(length) for length in self.latent_shape)
                object.__setattr__(self, "latent_shape", shape)
            what, expected = "data_range", "two numbers"
            low, high = map(float, self.data_range)
            object.__setattr__(self, "data_range", (low, high))
        except (TypeError, ValueError):
            raise UsageError(f"{prefix}: {what} must be {expected}, got {getattr(self, what)!r}") from None
        if self.samples is not None:
            object.__setattr__(self, "samples", native_array(self.samples, f"{prefix}: samples"))

    def _set_labels(self, prefix: str) -> None:
        fields = label_fields(
            prefix, generator=self.generator, discriminator=self.discriminator, samples=self.samples,
            labels=self.labels, num_classes=self.num_classes, label_prior=self.label_prior,
            judge_labels=self.judge_labels,
        )  # fmt: skip
        for what, value in fields.items():
            object.__setattr__(self, what, value)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Its `latents`; empty where it takes one input, described by `latent_dim` and the like."""
        return cast(tuple[Input, ...], self.latents or ())

    @property
    def decision_threshold(self) -> float | None:
        """τ on v, a probability for `probability`; None: its scores rank samples and decide nothing."""
        return decision_threshold(self.score_kind, self.threshold)

    @property
    def networks(self) -> list[nn.Module]:
        """Its generator and its discriminator; it may lack one or both."""
        return [network for network in (self.generator, self.discriminator) if network is not None]


def listed(contestants: Iterable[Contestant]) -> list[Contestant]:
    """The contestants of a Python call, in a list or any other order of them.

    Raises:
        UsageError: something else.
    """
    if not isinstance(contestants, Iterable):
        kind = type(contestants).__name__
        raise UsageError(f"contestants: expected a list of gancross.Contestant, got {kind}")
    found = list(contestants)
    for each in found:
        if not isinstance(each, Contestant):
            raise UsageError(
                f"contestants: expected gancross.Contestant, got {type(each).__name__};"
                " gancross.load_contestant(path) reads one of a file"
            )
    return found


def applied(
    network: nn.Module, inputs: torch.Tensor, *, refusal: str, seed: int, labels: torch.Tensor | None = None,
    split: Sequence[Input] = (),
    within: Within = as_it_is,
) -> object:  # fmt: skip
    """`network(inputs)`, or `network(inputs, labels)`, of whatever type; its buffers stay as they were.

    Without gradients, also where a call before turned them on and left them so.

    Args:
        split: the inputs that stand side by side in the rows of `inputs`; the network takes each by itself.
        seed: of torch's global generators during the call, from which a network may draw noise of its own.
            In a thread of a crew they are left alone, since all threads share them: see `network_crew`.
        within: around the call, of the network that is called, which in a thread of a crew is a copy.

    Raises:
        UsageError: the network does not accept them; the message is `refusal`, their shape and the reason.
    """
    parts = split_inputs(inputs, split) if split else (inputs,)
    try:
        generators = seeded(seed, inputs.device) if own_store() is None else nullcontext()
        with torch.no_grad(), replica(network) as own, unchanged(own), within(own), generators:
            return own(*parts) if labels is None else own(*parts, labels)
    except NETWORK_FAILURES as error:
        if "memory" in str(error):  # the machine's fault, not the network's
            raise
        hint = ""
        if labels is None and MISSING in str(error):
            hint = "; if it takes labels, give num_classes"
        elif labels is not None and isinstance(error, IndexError):
            hint = f"; labels reach from 0 to {int(labels.max())}: does it know so many classes?"
        shapes = ", ".join(str(tuple(part.shape[1:])) for part in parts)
        raise UsageError(f"{refusal} of shape {shapes}: {first_line(error)}{hint}") from error
