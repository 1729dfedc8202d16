"""Image runs along training: whether the generator lives, by figures that need no network to look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

SAMPLES = 4000  # of every step that is looked at
MOST_STEPS = 5
COARSE = 8  # side of the thumbnails
PATCH, STRIDE = 5, 9
CHUNK = 500
ALIVE = 1.0  # coarse distance of a generator of nothing but the reals' mean image
COPIES = (1, 4, 16, 64, 256)  # test images that a collapsed generator would make and nothing else
LOGGED = ("spread", "gradient_discriminator", "gradient_generator")

Plain = dict[str, Any]
Features = Callable[[torch.Tensor], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """Reals seen through some features, and how far samples are from them.

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
        made = _statistics(self.features, fakes)
        away = frechet_distance(fake=made, real=self.real, real_factor=self.factor)
        return away / float(np.trace(self.real.covariance))


def thumbnails(images_NCHW: torch.Tensor) -> NDArray[np.float32]:
    """Mean colours on an 8×8 grid, (N, 64·C), in 0…1: what an image shows from afar."""
    return adaptive_avg_pool2d(images_NCHW.float() / 255, COARSE).flatten(1).numpy()


def patches(images_NCHW: torch.Tensor) -> NDArray[np.float32]:
    """5×5 patches, nine pixels apart, one a row, (N·patches, 25·C), in 0…1: texture, wherever it is."""
    cut_NDP = unfold(images_NCHW.float() / 255, PATCH, stride=STRIDE)
    return cut_NDP.transpose(1, 2).flatten(0, 1).numpy()


def images(spec: Spec, out: Path) -> Plain:
    """Every run at five of its saved steps: samples against test data, and the discriminator's confusion."""
    runs = records.begun(spec, out)
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


def ranked_images(spec: Spec, out: Path) -> Plain:
    """As `crossing.ranked`, with the distances of the last samples among the figures of fidelity."""
    return _with_distances(crossing.ranked(spec, out), spec, out)


def crosstested_images(spec: Spec, out: Path) -> Plain:
    """As `crossing.crosstested_in_all_modes`, with the distances."""
    return _with_distances(crossing.crosstested_in_all_modes(spec, out), spec, out)


def collapsed(reals: DataSet, stick: Yardstick) -> dict[str, float]:
    """The distance of a generator that makes so many of the test images, over and over, and nothing else."""
    test = reals.held_out(SAMPLES)
    chosen = {count: test[:count] for count in COPIES if count < len(test)}
    return {
        str(count): stick.distance(some.repeat(SAMPLES // count, 1, 1, 1)) for count, some in chosen.items()
    }


def _with_distances(record: Plain, spec: Spec, out: Path) -> Plain:
    sticks = yardsticks(reals_of(spec))
    for one, run in zip(record["runs"], records.begun(spec, out), strict=True):
        one["fidelity"] |= distances(saved_run(run_folder(out, run)), one["reached"], sticks)
    return record


def yardsticks(reals: DataSet) -> dict[str, Yardstick]:
    """From afar and close up."""
    test = reals.held_out(SAMPLES)
    return {"coarse": Yardstick.of(thumbnails, test), "texture": Yardstick.of(patches, test)}


def distances(saved: SavedRun, step: int, sticks: dict[str, Yardstick]) -> dict[str, float]:
    """Of the samples of a saved step."""
    fakes = saved.samples(step, num_samples=SAMPLES, seed=0, device=records.CPU)
    return {name: stick.distance(fakes) for name, stick in sticks.items()}


def _looked_at(run: PlannedRun, out: Path, reals: DataSet, sticks: dict[str, Yardstick]) -> Plain:
    known, lines = records.identity(run, out)
    saved = saved_run(run_folder(out, run))
    steps = common_steps([saved], None, most=MOST_STEPS)
    request = TraceRequest(
        steps=steps, num_samples=SAMPLES, data=reals, data_root=catalogue.DEFAULT_ROOT, device=records.CPU
    )
    along = records.columns(trace(saved, request).snapshots)
    seen = [distances(saved, step, sticks) for step in steps]
    along |= {name: [one[name] for one in seen] for name in sticks}
    return known | {
        "learning_rate": run.recipe.learning_rate, "trace": along,
        "curves": histories.curves(lines, LOGGED),
    }  # fmt: skip


def _statistics(features: Features, images_NCHW: torch.Tensor) -> Statistics:
    moments = Moments(features(images_NCHW[:1]).shape[1])
    for start in range(0, len(images_NCHW), CHUNK):
        moments.add(features(images_NCHW[start : start + CHUNK]))
    return moments.statistics()
