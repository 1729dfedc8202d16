"""Faults planted in real samples: what referees should see, in kinds and severities that are known.

Shape suffixes: N samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from gancross.evaluator.judging.controls import uniform_noise
from gancross.random_streams import Stream

CLUSTERS = 10
FITTED = 2000  # samples by which the clusters are found
PIXEL_FEATURES = 64  # dimensions that a random projection leaves of larger samples for k-means


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault.

    Attributes:
        meaning: what a severity is.
        severities: for images and for vectors, rising; none where the kind does not exist.
        plant: (samples, severity, seed) → fewer or equally many faulty samples.
    """

    meaning: str
    images: tuple[float, ...]
    vectors: tuple[float, ...]
    plant: Callable[[torch.Tensor, float, int], torch.Tensor]

    def severities(self, samples: torch.Tensor) -> tuple[float, ...]:
        """Those for samples of this form."""
        return self.images if samples.ndim == 4 else self.vectors


def contaminated(samples: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """A share of the samples is uniform noise instead; a larger share replaces those of a smaller one too."""
    order = torch.from_numpy(Stream(seed, "planted", "contaminated").permutation(len(samples)))
    count = round(share * len(samples))
    faulty = samples.clone()
    if count:
        faulty[order[:count]] = uniform_noise(samples, len(samples), seed)[order[:count]]
    return faulty


def left_out(
    samples: torch.Tensor, clusters: float, seed: int, *, fitted: torch.Tensor | None = None
) -> torch.Tensor:
    """The samples without those of some of 10 clusters, which k-means finds; nested for rising numbers.

    Args:
        fitted: see `cluster_labels`.
    """
    labels = cluster_labels(samples, seed=seed, fitted=fitted)
    dropped = Stream(seed, "planted", "left-out").permutation(CLUSTERS)[: round(clusters)]
    return samples[torch.from_numpy(~np.isin(labels, dropped))]


def cluster_labels(
    samples: torch.Tensor, *, seed: int, fitted: torch.Tensor | None = None
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The cluster 0…9 of each sample, by k-means on the samples, or on a random projection of large ones.

    Args:
        fitted: samples that the clusters are found by, so that other samples have the same ones; by default
            the first 2,000 of `samples`.
    """
    from sklearn.cluster import KMeans

    flat = _flat(samples, seed)
    known = flat if fitted is None else _flat(fitted, seed)
    mean = known.mean(0)
    state = Stream(seed, "planted", "clusters").integer(0) % 2**32
    means = KMeans(CLUSTERS, n_init=3, random_state=state).fit(known[:FITTED] - mean)
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = means.predict(flat - mean).astype(np.int64)
    return labels


def _flat(samples: torch.Tensor, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Samples as vectors, large ones under a random projection."""
    flat = samples.flatten(1).double().numpy()
    if flat.shape[1] > PIXEL_FEATURES:
        random = Stream(seed, "planted", "projection").numpy_generator()
        flat = flat @ random.standard_normal((flat.shape[1], PIXEL_FEATURES)) / np.sqrt(flat.shape[1])
    return np.asarray(flat)


def blurred(samples: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    """Images under the kernel (a, 1, a)/(1 + 2a) in both directions, edges repeated, again 8-bit."""
    kernel = torch.tensor([amount, 1.0, amount]) / (1 + 2 * amount)
    channels = samples.shape[1]
    levels = functional.pad(samples.float(), (1, 1, 1, 1), mode="replicate")
    rows = functional.conv2d(levels, kernel.view(1, 1, 3, 1).expand(channels, 1, 3, 1), groups=channels)
    both = functional.conv2d(rows, kernel.view(1, 1, 1, 3).expand(channels, 1, 1, 3), groups=channels)
    return both.round().clamp(0, 255).to(torch.uint8)


def spread(samples: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    """Vectors blurred or widened: each moves away from its cluster's mean by a factor 1 + amount."""
    labels = torch.from_numpy(cluster_labels(samples, seed=seed))
    faulty = samples.clone()
    for label in range(CLUSTERS):
        members = samples[labels == label]
        mean = members.mean(0)
        faulty[labels == label] = mean + (members - mean) * (1 + amount)
    return faulty


def blurred_or_spread(samples: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    """`blurred` images, `spread` vectors."""
    return (blurred if samples.ndim == 4 else spread)(samples, amount, seed)


def shifted(samples: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    """Images brighter by an amount of [−1, 1], clipped; vectors moved by so many standard deviations."""
    if samples.ndim == 4:
        return (samples.float() + amount * 127.5).round().clamp(0, 255).to(torch.uint8)
    return samples + amount * samples.std(0)


FAULTS: Mapping[str, Fault] = {
    "contamination": Fault(
        meaning="share that is uniform noise", images=(0.1, 0.3, 0.6), vectors=(0.1, 0.3, 0.6),
        plant=contaminated,
    ),
    "left-out": Fault(
        meaning="clusters of 10 left out", images=(1.0, 3.0, 6.0), vectors=(1.0, 3.0, 6.0), plant=left_out
    ),
    "blur or spread": Fault(
        meaning="a of the kernel (a, 1, a); how much farther from the cluster's mean",
        images=(0.02, 0.1, 0.5), vectors=(0.3, 1.0, 4.0), plant=blurred_or_spread,
    ),
    "shift": Fault(
        meaning="of [−1, 1]; standard deviations", images=(0.05, 0.15, 0.5), vectors=(0.02, 0.1, 0.5),
        plant=shifted,
    ),
}  # fmt: skip
