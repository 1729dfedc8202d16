"""Moments on a device against numpy's, without a wait and without features on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measuring import CPU
from simulated_gpu import GPU, simulated_gpu

from gancross.errors import DivergenceError
from gancross.evaluator.fidelity.classifier_score import ClassifierScore
from gancross.evaluator.fidelity.device_moments import DeviceMoments, moments_on
from gancross.evaluator.fidelity.features import Collected
from gancross.evaluator.fidelity.frechet import Moments
from gancross.machine.devices import moved

N, D, CLASSES = 90, 5, 3


def rows(seed: int, *, far: float = 0.0) -> torch.Tensor:
    """Features and logits beside them."""
    return torch.randn(N, D + CLASSES, generator=torch.Generator().manual_seed(seed)) + far


def collected(file: Path | None = None, device: torch.device = GPU, *, score: bool = True) -> Collected:
    return Collected(
        who="x", n=N, dimension=D, file=file, moments=moments_on(device, D),
        classifier_score=ClassifierScore(N, classes=CLASSES, seed=0) if score else None,
    )  # fmt: skip


@given(seed=st.integers(0, 999), far=st.sampled_from([0, 2.0**14]), cuts=st.lists(st.integers(0, N)))
@settings(deadline=None, max_examples=25)
def test_they_are_numpys_however_the_features_are_cut(seed: int, far: float, cuts: list[int]) -> None:
    features = rows(seed, far=far)[:, :D]
    of_numpy = Moments(D)
    with simulated_gpu() as gpu:
        of_device = DeviceMoments()
        for part in torch.tensor_split(features, sorted(cuts)):
            of_numpy.add(part.numpy())
            of_device.add(moved(part, GPU))
        assert not gpu.waits
        found = of_device.statistics()
    expected = of_numpy.statistics()
    scale = np.abs(expected.covariance).max()
    assert found.n == expected.n
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=0, atol=1e-13 * scale)


@pytest.mark.parametrize(("kind", "expected"), [("cpu", Moments), ("mps", Moments), ("cuda", DeviceMoments)])
def test_numpy_has_those_of_devices_without_float64(kind: str, expected: type) -> None:
    assert type(moments_on(torch.device(kind), D)) is expected


@pytest.mark.parametrize("score", [True, False], ids=["with-score", "without"])
@pytest.mark.parametrize("features", [True, False], ids=["features-kept", "moments-alone"])
def test_what_the_cpu_needs_of_a_chunk_is_all_that_it_gets(
    features: bool, score: bool, tmp_path: Path
) -> None:
    with simulated_gpu() as gpu:
        source = collected(tmp_path / "features" if features else None, score=score)
        columns = source.columns_for_cpu(moved(rows(0), GPU))
        assert columns.shape == (N, (D if features else 1) + (CLASSES if score else 0))
        assert not gpu.waits
        source.add(columns.cpu())
        source.leave_device()
    on_cpu = collected(tmp_path / "others" if features else None, CPU, score=score)
    on_cpu.add(on_cpu.columns_for_cpu(rows(0)))
    source.check_complete()
    np.testing.assert_allclose(source.statistics().covariance, on_cpu.statistics().covariance, rtol=1e-12)
    assert not score or source.score() == on_cpu.score()
    assert not features or np.array_equal(source.features(), on_cpu.features())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("column", [0, D], ids=["feature", "logit"])
def test_features_that_stay_on_the_device_are_looked_at_too(value: float, column: int) -> None:
    broken = rows(0)
    broken[7, column] = value
    with simulated_gpu():
        source = collected()
        columns = source.columns_for_cpu(moved(broken, GPU)).cpu()
    with pytest.raises(DivergenceError, match="x: features"):
        source.add(columns)


def test_large_features_are_finite() -> None:
    with simulated_gpu():
        source = collected(score=False)
        source.add(source.columns_for_cpu(moved(torch.full((N, D), 3e38), GPU)).cpu())
    assert source.count == N
