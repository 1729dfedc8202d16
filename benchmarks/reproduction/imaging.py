"""Image runs along training: distances of samples from data by features that need no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d, unfold

from gancross.data import catalogue
from gancross.data.sets import DataSet
from gancross.evaluator.fidelity.frechet import (
    Array,
    Moments,
    Statistics,
    covariance_factor,
    frechet_distance,
)
from gancross.report.paper_figures.labels import architecture
from gancross.report.paper_figures.saved_runs import SavedRun, common_steps, saved_run
from gancross.trainer.monitors import COLLAPSED_SPREAD
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import PlannedRun, Spec
from gancross.workflow.trace import TraceRequest, trace
from reproduction import crossing, histories, records
from reproduction.crossing import reals_of
from reproduction.record import Record

SAMPLES = 4000  # of every step that is looked at
MOST_STEPS = 5
COARSE = 8  # side of the thumbnails
PATCH, STRIDE = 5, 9
CHUNK = 500
ALIVE = 1.0  # coarse distance of a generator of nothing but the reals' mean image
COPIES = (1, 4, 16, 64, 256)  # test images that a collapsed generator would make and nothing else
LOGGED = ("spread", "gradient_discriminator", "gradient_generator")

Features = Callable[[torch.Tensor], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """Features of the real samples, and distances from them.

    Attributes:
        features: uint8 images (N, C, H, W) → (rows, D).
        real: statistics of the reals' features.
        factor: of their covariance.
    """

    features: Features
    real: Statistics
    factor: Array

    @classmethod
    def of(cls, features: Features, reals: torch.Tensor) -> Yardstick:
        """A yardstick for these reals."""
        real = _statistics(features, reals)
        return cls(features=features, real=real, factor=covariance_factor(real.covariance))

    def distance(self, fakes: torch.Tensor) -> float:
        """Fréchet distance over tr Σ of the reals, ≥ 0; lower is better.

        0 for the data; 1 for a generator that makes nothing but their mean, since then |μ₁ − μ₂| = 0 and
        Σ₁ = 0.
        """
        statistics = _statistics(self.features, fakes)
        distance = frechet_distance(fake=statistics, real=self.real, real_factor=self.factor)
        return distance / float(np.trace(self.real.covariance))


def thumbnails(images_NCHW: torch.Tensor) -> NDArray[np.float32]:
    """Mean colours on an 8×8 grid, (N, 64·C), in 0…1: the coarse content of an image."""
    return adaptive_avg_pool2d(images_NCHW.float() / 255, COARSE).flatten(1).numpy()


def patches(images_NCHW: torch.Tensor) -> NDArray[np.float32]:
    """5×5 patches, nine pixels apart, one per row, (N·patches, 25·C), in 0…1: local texture."""
    cut_NDP = unfold(images_NCHW.float() / 255, PATCH, stride=STRIDE)
    return cut_NDP.transpose(1, 2).flatten(0, 1).numpy()


def images(spec: Spec, out: Path) -> Record:
    """Every run at five of its saved steps: distances of samples, and the discriminator's confusion."""
    runs = records.started_runs(spec, out)
    reals = reals_of(spec)
    sticks = yardsticks(reals)
    several = len({architecture(run.recipe) for run in runs}) > 1
    return {
        "protocol": {
            "data": reals.name, "image_size": reals.image_size, "num_fake": SAMPLES,
            "num_real": len(reals.held_out(SAMPLES)), "alive_below": ALIVE, "alive_spread": COLLAPSED_SPREAD,
            "collapsed_to": collapsed(reals, sticks["coarse"]),
        },
        "runs": [
            _looked_at(run, out, reals, sticks)
            | {"facet": architecture(run.recipe) if several else f"rate {run.recipe.learning_rate:g}"}
            for run in runs
        ],
    }  # fmt: skip


def ranked_images(spec: Spec, out: Path) -> Record:
    """As `crossing.ranked`, with the distances of the last samples among the figures of fidelity."""
    return _with_distances(crossing.ranked(spec, out), spec, out)


def crosstested_images(spec: Spec, out: Path) -> Record:
    """As `crossing.crosstested_in_all_modes`, with the distances."""
    return _with_distances(crossing.crosstested_in_all_modes(spec, out), spec, out)


def collapsed(reals: DataSet, stick: Yardstick) -> dict[str, float]:
    """Distances of generators that repeat only a few of the test images, by their number."""
    test = reals.held_out(SAMPLES)
    chosen = {count: test[:count] for count in COPIES if count < len(test)}
    return {
        str(count): stick.distance(images.repeat(SAMPLES // count, 1, 1, 1))
        for count, images in chosen.items()
    }


def _with_distances(record: Record, spec: Spec, out: Path) -> Record:
    sticks = yardsticks(reals_of(spec))
    for description, run in zip(record["runs"], records.started_runs(spec, out), strict=True):
        description["fidelity"] |= distances(saved_run(run_folder(out, run)), description["reached"], sticks)
    return record


def yardsticks(reals: DataSet) -> dict[str, Yardstick]:
    """The coarse and the texture distance to the test data."""
    test = reals.held_out(SAMPLES)
    return {"coarse": Yardstick.of(thumbnails, test), "texture": Yardstick.of(patches, test)}


def distances(saved: SavedRun, step: int, sticks: dict[str, Yardstick]) -> dict[str, float]:
    """Distances of the samples of a saved step."""
    fakes = saved.samples(step, num_samples=SAMPLES, seed=0, device=records.CPU)
    return {name: stick.distance(fakes) for name, stick in sticks.items()}


def _looked_at(run: PlannedRun, out: Path, reals: DataSet, sticks: dict[str, Yardstick]) -> Record:
    description, lines = records.identity(run, out)
    saved = saved_run(run_folder(out, run))
    steps = common_steps([saved], None, most=MOST_STEPS)
    request = TraceRequest(
        steps=steps, num_samples=SAMPLES, data=reals, data_root=catalogue.DEFAULT_ROOT, device=records.CPU
    )
    along = records.columns(trace(saved, request).snapshots)
    by_step = [distances(saved, step, sticks) for step in steps]
    along |= {name: [step_distances[name] for step_distances in by_step] for name in sticks}
    return description | {
        "learning_rate": run.recipe.learning_rate, "trace": along,
        "curves": histories.curves(lines, LOGGED),
    }  # fmt: skip


def _statistics(features: Features, images_NCHW: torch.Tensor) -> Statistics:
    moments = Moments(features(images_NCHW[:1]).shape[1])
    for start in range(0, len(images_NCHW), CHUNK):
        moments.add(features(images_NCHW[start : start + CHUNK]))
    return moments.statistics()
