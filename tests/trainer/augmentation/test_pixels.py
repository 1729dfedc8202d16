"""DiffAugment against loops over pixels, with random numbers drawn apart from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_recipes import small
from torch import nn

from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.random_streams import Stream
from gancross.trainer.augmentation.augment import augmented, check_augmentable
from gancross.trainer.optimizers import make_optimizer
from gancross.trainer.recipes.recipe import Recipe
from gancross.trainer.update import Players, Step

N, C, H, W = 6, 3, 16, 8
POLICIES = ("color", "translation", "cutout", "translation,cutout,color")
Array = NDArray[np.float64]


def chosen(policy: str) -> Recipe:
    return small("digits", augment="diffaugment", augment_policy=policy)


def batch() -> torch.Tensor:
    return torch.rand(N, C, H, W, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def by_hand(word: str, x: Array, u: list[Array]) -> Array:
    """Zhao et al. 2020 for one image after the other; u: this word's uniforms."""
    result = np.zeros_like(x)
    for n in range(N):
        if word == "color":
            image = x[n] + u[0][n] - 0.5
            grey = image.sum(0) / C
            image = grey + (image - grey) * 2 * u[1][n]
            mean = image.sum() / image.size
            result[n] = mean + (image - mean) * (u[2][n] + 0.5)
        for i in range(H):
            for j in range(W):
                if word == "translation":  # by −2..2 rows and −1..1 columns
                    down, right = int(u[0][n] * 5) - 2, int(u[1][n] * 3) - 1
                    if 0 <= i - down < H and 0 <= j - right < W:
                        result[n, :, i, j] = x[n, :, i - down, j - right]
                if word == "cutout":  # of 8 × 4 pixels
                    top, left = int(u[0][n] * 17) - 4, int(u[1][n] * 9) - 2
                    if not (top <= i < top + 8 and left <= j < left + 4):
                        result[n, :, i, j] = x[n, :, i, j]
    return result


@pytest.mark.parametrize("policy", POLICIES)
def test_transforms_are_those_of_the_paper(policy: str) -> None:
    random = Stream(0, "augment", "generator", "update-5").torch_generator()
    expected = batch().numpy()
    for word in policy.split(","):
        count = 3 if word == "color" else 2
        numbers = [torch.rand(N, generator=random, dtype=torch.float64).numpy() for _ in range(count)]
        expected = by_hand(word, expected, numbers)
    result = augmented(batch(), chosen(policy), player="generator", update=5)
    torch.testing.assert_close(result, torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_pass_through(policy: str) -> None:
    """The transforms are affine in the images: T(x + h) − T(x) = ∂T·h, computed backwards."""
    images = batch().requires_grad_(True)
    h, weights = torch.randn(2, N, C, H, W, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = augmented(images, chosen(policy), player="generator", update=0)
    (gradient,) = torch.autograd.grad((result * weights).sum(), images)
    difference = (
        augmented(images.detach() + h, chosen(policy), player="generator", update=0) - result.detach()
    )
    assert (gradient * h).sum().item() == pytest.approx((difference * weights).sum().item(), abs=1e-9)
    assert gradient.abs().max() > 0.1


def test_reals_and_fakes_get_the_same_transform_others_another() -> None:
    settings = chosen("color,translation,cutout")
    network = nn.Linear(1, 1)
    optimizer = make_optimizer(network, settings)
    players = Players(
        generator=network, discriminator=network, generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
    )  # fmt: skip
    step = Step(players, settings, gamma=0.0, update=3)
    real = step.inputs(batch(), "discriminator", "real")
    assert torch.equal(real, step.inputs(batch(), "discriminator", "fake"))
    assert not torch.equal(real, step.inputs(batch(), "generator", "fake"))
    assert not torch.equal(real, replace(step, update=4).inputs(batch(), "discriminator", "real"))
    reseeded = replace(step, recipe=settings.with_changes({"seed": 1}))
    assert not torch.equal(real, reseeded.inputs(batch(), "discriminator", "real"))
    halves = [
        replace(step, processes=replace(ALONE, rank=rank, size=2)).inputs(part, "discriminator", "real")
        for rank, part in enumerate(batch().chunk(2))
    ]
    torch.testing.assert_close(torch.cat(halves), real, rtol=0, atol=1e-12)
    assert len({tuple(image.flatten().tolist()) for image in real - batch()}) == N  # each image its own


@pytest.mark.parametrize(
    ("changes", "shape", "message"),
    [
        pytest.param({"augment_policy": "cutout"}, (3,), r"got vectors of shape \(3,\)", id="vectors"),
        pytest.param(
            {"augment": "ada", "augment_policy": "bgc"}, (2, 8, 8), "augment_policy=bg", id="channels"
        ),
    ],
)
def test_what_cannot_be_transformed_is_refused(
    changes: dict[str, str], shape: tuple[int, ...], message: str
) -> None:
    recipe = small("digits", **{"augment": "diffaugment"} | changes)
    with pytest.raises(UsageError, match=message):
        check_augmentable(recipe, shape)
    check_augmentable(small("digits"), shape)
    check_augmentable(recipe, (1, 8, 8))
