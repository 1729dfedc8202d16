"""A run along its saved steps: each step's generator and discriminator as a cross-test sees them.

The log of a run has figures of a few hundred samples, computed with batch statistics. Here every numbered
checkpoint is judged as a finished model would be, on fresh samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.order import content_order
from gancross.data.resizing import Resize
from gancross.data.sets import DataSet, to_network
from gancross.errors import UsageError
from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.codec.fields import JsonValue, Recorded
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.crosstest import all_sources
from gancross.evaluator.estimates import Estimate, Missing, Proportion
from gancross.evaluator.judged_data import load_reals, training_reals
from gancross.evaluator.judged_labels import real_labels, with_labels
from gancross.evaluator.judging.controls import TRAINING
from gancross.evaluator.judging.figures import judge_generalisation_gap
from gancross.evaluator.judging.probe_results import coupled, grouped, noisy, readers, unswitchable
from gancross.evaluator.judging.probes import probed
from gancross.evaluator.judging.sampling import Label
from gancross.evaluator.judging.scores import NO_THRESHOLD, ScoresBySource, called_real, real_high_threshold
from gancross.evaluator.judging.scoring import Progress, evaluating, score_all
from gancross.evaluator.judging.source_labels import with_labels_of_reals
from gancross.evaluator.protocol import Norm, Protocol, chunk_length
from gancross.evaluator.resizing import resizing_notes, with_resizing
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.confusion import false_negatives
from gancross.machine.devices import Fetched
from gancross.random_streams import Stream
from gancross.report.paper_figures.saved_runs import SavedRun
from gancross.trainer.monitors import MIXTURE, mixture_figures, spread
from gancross.trainer.state import DATA_RANGE


@dataclass(frozen=True, kw_only=True)
class TraceRequest:
    """How a run is traced.

    Attributes:
        steps: saved steps; None: all.
        num_samples: generated samples of each step; also the number of test samples of endless data.
        seed: of latents, and of test samples of endless data.
        data: a data set or its name; None: the recipe's.
        data_root: folder of named data sets.
        device: where the networks run.
        cross: whether every step's discriminator judges every step's generator.
        chunk, resize: as of `Protocol`.
    """

    steps: Sequence[int] | None = None
    num_samples: int = 10_000
    seed: int = 0
    data: str | DataSet | None = None
    data_root: Path
    device: torch.device
    cross: bool = False
    chunk: int | None = None
    resize: Resize | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One saved step.

    Attributes:
        gamma: of the regularizer at this step.
        fn, fp: the discriminator's own confusion.
        score_real, score_fake: its mean scores, high meaning real.
        margin: `score_real` − `score_fake`; larger: the discriminator separates them more clearly.
        generalisation_gap: TPR on training reals − TPR on test reals.
        training_auc: AUC of its scores of training reals against test reals; 0.5: no difference.
        samples: `spread` of the samples over that of the test data; on the mixture also what
            `mixture_figures` gives.
    """

    step: int
    gamma: float
    fn: Proportion | Missing
    fp: Proportion | Missing
    score_real: float | Missing
    score_fake: float | Missing
    margin: float | Missing
    generalisation_gap: Annotated[Estimate | Missing, Recorded(nulls=("value",))]
    training_auc: Estimate | Missing
    samples: Annotated[Mapping[str, float | Missing], Recorded(inline=True)]


@dataclass(frozen=True, kw_only=True)
class CrossSteps:
    """FP of the steps' generators (rows) under the steps' discriminators (columns)."""

    steps: tuple[int, ...]
    fp: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class TraceProtocol:
    """How the figures were computed."""

    data: str
    num_real: int
    num_fake: int
    seed: int
    norm: Norm = "eval"
    chunk: int
    resize: Annotated[Resize | None, Recorded(absent=True)] = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A run along its saved steps.

    Attributes:
        steps_saved: the last of them.
        flags: what a reader must know of the data before believing the figures.
    """

    format: Literal["gancross.trace/1"] = "gancross.trace/1"
    recipe: Mapping[str, JsonValue]
    steps_saved: int
    protocol: TraceProtocol
    flags: tuple[str, ...] = ()
    snapshots: tuple[Snapshot, ...]
    cross: CrossSteps | None

    def to_json(self) -> str:
        """The trace as text."""
        return json.dumps(encode(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def trace(run: SavedRun, request: TraceRequest, *, progress: Progress | None = None) -> Trace:
    """Figures of a run at its saved steps.

    Latents are independent from step to step; the reals are the same. Judges with batch norm use running
    averages.

    Raises:
        UsageError: a step that was not saved, data or code of networks that do not fit, no data by the
            recipe's name, or samples that cannot be resized.
        CheckpointError: a checkpoint is refused.
        DivergenceError: samples or scores that are not finite.
    """
    steps = list(run.checkpoints) if request.steps is None else request.steps
    for step in steps:
        if step not in run.checkpoints:
            saved = ", ".join(map(str, run.checkpoints))
            raise UsageError(f"{run.folder}: step {step} was not saved; saved steps: {saved}")
    reals = load_reals(
        run.recipe.data if request.data is None else request.data, data_root=request.data_root,
        image_size=run.recipe.image_size, seed=request.seed, trained_on={run.folder.name: run.recipe.data},
    )  # fmt: skip
    models = {step: run.contestant(step, name=f"step-{step}") for step in steps}
    protocol = Protocol(
        num_samples=request.num_samples, seed=request.seed, norm_check=False, controls=False,
        chunk=request.chunk, resize=request.resize,
    )  # fmt: skip
    labelled, reals, protocol = with_labels(list(models.values()), reals, protocol)
    flags, side = reals.notes, reals.shape[-1]
    labelled, reals, protocol = with_resizing(labelled, reals, protocol, device=str(request.device))
    if request.resize is not None:
        # One step's note is that of all: their images have one size.
        run_itself = [replace(model, name=run.folder.name) for model in labelled[:1]]
        flags = (*flags, *resizing_notes(run_itself, request.resize, test_side=side))
    models = dict(zip(steps, labelled, strict=True))
    groups = [steps] if request.cross else [[step] for step in steps]
    snapshots: list[Snapshot] = []
    num_real, cross = 0, None
    for group in groups:
        scored = _scored({step: models[step] for step in group}, reals, protocol, request, progress)
        snapshots += [scored.snapshot(step, run.recipe.gamma_at(step)) for step in group]
        num_real = scored.num_real
        if request.cross:
            cross = scored.cross()
    return with_finite_figures(Trace(
        recipe=run.recipe.to_dict(), steps_saved=max(run.checkpoints), snapshots=tuple(snapshots),
        cross=cross, flags=flags,
        protocol=TraceProtocol(
            data=reals.name, num_real=num_real, num_fake=request.num_samples, seed=request.seed,
            chunk=chunk_length(reals.shape, protocol.chunk), resize=request.resize,
        ),
    ))  # fmt: skip


class _SampleFigures:
    """Observer of the scoring: figures of the samples themselves."""

    def __init__(self, *, mixture: bool) -> None:
        self.by_source: dict[Label, dict[str, float]] = {}
        self._mixture, self._chunks = mixture, list[Fetched]()

    def wants(self, label: Label) -> bool:
        return True

    def measured(self, chunk: torch.Tensor, count: int) -> torch.Tensor:
        return chunk[:count]

    def add(self, label: Label, measured: torch.Tensor) -> None:
        self._chunks.append(Fetched(measured))

    def finish_source(self, label: Label) -> None:
        samples, self._chunks = torch.cat([chunk.result() for chunk in self._chunks]), []
        self.by_source[label] = {"spread": float(spread(to_network(samples, DATA_RANGE)))}
        if self._mixture:
            self.by_source[label] |= mixture_figures(samples)


@dataclass(frozen=True, kw_only=True)
class _ScoredSteps:
    """Some steps' models and what they made of each other."""

    models: dict[int, Contestant]
    scores: dict[str, ScoresBySource]
    samples: dict[Label, dict[str, float]]
    no_training: str
    num_real: int

    def cross(self) -> CrossSteps:
        rates = [[self._fp(judge, generator) for judge in self.models] for generator in self.models]
        fp = tuple(tuple(None if rate is None else rate.rate for rate in row) for row in rates)
        return CrossSteps(steps=tuple(self.models), fp=fp)

    def snapshot(self, step: int, gamma: float) -> Snapshot:
        model = self.models[step]
        scores, samples = self.scores[model.name], dict(self.samples[model.name])
        real, fake = float(scores[None].mean()), float(scores[model.name].mean())
        whole = self.samples[None]["spread"]
        samples["spread"] = samples["spread"] / whole if whole > 0 else float(samples["spread"] > 0)
        threshold = real_high_threshold(model)
        missing = Missing(NO_THRESHOLD)
        return Snapshot(
            step=step, gamma=gamma, score_real=real, score_fake=fake, margin=real - fake, samples=samples,
            fn=missing if threshold is None else false_negatives(
                scores[None], threshold, group_size=scores.group_size
            ),
            fp=self._fp(step, step) or missing,
            generalisation_gap=judge_generalisation_gap(model, scores, self.no_training),
            training_auc=auc_interval(
                real=scores[TRAINING], fake=scores[None], group_size=scores.group_size
            ) if TRAINING in scores
            else Missing(self.no_training),
        )  # fmt: skip

    def _fp(self, judge: int, generator: int) -> Proportion | None:
        model = self.models[judge]
        return called_real(model, self.scores[model.name], self.models[generator].name)


def _scored(
    models: dict[int, Contestant], reals: DataSet, protocol: Protocol, request: TraceRequest,
    progress: Progress | None,
) -> _ScoredSteps:  # fmt: skip
    """Every model's discriminator on the reals and on every model's samples."""
    judges = list(models.values())
    test = reals.held_out(request.num_samples)
    training = training_reals(reals.train, protocol)
    figures = _SampleFigures(mixture=reals.name == MIXTURE)
    modules = [module for judge in judges for module in judge.networks]
    with evaluating(modules, request.device):
        chunk = chunk_length(reals.shape, protocol.chunk)
        probes = probed(
            judges, test=test, shape=reals.shape, device=request.device, chunk=chunk,
            labels=real_labels(reals, reals.train, protocol).test,
        )  # fmt: skip
        order = None
        if grouped(probes):  # stored order may be that of classes, and company decides their scores
            own_labels = real_labels(reals, None, protocol).test
            order = content_order(test, stream=Stream(request.seed, "order", "test"), labels=own_labels).index
            test = test[torch.from_numpy(order)]
        sources = with_labels_of_reals(
            all_sources(judges, test, training, protocol), judges,
            real_labels(reals, reals.train, protocol, order=order), seed=protocol.seed,
        )  # fmt: skip
        scores = score_all(
            sources, judges, protocol, shape=reals.shape, device=request.device, observer=figures,
            progress=progress, coupled=coupled(probes), grouped=grouped(probes),
            unswitchable=unswitchable(probes), noisy=noisy(probes), readers=readers(probes),
        )  # fmt: skip
    return _ScoredSteps(
        models=models, scores={judge.name: scores.of(judge.name, "eval") for judge in judges},
        samples=figures.by_source, num_real=len(test),
        no_training=training.reason if isinstance(training, Missing) else "",
    )  # fmt: skip
