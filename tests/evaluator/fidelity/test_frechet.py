"""The Fréchet distance against scipy's matrix root, torch-fidelity and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference import fidelity as reference
from torch_fidelity.metric_fid import fid_statistics_to_metric

from gancross import Contestant, crosstest
from gancross.evaluator.fidelity.frechet import (
    Moments,
    Statistics,
    covariance_factor,
    frechet_distance,
    shortage,
)

Features = NDArray[np.float32]
SEEDS = st.integers(0, 2**32 - 1)


def gaussian_features(seed: int, n: int = 200, d: int = 16) -> Features:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(d, d))
    return (generator.normal(size=(n, d)) @ mixing + generator.normal(size=d)).astype(np.float32)


def statistics_of(features: Features) -> Statistics:
    covariance = np.cov(features.astype(np.float64), rowvar=False)
    return Statistics(n=len(features), mean=features.mean(axis=0, dtype=np.float64), covariance=covariance)


def moments_of(*chunks: Features) -> Statistics:
    moments = Moments(chunks[0].shape[1])
    for chunk in chunks:
        moments.add(chunk)
    return moments.statistics()


def test_it_is_scipys_and_torch_fidelitys_figure() -> None:
    fake, real = statistics_of(gaussian_features(1)), statistics_of(gaussian_features(2))
    distance = frechet_distance(fake=fake, real=real)
    slow = reference.frechet_distance(fake.mean, fake.covariance, real.mean, real.covariance)
    as_theirs = [{"mu": side.mean, "sigma": side.covariance} for side in (fake, real)]
    theirs = fid_statistics_to_metric(*as_theirs, verbose=False)["frechet_inception_distance"]
    np.testing.assert_allclose([distance, distance], [slow, theirs], rtol=1e-9)


@given(seed=SEEDS, d=st.integers(1, 8))
def test_independent_gaussians_have_a_closed_form(seed: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    means, deviations = generator.normal(size=(2, d)), generator.uniform(0.1, 3, size=(2, d))
    fake, real = (
        Statistics(n=None, mean=mean, covariance=np.diag(deviation**2))
        for mean, deviation in zip(means, deviations, strict=True)
    )
    expected = reference.diagonal_frechet_distance(means[0], deviations[0], means[1], deviations[1])
    assert frechet_distance(fake=fake, real=real) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seed=SEEDS, n=st.sampled_from([5, 40]))
@settings(deadline=None, max_examples=30)
def test_symmetric_and_zero_at_equality_even_where_singular(seed: int, n: int) -> None:
    a, b = statistics_of(gaussian_features(seed, n=n)), statistics_of(gaussian_features(seed + 1, n=n))
    forth, back = frechet_distance(fake=a, real=b), frechet_distance(fake=b, real=a)
    assert forth == pytest.approx(back, rel=1e-9)
    assert frechet_distance(fake=a, real=a) <= 1e-11 * np.trace(a.covariance)
    known = frechet_distance(fake=a, real=b, real_factor=covariance_factor(b.covariance))
    assert known == forth


def test_few_samples_in_many_dimensions_have_the_exact_figure() -> None:
    fake, real = gaussian_features(3, n=20, d=64), gaussian_features(4, n=20, d=64)
    distance = frechet_distance(fake=statistics_of(fake), real=statistics_of(real))
    assert distance == pytest.approx(reference.frechet_distance_of_features(fake, real), rel=1e-7)


@given(seed=SEEDS, cuts=st.lists(st.integers(0, 200), max_size=6))
@settings(deadline=None, max_examples=50)
def test_however_the_features_are_cut_the_statistics_are_numpys(seed: int, cuts: list[int]) -> None:
    features = gaussian_features(seed)
    streamed, expected = moments_of(*np.split(features, sorted(cuts))), statistics_of(features)
    scale = np.abs(expected.covariance).max()
    np.testing.assert_allclose(streamed.mean, expected.mean, rtol=1e-11, atol=1e-13 * scale)
    np.testing.assert_allclose(streamed.covariance, expected.covariance, rtol=0, atol=1e-12 * scale)


def test_a_mean_far_beyond_the_spread_loses_no_digits() -> None:
    features = np.random.default_rng(0).integers(-3, 4, size=(3000, 4)).astype(np.float32)
    far = moments_of(*np.split(features + np.float32(2**21), 6))
    np.testing.assert_allclose(far.covariance, np.cov(features.T, dtype=np.float64), rtol=1e-9, atol=1e-9)


def test_a_negative_eigenvalue_is_no_covariance() -> None:
    with pytest.raises(ValueError, match="negative eigenvalue"):
        covariance_factor(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_too_few_samples_are_said() -> None:
    assert "500 samples are not more than the 2,048" in str(shortage(500, dimension=2048, who="'a'"))
    assert shortage(None, dimension=2048, who="the data") is None


@pytest.mark.parametrize(
    ("more", "said"), [(-1, "is singular"), (0, "is singular"), (1, "is nearly singular"), (2, "None")]
)
def test_what_is_said_of_a_covariance_is_so(more: int, said: str) -> None:
    d = 16
    moments = Moments(d)
    moments.add(gaussian_features(0, n=d + more))
    factor = covariance_factor(moments.statistics().covariance)
    assert (factor.shape[1] < d) == (said == "is singular")
    assert said in str(shortage(d + more, dimension=d, who="'a'"))


def test_every_side_with_too_few_samples_is_flagged_once() -> None:
    cloud = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    judge = Contestant(name="a", samples=cloud, discriminator=torch.nn.Linear(8, 1))
    others = [Contestant(name=f"{n} samples", samples=torch.randn(n, 8)) for n in (8, 9, 10)]
    result = crosstest(
        [judge, *others], data=torch.randn(9, 8), num_samples=10, metrics=["fid"], device="cpu"
    )
    flagged = [text.partition(":")[0] for text in result.flags if "Fréchet" in text]
    assert flagged == ["contestant '8 samples'", "contestant '9 samples'", "contestant 'a'", "the data"]


@pytest.mark.parametrize(("n", "rank"), [(200, 16), (9, 8)])
def test_a_factor_of_full_rank_is_triangular_and_any_factor_makes_the_covariance_again(
    n: int, rank: int
) -> None:
    covariance = statistics_of(gaussian_features(5, n=n)).covariance
    factor = covariance_factor(covariance)
    assert factor.shape == (16, rank)
    assert (rank == 16) == bool((np.triu(factor, 1) == 0).all())
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=1e-12 * np.abs(covariance).max())
