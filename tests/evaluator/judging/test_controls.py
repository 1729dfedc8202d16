"""Controls: samples whose answer is known."""

from __future__ import annotations

import pytest
import torch
from grey_models import REALS, ConstantGrey, model
from torch import nn
from torchvision.transforms.v2.functional import gaussian_blur

from gancross import crosstest
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.control_samples import blurred_samples
from gancross.evaluator.judging.controls import is_blind, uniform_noise


class Contrast(nn.Module):
    """A judge of contrast: noise has much, test images none."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.sign * (images.flatten(1).std(1) - 0.2)


def test_controls_find_blind_judges() -> None:
    blind = model("blind", ConstantGrey(0.0), Contrast(1.0))
    sees = model("sees", ConstantGrey(0.0), Contrast(-1.0))
    result = crosstest([blind, sees], data=REALS, num_samples=300)
    assert not isinstance(result.controls, Missing)
    judges = result.controls.judges
    assert judges["blind"].noise == Proportion(count=300, n=300) and judges["blind"].blind
    assert judges["sees"].noise == Proportion(count=0, n=300) and not judges["sees"].blind
    assert judges["sees"].blurred == Proportion(count=len(REALS), n=len(REALS))
    always_fake = result.controls.references["always-fake"]
    assert (always_fake.fp, always_fake.fn) == (0.0, 1.0)
    assert any("'blind' is blind" in flag for flag in result.flags)
    assert not any("'sees' is blind" in flag for flag in result.flags)
    assert isinstance(crosstest([sees], data=REALS, num_samples=30, controls=False).controls, Missing)


def test_half_of_the_noise_is_not_yet_blind() -> None:
    assert is_blind(Proportion(count=501, n=1_000))
    assert not is_blind(Proportion(count=500, n=1_000))


def test_vectors_have_noise_in_their_bounding_box_and_no_blur() -> None:
    test = torch.tensor([[0.0, 5.0], [1.0, 7.0], [0.5, 6.0]])
    noise = uniform_noise(test, 1200, seed=0)
    assert noise.shape == (1200, 2) and blurred_samples(test) is None
    assert bool(((noise >= test.amin(0)) & (noise <= test.amax(0))).all())
    assert torch.allclose(noise.mean(0), torch.tensor([0.5, 6.0]), atol=0.1)
    assert torch.equal(noise[:500], uniform_noise(test, 500, seed=0))


@pytest.mark.parametrize("shape", [(3, 3, 32, 32), (2, 1, 28, 28), (4, 3, 5, 9)], ids=str)
def test_blurred_images_are_torchvision_s_bit_for_bit(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    blurred = blurred_samples(images)
    assert blurred is not None
    side = 2 * min(8, min(shape[2:]) - 1) + 1
    expected = gaussian_blur(images.float(), [side, side], [2.0, 2.0]).round().clamp(0, 255)
    assert torch.equal(blurred[:], expected.to(torch.uint8))
