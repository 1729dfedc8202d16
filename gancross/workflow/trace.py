"""A run along its saved steps: each step's generator and discriminator as a cross-test sees them.

Where the log of a run looks at a few hundred samples through the eyes of the batch, here every numbered
checkpoint is judged as a finished model would be, on fresh samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data.sets import DataSet, to_network
from gancross.errors import UsageError
from gancross.evaluator.crosstest import load_reals, training_reals
from gancross.evaluator.judging.controls import Control
from gancross.evaluator.judging.sampling import CHUNK, Label, Source, check_fit, fake_source
from gancross.evaluator.judging.scoring import OfJudge, evaluating, real_high_threshold, score_all
from gancross.evaluator.result import record
from gancross.evaluator.statistics.auc import auc_interval
from gancross.evaluator.statistics.confusion import Share, false_negatives, false_positives
from gancross.evaluator.statistics.proportions import Estimate
from gancross.report.paper_figures.saved_runs import SavedRun
from gancross.trainer.monitors import mixture_figures, spread
from gancross.trainer.state import DATA_RANGE

FORMAT = "gancross.trace/1"
MIXTURE = "mixture"

Plain = dict[str, Any]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a run is traced.

    Attributes:
        steps: saved ones; None: all.
        data: a data set or its name; None: the recipe's.
        cross: whether every step's discriminator judges every step's generator.
    """

    steps: Sequence[int] | None = None
    num_samples: int = 10_000
    seed: int = 0
    data: str | DataSet | None = None
    data_root: Path
    device: torch.device
    cross: bool = False


def trace(run: SavedRun, asked: Asked, *, progress: Progress | None = None) -> Plain:
    """Figures of a run at its saved steps, as plain values.

    Latents are independent from step to step; the reals are the same. Judges with batch norm use running
    averages.

    Returns:
        `snapshots`, one a step: `fn` and `fp`, the discriminator's own confusion; `score_real` and
        `score_fake`, its mean scores, high meaning real, and `margin`, their difference (higher: it tells
        its generator's samples more surely); `generalisation_gap`, TPR on training reals − TPR on test
        reals, and `training_auc`, by which its scores tell the two apart whatever the threshold (0.5: not at
        all); `spread` of the samples over that of the test data; on the mixture also what
        `mixture_figures` gives. With `cross`, `cross` is {"steps", "fp"}: FP of generators (rows) under
        judges (columns).

    Raises:
        UsageError: a step that was not saved, data that do not fit, or no data by the recipe's name.
        CheckpointError: a checkpoint is refused.
        DivergenceError: samples or scores that are not finite.
    """
    steps = _chosen_steps(run, asked.steps)
    data = run.recipe.data if asked.data is None else asked.data
    size = run.recipe.image_size
    reals = load_reals(data, data_root=asked.data_root, image_size=size, seed=asked.seed)
    models = {step: load_contestant(run.checkpoints[step], name=f"step-{step}") for step in steps}
    groups = [steps] if asked.cross else [[step] for step in steps]
    snapshots: list[Plain] = []
    fp: list[list[float | None]] = []
    for group in groups:
        judged = _judged({step: models[step] for step in group}, reals, asked, progress)
        snapshots += [{"step": s, "gamma": run.recipe.gamma_at(s), **judged.snapshot(s)} for s in group]
        fp = [[judged.fp(row, column) for column in group] for row in group]
    return {
        "format": FORMAT,
        "recipe": run.recipe.to_dict(),
        "steps_saved": max(run.checkpoints),
        "protocol": {
            "data": reals.name, "num_real": judged.num_real, "num_fake": asked.num_samples,
            "seed": asked.seed, "norm": "eval", "chunk": CHUNK, "threads": torch.get_num_threads(),
        },
        "snapshots": snapshots,
        "cross": {"steps": steps, "fp": fp} if asked.cross else None,
    }  # fmt: skip


def _chosen_steps(run: SavedRun, asked: Sequence[int] | None) -> list[int]:
    for step in asked or ():
        if step not in run.checkpoints:
            saved = ", ".join(map(str, run.checkpoints))
            raise UsageError(f"{run.folder}: step {step} was not saved; saved steps: {saved}")
    return list(run.checkpoints if asked is None else asked)


class _Samples:
    """Figures of the samples themselves, taken as they pass."""

    def __init__(self, *, mixture: bool) -> None:
        self.figures: dict[Label, dict[str, float]] = {}
        self._mixture, self._held = mixture, list[torch.Tensor]()

    def wants(self, label: Label) -> bool:
        """Every source."""
        return True

    def add(self, label: Label, chunk: torch.Tensor, count: int) -> None:
        """One chunk of a source, of which the first `count` samples are no padding."""
        self._held.append(chunk[:count].cpu())

    def finish_source(self, label: Label) -> None:
        """All chunks of the source were added."""
        samples, self._held = torch.cat(self._held), []
        self.figures[label] = {"spread": float(spread(to_network(samples, DATA_RANGE)))}
        if self._mixture:
            self.figures[label] |= mixture_figures(samples)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """Some steps' models and what they made of each other."""

    models: dict[int, Contestant]
    scores: dict[str, OfJudge]
    samples: dict[Label, dict[str, float]]
    no_training: str
    num_real: int

    def fp(self, generator: int, judge: int) -> float | None:
        """The share of one step's samples that another's discriminator calls real."""
        share = self._share(judge, self.models[generator].name)
        return None if share is None else share.rate

    def snapshot(self, step: int) -> Plain:
        """A step's model on its own."""
        model = self.models[step]
        scores, made = self.scores[model.name], dict(self.samples[model.name])
        real, fake = float(scores[None].mean()), float(scores[model.name].mean())
        wide = self.samples[None]["spread"]
        made["spread"] = made["spread"] / wide if wide > 0 else float(made["spread"] > 0)
        return {
            **record.rate("fn", self._share(step, None), record.NO_THRESHOLD),
            **record.rate("fp", self._share(step, model.name), record.NO_THRESHOLD),
            "score_real": real, "score_fake": fake, "margin": real - fake,
            "generalisation_gap": record.generalisation_record(model, scores, self.no_training),
            **record.estimate("training_auc", self._training_auc(scores), self.no_training),
            **made,
        }  # fmt: skip

    def _training_auc(self, scores: OfJudge) -> Estimate | None:
        if Control.TRAINING not in scores:
            return None
        return auc_interval(real=scores[Control.TRAINING], fake=scores[None])

    def _share(self, judge: int, label: Label) -> Share | None:
        model = self.models[judge]
        threshold = real_high_threshold(model)
        if threshold is None:
            return None
        counted = false_negatives if label is None else false_positives
        return counted(self.scores[model.name][label], threshold)


def _judged(
    models: dict[int, Contestant], reals: DataSet, asked: Asked, progress: Progress | None
) -> _Judged:
    """Every model's discriminator on the reals and on every model's samples."""
    judges = list(models.values())
    test = reals.held_out(asked.num_samples)
    training, no_training = training_reals(
        reals, None, asked.num_samples, asked.data_root, reals.image_size, asked.seed
    )
    sources = [Source(label=None, n=len(test), array=test)]
    sources += [fake_source(judge, num_samples=asked.num_samples, seed=asked.seed) for judge in judges]
    if training is not None:
        sources.append(Source(label=Control.TRAINING, n=len(training), array=training))
    watch = _Samples(mixture=reals.name == MIXTURE)
    modules = [part for one in judges for part in (one.generator, one.discriminator) if part is not None]
    with evaluating(modules, asked.device):
        check_fit(judges, shape=reals.shape, device=asked.device)
        judged = score_all(
            sources, judges, seed=asked.seed, shape=reals.shape, device=asked.device, batch_size=CHUNK,
            norm_check=False, watch=watch, progress=progress,
        )  # fmt: skip
    return _Judged(
        models=models, scores={judge.name: judged.of(judge.name, "eval") for judge in judges},
        samples=watch.figures, no_training=no_training, num_real=len(test),
    )  # fmt: skip
