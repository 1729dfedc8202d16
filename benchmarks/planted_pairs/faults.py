"""The faults of planted pairs: kinds and rising severities, most of them the referees' own.

Most severities are not those by which κ is measured.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from gancross.data.sets import to_canonical, to_network
from gancross.evaluator.referees.planted import FAULTS
from gancross.evaluator.referees.protocol import form_of
from gancross.random_streams import Stream

CLEAN, GAUSSIAN = "clean", "Gaussian"  # kinds without a fault: training reals, and a fitted generator
LEFT_OUT = "left-out"
COMPONENTS = 128  # principal directions of that generator, at most
FITTED = 2000  # samples that it is fitted to
LARGE_IMAGE_LEVELS = 2  # severities of a kind, the largest, where a set costs a minute and more

Plant = Callable[[torch.Tensor, float, int], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of fault.

    Attributes:
        meaning: what a severity is.
        images, vectors: severities, rising; none where the kind does not exist.
        plant: (samples, severity, seed) → fewer or equally many faulty samples.
        of_whole: whether what it does to a sample depends on all others, so that nested severities need one
            common set of samples.
    """

    meaning: str
    images: tuple[float, ...]
    vectors: tuple[float, ...]
    plant: Plant
    of_whole: bool = False

    def severities(self, shape: tuple[int, ...]) -> tuple[float, ...]:
        """Those for samples of this shape."""
        if len(shape) == 1:
            return self.vectors
        return self.images[-LARGE_IMAGE_LEVELS:] if form_of(shape) == "images" else self.images


def mixed(samples: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """A share of the samples is of another contestant instead, a Gaussian fitted to all of them."""
    count = round(share * len(samples))
    return torch.cat([gaussian_samples(samples, count, seed), samples[count:]])


def gaussian_samples(fitted: torch.Tensor, n: int, seed: int) -> torch.Tensor:
    """n samples of a Gaussian fitted to the first 2,000 samples in their leading principal directions."""
    points = to_network(fitted[:FITTED]).flatten(1).double()
    mean = points.mean(0)
    _, singular, directions = torch.linalg.svd(points - mean, full_matrices=False)
    scales = singular[:COMPONENTS] / np.sqrt(len(points) - 1)
    normals = torch.from_numpy(Stream(seed, "planted pairs", "Gaussian").normals(0, n, len(scales)))
    return _canonical(mean + (normals * scales) @ directions[:COMPONENTS], fitted)


def noisy(samples: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    """Gaussian noise is added: of [−1, 1] to images, in standard deviations of each dimension to vectors."""
    random = Stream(seed, "planted pairs", "noise").torch_generator()
    points = to_network(samples)
    scale = points.std(0) if samples.ndim == 2 else 1.0
    return _canonical(points + amount * scale * torch.randn(points.shape, generator=random), samples)


def recompressed(samples: torch.Tensor, loss: float, seed: int) -> torch.Tensor:
    """Images as JPEG files of quality 100 − loss hold them."""
    return torch.stack([_recompressed(image, round(100 - loss)) for image in samples])


def _recompressed(image: torch.Tensor, quality: int) -> torch.Tensor:
    """One image (C, H, W)."""
    rows = image.permute(1, 2, 0).numpy()
    content = io.BytesIO()
    Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows).save(content, "JPEG", quality=quality)
    decoded = np.array(Image.open(content))
    return torch.from_numpy(decoded).reshape(rows.shape).permute(2, 0, 1)


def _canonical(points: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Points in the canonical form and the shape of other samples."""
    return to_canonical(points.float().reshape(-1, *like.shape[1:]))


KINDS: Mapping[str, Kind] = {
    "contamination": Kind(
        meaning="share that is uniform noise", images=(0.05, 0.15, 0.4), vectors=(0.05, 0.15, 0.4),
        plant=FAULTS["contamination"].plant,
    ),
    "another's samples": Kind(
        meaning="share that is of another contestant, a fitted Gaussian", images=(0.1, 0.3, 0.7),
        vectors=(0.1, 0.3, 0.7), plant=mixed, of_whole=True,
    ),
    LEFT_OUT: Kind(
        meaning="clusters of 10 left out", images=(1.0, 2.0, 4.0), vectors=(1.0, 2.0, 4.0),
        plant=FAULTS[LEFT_OUT].plant, of_whole=True,
    ),
    "blur or spread": Kind(
        meaning="a of the kernel (a, 1, a); how much farther from the cluster's mean",
        images=(0.05, 0.15, 0.4), vectors=(0.2, 0.6, 2.0), plant=FAULTS["blur or spread"].plant,
        of_whole=True,
    ),
    "noise": Kind(
        meaning="standard deviation, of [−1, 1]; of each dimension's", images=(0.1, 0.2, 0.4),
        vectors=(0.03, 0.1, 0.3), plant=noisy,
    ),
    "shift": Kind(
        meaning="brightness, of [−1, 1]; standard deviations", images=(0.03, 0.1, 0.3),
        vectors=(0.05, 0.15, 0.4), plant=FAULTS["shift"].plant,
    ),
    "JPEG": Kind(meaning="100 − quality", images=(20.0, 50.0, 80.0), vectors=(), plant=recompressed),
}  # fmt: skip
