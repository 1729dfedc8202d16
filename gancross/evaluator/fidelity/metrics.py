"""The fidelity metrics as a table: what each is called, what it needs, how it is computed, who gates it.

Definitions, seeds and names are torch-fidelity's; figures of other features than Inception's never bear the
names FID, IS and KID.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gancross.evaluator.estimates import ARROWS, Better
from gancross.evaluator.fidelity.classifier_score import SPLITS
from gancross.evaluator.fidelity.extractor import INCEPTION
from gancross.evaluator.fidelity.frechet import Array, Statistics, frechet_distance

if TYPE_CHECKING:
    import torch

    from gancross.evaluator.fidelity.features import Collected

KID_SUBSET_SIZE = 1000
KID_SUBSETS = 100
NEIGHBOURS = 3
PRC_ROWS = 10_000  # whose distances to all others are held at a time

Need = Literal["statistics", "features", "classes"]


@dataclass(frozen=True, kw_only=True)
class RealData:
    """What is known of the real data; None what no metric of the call needs.

    `factor` is `covariance_factor` of the statistics.
    """

    statistics: Statistics | None = None
    factor: Array | None = None
    features: NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True)
class MetricInput:
    """One contestant's samples beside the real data.

    Attributes:
        kid_subset_size, seed: of KID's subsets.
        device: where distances are computed.
    """

    fake: Collected
    real: RealData
    kid_subset_size: int
    seed: int
    device: torch.device


@dataclass(frozen=True, kw_only=True)
class FidelityFigure:
    """One figure of a metric.

    Attributes:
        key: its key in the record; the name of the features follows in brackets.
        inception: torch-fidelity's name of it on Inception features; the same as on others by default.
        label: what tables call it on Inception features; the key where it is empty.
        better: which way.
        range: smallest and largest value. Gates compare runs of a figure from 0 to ∞ by its logarithm.
        gate, meaning: the name under which a gate compares it, and what that is; no name: none does.
    """

    key: str
    inception: str = ""
    label: str = ""
    better: Better
    range: tuple[float, float] = (-math.inf, math.inf)
    gate: str = ""
    meaning: str = ""

    def recorded_key(self, extractor: str) -> str:
        """Its key in the record, of features of that extractor."""
        named = extractor == INCEPTION and self.inception
        return self.inception if named else f"{self.key}[{extractor}]"

    def matches(self, key: str) -> bool:
        """Whether a key of the record is this figure, of whatever features."""
        return key == self.inception or key.partition("[")[0] == self.key


@dataclass(frozen=True, kw_only=True)
class FidelityMetric:
    """One metric, which may have several figures.

    Attributes:
        figures: in the order in which `compute` returns them.
        needs: what is collected for it; `classes` are probabilities, which not all features have.
        fewest: how many samples it takes, by the size of KID's subsets.
        hint: what to do where there are fewer.
        compute: the figures.
    """

    figures: tuple[FidelityFigure, ...]
    needs: Need
    fewest: Callable[[int], int]
    hint: str = ""
    compute: Callable[[MetricInput], tuple[float, ...]]

    def keys(self, extractor: str) -> tuple[str, ...]:
        """The keys of its figures in the record; torch-fidelity's own for its own network."""
        return tuple(figure.recorded_key(extractor) for figure in self.figures)


def fid(inputs: MetricInput) -> tuple[float, ...]:
    """The Fréchet distance; lower is better.

    For covariances of no more samples than dimensions, as torch-fidelity computes it: of the eigenvalues of
    Σ₁Σ₂ most are zero then, and torch-fidelity adds up the roots of their rounding errors, some 1e-5 of the
    distance. Figures in use contain that, so ours do; they are flagged, since they are biased upwards.
    """
    fake, real = inputs.fake.statistics(), inputs.real.statistics
    assert real is not None
    if min(side.n for side in (fake, real) if side.n is not None) > inputs.fake.dimension:
        return (frechet_distance(fake=fake, real=real, real_factor=inputs.real.factor),)
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    sides = [{"mu": side.mean, "sigma": side.covariance} for side in (fake, real)]
    return (float(fid_statistics_to_metric(*sides, verbose=False)["frechet_inception_distance"]),)


def inception_score(inputs: MetricInput) -> tuple[float, ...]:
    """Mean and deviation over ten splits."""
    return inputs.fake.score()


def kid(inputs: MetricInput) -> tuple[float, ...]:
    """Unbiased squared MMD with the kernel (x·y/D + 1)³: mean and deviation (divisor 100) over 100 subsets.

    Lower is better. The mean is below zero about every other time where the two distributions are equal.

    Source: Bińkowski et al. 2018.
    """
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    assert inputs.real.features is not None
    figures = kid_features_to_metric(
        torch.from_numpy(inputs.fake.features()), torch.from_numpy(inputs.real.features),
        kid_subsets=KID_SUBSETS, kid_subset_size=inputs.kid_subset_size, kid_kernel="poly",
        kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
        rng_seed=inputs.seed, verbose=False,
    )  # fmt: skip
    return figures["kernel_inception_distance_mean"], figures["kernel_inception_distance_std"]


def precision_and_recall(inputs: MetricInput) -> tuple[float, ...]:
    """Shares of fakes among the reals and of reals among the fakes, and their harmonic mean, in [0, 1].

    A sample is among a set if it lies in the ball around one of the set's members that reaches to that
    member's third neighbour in the set. Higher is better.

    Source: Kynkäänniemi et al. 2019.
    """
    import torch
    from torch_fidelity.metric_prc import prc_features_to_metric

    assert inputs.real.features is not None
    sides = (inputs.fake.features(), inputs.real.features)
    longest = max(float(np.linalg.norm(side.astype(np.float64), axis=1).max()) for side in sides)
    if (2 * longest) ** 2 > np.finfo(np.float32).max:  # all distances would be infinite, and so equal
        return math.nan, math.nan, math.nan
    figures = prc_features_to_metric(
        torch.from_numpy(inputs.fake.features()).to(inputs.device),
        torch.from_numpy(inputs.real.features).to(inputs.device), prc_neighborhood=NEIGHBOURS,
        prc_batch_size=PRC_ROWS, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    return figures["precision"], figures["recall"], figures["f_score"]


METRICS: Mapping[str, FidelityMetric] = {
    "fid": FidelityMetric(
        figures=(
            FidelityFigure(
                key="frechet_distance", inception="frechet_inception_distance", label="FID",
                better="lower", range=(0, math.inf), gate="fid", meaning="Fréchet distance",
            ),
        ),
        needs="statistics", fewest=lambda subset: 2, compute=fid,
    ),
    "is": FidelityMetric(
        figures=(
            FidelityFigure(
                key="classifier_score", inception="inception_score_mean", label="IS, mean",
                better="higher", range=(1, math.inf), gate="is", meaning="inception score",
            ),
            FidelityFigure(
                key="classifier_score_std", inception="inception_score_std",
                label="IS, standard deviation", better=None, range=(0, math.inf),
            ),
        ),
        needs="classes", fewest=lambda subset: SPLITS, compute=inception_score,
    ),
    "kid": FidelityMetric(
        figures=(
            FidelityFigure(
                key="kernel_distance", inception="kernel_inception_distance_mean", label="KID, mean",
                better="lower", gate="kid", meaning="kernel distance",
            ),
            FidelityFigure(
                key="kernel_distance_std", inception="kernel_inception_distance_std",
                label="KID, standard deviation", better=None, range=(0, math.inf),
            ),
        ),
        needs="features", fewest=lambda subset: subset, compute=kid,
        hint="; kid_subset_size sets a smaller subset (of 'gancross crosstest': --kid-subset-size)",
    ),
    "pr": FidelityMetric(
        figures=tuple(
            FidelityFigure(key=key, better="higher", range=(0, 1), gate=gate, meaning=gate)
            for key, gate in (("precision", "precision"), ("recall", "recall"), ("f_score", ""))
        ),
        needs="features", fewest=lambda subset: NEIGHBOURS + 1, compute=precision_and_recall,
    ),
}  # fmt: skip


def figure_of(key: str) -> FidelityFigure | None:
    """The entry of a key of the record; None where no metric of today has it."""
    figures = (figure for metric in METRICS.values() for figure in metric.figures)
    return next((figure for figure in figures if figure.matches(key)), None)


def figure_label(key: str) -> str:
    """What tables call a key of the record."""
    figure = figure_of(key)
    return figure.label if figure is not None and key == figure.inception and figure.label else key


def figure_arrow(key: str) -> str:
    """An arrow towards the better values; nothing where neither end is better."""
    figure = figure_of(key)
    return "" if figure is None else ARROWS[figure.better]
