"""The paper's submanifold mixture: seven Gaussians on a tilted plane in 3-D (§5.1, §7.3).

Shape suffixes: N samples, K = 7 components.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from gancross.data.request import DataRequest
from gancross.data.sets import DataSet, EndlessReals, Labels
from gancross.random_streams import Stream

COMPONENTS = 7
STD = 0.01
_AXIS = np.array([1.0, -1.0, 0.0]) / math.sqrt(2.0)
_ANGLE = math.pi / 4
CENTRE = np.array([1.0, 1.0, 1.0]) / math.sqrt(3.0)  # of the circle of means


def load(request: DataRequest) -> DataSet:
    """The mixture as a data set: endless training samples, and held-out ones from a stream of their own."""
    held_out = Stream(request.test_seed, "real", "test")
    return DataSet(
        name=request.name, shape=(3,), split="separate streams", train=EndlessReals(draw=samples),
        held_out=lambda n: samples(held_out, 0, n),
        labels=Labels(
            class_names=tuple(f"mode {mode}" for mode in range(COMPONENTS)),
            train=EndlessReals(draw=modes), held_out=lambda n: modes(held_out, 0, n),
            frequencies=np.full(COMPONENTS, 1 / COMPONENTS),
        ),
    )  # fmt: skip


def _rotation() -> NDArray[np.float64]:
    """Rodrigues' matrix R = I cos a + [u]ₓ sin a + u uᵀ(1 − cos a) of axis u and angle a."""
    x, y, z = _AXIS
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    outer = np.outer(_AXIS, _AXIS)
    return np.eye(3) * math.cos(_ANGLE) + cross * math.sin(_ANGLE) + outer * (1 - math.cos(_ANGLE))


ROTATION = _rotation()
PLANE_NORMAL: NDArray[np.float64] = ROTATION[2]  # unit normal of the plane of the means, which holds CENTRE


def _embed(plane_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, y) → (x, y, 0)·R + centre; row vectors times R, as the authors' program has it."""
    return np.pad(plane_N2, ((0, 0), (0, 1))) @ ROTATION + CENTRE


def _circle() -> NDArray[np.float64]:
    angles = 2 * math.pi * np.arange(COMPONENTS) / COMPONENTS
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


def means() -> NDArray[np.float64]:
    """The component means in 3-D, float64 of shape (7, 3), in the order of the angles 2πk/7."""
    return _embed(_circle())


def samples(stream: Stream, start: int, n: int, *, std: float = STD) -> torch.Tensor:
    """Samples start..start+n−1 of a stream: float32 of shape (n, 3).

    Args:
        std: standard deviation of the components, in the plane; 0.01 in the paper.
    """
    uniforms = stream.uniforms(start, n, 3)
    component = _components(uniforms)
    # Box–Muller on the remaining two uniforms gives the two coordinates in the plane.
    radius = std * np.sqrt(-2.0 * np.log(uniforms[:, 1]))
    angle = 2 * math.pi * uniforms[:, 2]
    noise = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return torch.from_numpy(_embed(_circle()[component] + noise).astype(np.float32))


def modes(stream: Stream, start: int, n: int) -> torch.Tensor:
    """The components 0…6 that `samples` of the same arguments come from, int64 of shape (n,)."""
    return torch.from_numpy(_components(stream.uniforms(start, n, 3)))


def _components(uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    return (uniforms[:, 0] * COMPONENTS).astype(np.int64)
