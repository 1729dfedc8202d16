"""KID, precision and recall between two arrays of features, by torch-fidelity's own functions.

FID is `frechet`'s, several times faster, where there are enough samples; below that it is torch-fidelity's
too. IS is summed up in `classifier_score`, which needs no features at all.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from gancross.evaluator.fidelity.frechet import Statistics

KID_SUBSETS = 100
NEIGHBOURS = 3
ROWS = 10_000  # whose distances to all others are held at a time

Features = NDArray[np.float32]


def singular_frechet_distance(*, fake: Statistics, real: Statistics) -> float:
    """The Fréchet distance as torch-fidelity computes it, for covariances of fewer samples than dimensions.

    Of the eigenvalues of Σ₁Σ₂ most are zero then; torch-fidelity adds up the roots of their rounding
    errors, some 1e-5 of the distance. Figures in use contain that, so ours do.

    Returns:
        Lower is better; flagged wherever it is reported, since it is biased upwards.
    """
    sides = [{"mu": side.mean, "sigma": side.covariance} for side in (fake, real)]
    return float(fid_statistics_to_metric(*sides, verbose=False)["frechet_inception_distance"])


def kernel_distance(*, fake: Features, real: Features, subset_size: int, seed: int) -> tuple[float, float]:
    """Unbiased squared MMD with the kernel (x·y/D + 1)³, over 100 random subsets.

    Args:
        fake, real: (N, D), at least `subset_size` rows each.
        seed: of the subsets.

    Returns:
        Mean and deviation (divisor 100) over the subsets; lower is better. The mean is below zero about
        every other time where the two distributions are equal.

    Source: Bińkowski et al. 2018.
    """
    figures = kid_features_to_metric(
        torch.from_numpy(fake), torch.from_numpy(real), kid_subsets=KID_SUBSETS,
        kid_subset_size=subset_size, kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1, rng_seed=seed, verbose=False,
    )  # fmt: skip
    return figures["kernel_inception_distance_mean"], figures["kernel_inception_distance_std"]


def precision_recall(*, fake: Features, real: Features, device: torch.device) -> tuple[float, float, float]:
    """Shares of fakes among the reals and of reals among the fakes, and their F-score.

    A sample is among a set if it lies in the ball around one of the set's members that reaches to that
    member's third neighbour in the set.

    Args:
        fake, real: (N, D), at least four rows each.
        device: where distances are computed.

    Returns:
        Precision, recall and their harmonic mean, in [0, 1]; higher is better.

    Source: Kynkäänniemi et al. 2019.
    """
    figures = prc_features_to_metric(
        torch.from_numpy(fake).to(device), torch.from_numpy(real).to(device), prc_neighborhood=NEIGHBOURS,
        prc_batch_size=ROWS, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    return figures["precision"], figures["recall"], figures["f_score"]
