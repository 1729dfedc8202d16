"""The ladder's ends, its units, and the details of images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from tiny_referees import grains, points

from gancross.evaluator.referees.ladder import DETAIL_OF_NOISE, FARTHEST, RUNGS, Ladder, details, ladder


def is_geometric(sigmas: tuple[float, ...]) -> bool:
    return len(sigmas) == RUNGS == 12 and bool(np.allclose(np.diff(np.log(sigmas), 2), 0, atol=1e-12))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 5)])
def test_images_are_judged_from_half_a_grey_level_to_their_whole_spread(shape: tuple[int, ...]) -> None:
    images = grains(1200, shape=shape)  # more than two blocks
    climbed = ladder(images)
    levels = images.double().numpy() / 127.5 - 1
    spread = math.sqrt(levels.var(axis=0).mean())
    assert climbed.spread == pytest.approx(spread, rel=1e-12)
    assert climbed.sigmas[0] == pytest.approx(1 / 255, rel=1e-12)
    assert climbed.sigmas[-1] == pytest.approx(spread * math.sqrt(math.prod(shape)), rel=1e-12)
    assert is_geometric(climbed.sigmas)
    fine = details(torch.from_numpy(levels)).square().mean().sqrt()
    assert climbed.detail == pytest.approx(float(fine), rel=1e-9)
    assert torch.allclose(climbed.inputs(images).double(), torch.from_numpy(levels), atol=1e-6)


@pytest.mark.parametrize(("d", "coarsest"), [(1, 4.0), (3, 4.0), (16, 4.0), (100, 10.0)])
def test_vectors_are_judged_from_a_hundredth_of_their_standard_deviation(d: int, coarsest: float) -> None:
    vectors = 5 + torch.linspace(0.5, 20, d) * points(300, d=d)
    climbed = ladder(vectors)
    assert climbed.sigmas[0] == pytest.approx(0.01) and climbed.sigmas[-1] == pytest.approx(coarsest)
    assert is_geometric(climbed.sigmas) and climbed.spread == 1.0
    inputs = climbed.inputs(vectors)
    assert torch.allclose(inputs.mean(0), torch.zeros(d), atol=1e-5)
    assert torch.allclose(inputs.std(0, correction=0), torch.ones(d), atol=1e-4)


def test_the_stored_order_of_images_changes_no_bit() -> None:
    images = grains(700)
    assert ladder(images) == ladder(images.flip(0))


@pytest.mark.parametrize("reals", [
    torch.full((40, 1, 8, 8), 7, dtype=torch.uint8), torch.full((40, 3, 1, 1), 255, dtype=torch.uint8),
    grains(40, shape=(1, 1, 1)), torch.full((40, 3), 5.0), torch.zeros(40, 1), torch.full((40, 2), 1e-45),
    torch.full((40, 1), 0.1),
])  # fmt: skip
def test_constant_reals_and_single_pixels_have_a_ladder_and_show_differences(reals: torch.Tensor) -> None:
    climbed = ladder(reals)
    assert is_geometric(climbed.sigmas) and climbed.sigmas[0] < climbed.sigmas[-1]
    assert climbed.spread > 0
    changed = reals.clone().flatten(1)
    changed[:, 0] = changed[:, 0] - 1 if reals.ndim == 4 else changed[:, 0] + 0.5
    first, second = climbed.inputs(reals), climbed.inputs(changed.view_as(reals))
    assert first.isfinite().all() and second.isfinite().all()
    assert float((first - second).abs().amax()) >= climbed.sigmas[0]


@pytest.mark.parametrize("outliers", [[3e38], [3.4e38, -3.4e38]])
def test_an_outlier_leaves_all_finite_and_the_other_coordinates_alone(outliers: list[float]) -> None:
    vectors = points(200, d=2)
    vectors[: len(outliers), 0] = torch.tensor(outliers)
    inputs = ladder(vectors).inputs(vectors)
    assert inputs.isfinite().all() and float(inputs.abs().max()) <= FARTHEST
    assert float(inputs[:, 1].std(correction=0)) == pytest.approx(1, abs=1e-3)
    far = torch.tensor([[3.4e38, -3.4e38]])
    assert ladder(points()).inputs(far).tolist() == [[FARTHEST, -FARTHEST]]


def test_coordinates_of_small_units_are_seen_like_others() -> None:
    """A table in metres and in volts: faults of the second column were far below the finest noise."""
    vectors = points(400) * torch.tensor([1e4, 1e-3])
    assert torch.allclose(ladder(vectors).inputs(vectors).std(0), torch.ones(2), atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1, 5), (2, 1, 8, 8), (1, 3, 6, 4)])
def test_details_are_what_a_small_blur_removes(shape: tuple[int, ...]) -> None:
    images = points(math.prod(shape), d=1).view(shape) if len(shape) == 4 else torch.ones(1, *shape)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for image, detail in zip(images.flatten(0, 1), details(images).flatten(0, 1), strict=True):
        direct = image.numpy() - correlate(image.numpy(), kernel, mode="nearest")
        assert np.allclose(detail.numpy(), direct, atol=1e-6)


def test_the_details_of_noise_have_the_stated_deviation() -> None:
    noise = points(40_000, d=25).double().view(-1, 1, 5, 5)
    inner = details(noise)[:, :, 1:-1, 1:-1]  # at the edges pixels repeat
    assert float(inner.std()) == pytest.approx(DETAIL_OF_NOISE, rel=0.01)
    assert pytest.approx(math.sqrt((1 - 0.25) ** 2 + 4 / 64 + 4 / 256), rel=1e-12) == DETAIL_OF_NOISE


def test_noisy_samples_reach_a_contestants_networks_in_their_own_units() -> None:
    images, vectors = grains(50), 3 + 2 * points(50)
    of_images, of_vectors = ladder(images), ladder(vectors)
    back = of_images.network_inputs(of_images.inputs(images), (0.0, 1.0))
    assert torch.allclose(back, images.float() / 255, atol=1e-6)
    assert torch.allclose(of_vectors.network_inputs(of_vectors.inputs(vectors), (-1, 1)), vectors, atol=1e-5)
    beyond = torch.full((1, 1, 2, 2), 3.0)
    assert of_images.network_inputs(beyond, (-1.0, 1.0)).tolist() == beyond.tolist()  # nothing is clipped


def test_a_ladder_knows_its_range() -> None:
    climbed = Ladder(sigmas=(0.1, 1.0, 10.0), spread=1.0)
    assert climbed.log_range == (math.log(0.1), math.log(10))
