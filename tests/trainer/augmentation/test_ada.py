"""ADA: its transforms' distribution and arithmetic, and how p is adapted."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from small_recipes import small

from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.random_streams import Stream
from gancross.trainer.augmentation import colour, plane
from gancross.trainer.augmentation.adaptive import AdaptiveProbability
from gancross.trainer.augmentation.augment import augmented
from gancross.trainer.augmentation.draws import Draws
from gancross.trainer.augmentation.transforms import TRANSFORMS, transformed
from gancross.trainer.recipes.augmentation_settings import ADA, DIFFAUGMENT

N = 20_000
CPU = torch.device("cpu")


def matrices(
    function: Callable[[torch.Tensor, Draws, torch.Tensor], torch.Tensor], p: float = 1.0
) -> torch.Tensor:
    """N matrices of one transform, for images of 32 rows and 16 columns."""
    images = torch.zeros(1, dtype=torch.float64).expand(N, 3, 32, 16)
    return function(images, Draws(like=images, stream=Stream(0, "test")), torch.tensor(p))


def share(condition: torch.Tensor) -> float:
    return condition.double().mean().item()


def test_the_table_has_the_words_of_the_recipes() -> None:
    groups = {group for names in ADA.values() for group in names}
    assert TRANSFORMS.keys() == DIFFAUGMENT.keys() | groups
    spaces = {name: {transform.space for transform in TRANSFORMS[name]} for name in TRANSFORMS}
    assert all(spaces[name] == {"pixels"} for name in DIFFAUGMENT)
    assert [spaces[name] for name in ADA["bgc"]] == [{"plane"}, {"plane"}, {"colour"}]


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "rgb"])
def test_p_of_0_is_exactly_the_identity(channels: int) -> None:
    recipe = small("digits", augment="ada", augment_policy="bgc")
    images = torch.randn(8, channels, 9, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    result = augmented(images, recipe, player="discriminator", update=0, p=torch.zeros(()))
    (gradient,) = torch.autograd.grad(result.sum(), images)
    assert torch.equal(result, images) and torch.equal(gradient, torch.ones_like(images))
    moved = augmented(images, recipe, player="discriminator", update=0, p=torch.ones(()))
    assert all(not torch.equal(a, b) for a, b in zip(moved, images, strict=True))


def test_blits_have_their_distribution() -> None:
    flips, turns = matrices(plane.flip), matrices(plane.quarter_turn)
    assert share(flips[:, 0, 0] == -1) == pytest.approx(0.5, abs=0.02)
    for cosine, sine in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        hits = (turns[:, 0, 0] == cosine) & (turns[:, 0, 1] == sine)
        assert share(hits) == pytest.approx(0.25, abs=0.02)
    shifts = matrices(plane.integer_translation)[:, :2, 2]
    for axis, most in ((0, 2), (1, 4)):  # an eighth of 16 columns and of 32 rows
        for shift in range(-most, most + 1):
            expected = (0.5 if abs(shift) == most else 1.0) / (2 * most)
            assert share(shifts[:, axis] == shift) == pytest.approx(expected, abs=0.02)


def test_geometry_has_its_distribution() -> None:
    scales, stretches = matrices(plane.scaling), matrices(plane.anisotropic_scaling)
    assert torch.equal(scales[:, 0, 0], scales[:, 1, 1])
    torch.testing.assert_close(stretches[:, 0, 0] * stretches[:, 1, 1], torch.ones(N).double())
    for logs in (scales[:, 0, 0].log2(), stretches[:, 0, 0].log2()):
        assert (logs.mean().item(), logs.std().item()) == pytest.approx((0.0, 0.2), abs=0.01)
    shifts = matrices(plane.fractional_translation)[:, :2, 2]
    assert shifts.mean(0).tolist() == pytest.approx([0, 0], abs=0.1)
    assert shifts.std(0).tolist() == pytest.approx([2, 4], rel=0.03)
    turned = matrices(plane.rotation, 0.75)
    angles = torch.atan2(turned[:, 0, 1], turned[:, 0, 0])
    assert share(angles != 0) == pytest.approx(1 - math.sqrt(1 - 0.75), abs=0.02)
    angles = angles[angles != 0]
    assert angles.abs().mean().item() == pytest.approx(math.pi / 2, rel=0.03)
    assert angles.mean().item() == pytest.approx(0, abs=0.06)


def test_colours_have_their_distribution() -> None:
    b = matrices(colour.brightness)[:, :3, 3]
    assert torch.equal(b[:, 0], b[:, 2]) and b[:, 0].std().item() == pytest.approx(0.2, rel=0.03)
    contrast = matrices(colour.contrast)[:, 0, 0].log2()
    assert contrast.std().item() == pytest.approx(0.5, rel=0.03)
    grey, other = torch.tensor([1.0, 1, 1, 0]).double(), torch.tensor([1.0, -2, 1, 0]).double()
    flipped = matrices(colour.luma_flip)
    torch.testing.assert_close(flipped @ other, other.expand(N, 4))
    assert share((flipped @ grey)[:, 0] < 0) == pytest.approx(0.5, abs=0.02)
    turned = matrices(colour.hue)
    torch.testing.assert_close(turned @ grey, grey.expand(N, 4))
    torch.testing.assert_close(turned @ turned.mT, torch.eye(4).double().expand(N, 4, 4))
    torch.testing.assert_close(torch.linalg.det(turned[:99]), torch.ones(99).double())
    cosines = (turned @ other) @ other / 6
    assert cosines.mean().item() == pytest.approx(0, abs=0.02)
    assert cosines.square().mean().item() == pytest.approx(0.5, rel=0.03)
    saturated = matrices(colour.saturation)
    torch.testing.assert_close(saturated @ grey, grey.expand(N, 4))
    factors = ((saturated @ other) @ other / 6).log2()
    assert (factors.mean().item(), factors.std().item()) == pytest.approx((0.0, 1.0), abs=0.03)


@pytest.mark.parametrize("group", ADA["bgc"])
def test_every_transform_happens_with_probability_p(group: str) -> None:
    """Where it happens it may still be the identity: half of the flips, a quarter of the turns, …"""
    unmoved: dict[object, float] = {
        plane.flip: 1 / 2, plane.quarter_turn: 1 / 4, plane.integer_translation: 1 / 32,
        colour.luma_flip: 1 / 2,
    }  # fmt: skip
    for _, function in TRANSFORMS[group]:
        if function is plane.rotation:
            continue  # above
        result = matrices(function, 0.4)
        moved = share((result != torch.eye(result.shape[-1])).flatten(1).any(1))
        assert moved == pytest.approx(0.4 * (1 - unmoved.get(function, 0.0)), abs=0.02), function


def test_resampling_is_bilinear_with_reflection() -> None:
    """Against scipy, whose `reflect` is about the edges too; matrices about the centre, x before y."""
    random = torch.Generator().manual_seed(0)
    images = torch.randn(5, 2, 9, 7, generator=random, dtype=torch.float64)
    inverse = torch.eye(3).double().repeat(5, 1, 1)
    inverse[:, :2] += 0.6 * torch.randn(5, 2, 3, generator=random, dtype=torch.float64)
    result = plane.resampled(images, inverse)
    rows, columns = np.meshgrid(np.arange(9) - 4, np.arange(7) - 3, indexing="ij")
    for n in range(5):
        m = inverse[n].numpy()
        x = m[0, 0] * columns + m[0, 1] * rows + m[0, 2] + 3
        y = m[1, 0] * columns + m[1, 1] * rows + m[1, 2] + 4
        for c in range(2):
            expected = map_coordinates(images[n, c].numpy(), [y, x], order=1, mode="reflect")
            np.testing.assert_allclose(result[n, c].numpy(), expected, rtol=0, atol=1e-10)


def test_flips_turns_and_whole_pixels_are_exact() -> None:
    images = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def moved(*rows: list[float]) -> torch.Tensor:
        return plane.resampled(images, torch.tensor([[*rows, [0.0, 0, 1]]]))

    assert torch.equal(moved([-1.0, 0, 0], [0.0, 1, 0]), images.flip(3))
    assert torch.equal(moved([0.0, 1, 0], [-1.0, 0, 0]), images.rot90(-1, (2, 3)))
    right = moved([1.0, 0, -2], [0.0, 1, 0])  # by two pixels; the edge is a mirror
    assert torch.equal(right[..., 2:], images[..., :-2])
    assert torch.equal(right[..., :2], images[..., :2].flip(3))


def test_gradients_pass_through() -> None:
    """The transforms are affine in the images: T(x + h) − T(x) = ∂T·h, computed backwards."""
    random = torch.Generator().manual_seed(0)
    images, h, weights = torch.randn(3, 4, 3, 6, 5, generator=random, dtype=torch.float64)

    def transform(x: torch.Tensor) -> torch.Tensor:
        return transformed(x, ADA["bgc"], Draws(like=x, stream=Stream(0, "x")), torch.ones(()))

    result = transform(images.requires_grad_(True))
    (gradient,) = torch.autograd.grad((result * weights).sum(), images)
    difference = (transform(images + h) - result).detach()
    assert (gradient * h).sum().item() == pytest.approx((difference * weights).sum().item(), abs=1e-9)
    assert gradient.abs().max() > 0.1


def test_p_follows_the_signs_of_the_scores() -> None:
    """Batches of 64 at 500 kimg: steps of 4·64/500,000 after updates 3, 7, 11, …; never below 0."""
    recipe = small("digits", batch_size=64, augment="ada", augment_policy="bg")
    ada = AdaptiveProbability.at_start(recipe, CPU)
    assert ada is not None
    shares = [0.5] * 4 + [0.9] * 8 + [1.0, 1.0, 1.0, 0.3] + [0.7] * 4  # of real samples above the threshold
    history = []
    for update, positive in enumerate(shares):
        scores = torch.where(torch.arange(10) < round(10 * positive), 0.1, -3.0)
        ada.observe(scores, recipe, update=update, processes=ALONE)
        history.append(ada.p.item() / (256 / 500_000))
    # r: 0 → held at 0; .8, .8 → up twice; (3·1 − .4)/4 = .65 → up; .4 → down
    expected = [0] * 7 + [1] * 4 + [2] * 4 + [3] * 4 + [2]
    assert history == pytest.approx(expected, abs=1e-4)


def test_p_ends_at_1_and_its_state_is_restored() -> None:
    recipe = small("digits", augment="ada", augment_policy="b", ada_speed=0.1)  # steps of 0.64
    ada, other = (AdaptiveProbability.at_start(recipe, CPU) for _ in range(2))
    assert ada is not None and other is not None
    for update in range(10):
        ada.observe(torch.ones(4), recipe, update=update, processes=ALONE)
    assert ada.p.item() == 1.0 and ada.signs.item() == 2.0
    other.load_state_dict(ada.state_dict())
    assert (other.p.item(), other.signs.item()) == (1.0, 2.0)


def test_the_threshold_is_that_of_the_scores() -> None:
    """LSGAN calls a sample real above ½; a Wasserstein critic has no threshold."""
    lsgan = small("digits", objective="lsgan", augment="ada", augment_policy="b")
    ada = AdaptiveProbability.at_start(lsgan, CPU)
    assert ada is not None
    ada.observe(torch.tensor([0.4, 0.3]), lsgan, update=0, processes=ALONE)
    assert ada.signs.item() == -1.0
    wgan = small("digits", objective="wgan", augment="ada", augment_policy="b")
    with pytest.raises(UsageError, match="objective=wgan do not have: use augment=diffaugment"):
        AdaptiveProbability.at_start(wgan, CPU)
    assert AdaptiveProbability.at_start(small("digits"), CPU) is None
