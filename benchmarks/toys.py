"""Toy distributions of vectors for the measurements of referees: known, quick, and not like each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from gancross.data import mixture
from gancross.random_streams import Stream

Draw = Callable[[Stream, int], torch.Tensor]
CORRELATED_DIMENSIONS = 10


def moons(stream: Stream, n: int) -> torch.Tensor:
    """Two interleaved half circles in the plane with Gaussian noise of 0.05, float32 (n, 2)."""
    uniforms = stream.uniforms(0, n, 2)
    angle = np.pi * uniforms[:, 0]
    upper = uniforms[:, 1] < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    noise = 0.05 * stream.normals(n, n, 2)
    return torch.from_numpy((np.stack([x, y], 1) + noise).astype(np.float32))


def correlated(stream: Stream, n: int) -> torch.Tensor:
    """A Gaussian in 10 dimensions whose standard deviations fall from 1 to 0.1, rotated, float32 (n, 10)."""
    rotation, _ = np.linalg.qr(
        Stream(0, "toy", "rotation").normals(0, CORRELATED_DIMENSIONS, CORRELATED_DIMENSIONS)
    )
    scales = np.geomspace(1.0, 0.1, CORRELATED_DIMENSIONS)
    return torch.from_numpy(
        (stream.normals(0, n, CORRELATED_DIMENSIONS) * scales @ rotation).astype(np.float32)
    )


def seven(stream: Stream, n: int) -> torch.Tensor:
    """The paper's mixture of seven Gaussians, float32 (n, 3)."""
    return mixture.samples(stream, 0, n)


TOYS: Mapping[str, Draw] = {"mixture": seven, "moons": moons, "correlated-10d": correlated}
