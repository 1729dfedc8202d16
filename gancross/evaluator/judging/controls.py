"""Samples whose answer is known: what judges make of noise and of blurred reals.

A judge that calls more than half of the uniform noise real is *blind*: fooling it is no credit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from gancross.evaluator.codec.fields import declared
from gancross.evaluator.estimates import Missing, Proportion
from gancross.random_streams import Stream

if TYPE_CHECKING:
    import torch

BLUR_STD = 2.0  # pixels
BLUR_REACH = 8  # four standard deviations
NOISE_BLOCK = 500  # images that one stream draws, so that no more than these are held at a time


@dataclass(frozen=True)
class Reference:
    """Samples that no contestant made; `title` is for people."""

    title: str


TRAINING = Reference("training data")


def uniform_noise(test: torch.Tensor, n: int, seed: int) -> torch.Tensor:
    """n samples of noise in the form of the test reals.

    Images: every channel of every pixel uniform on 0…255. Vectors: uniform in the bounding box of the
    test reals.
    """
    import torch  # takes seconds, which readers of records should not pay

    shape = tuple(test.shape[1:])
    blocks = []
    for start in range(0, n, NOISE_BLOCK):
        size = (min(NOISE_BLOCK, n - start), *shape)
        random = Stream(seed, "control", "noise", f"block-{start}").numpy_generator()
        if test.dtype == torch.uint8:
            blocks.append(torch.from_numpy(random.integers(0, 256, size, dtype=np.uint8)))
        else:
            low, high = test.amin(0), test.amax(0)
            blocks.append(low + (high - low) * torch.from_numpy(random.random(size, dtype=np.float32)))
    return torch.cat(blocks)


def blurred(test: torch.Tensor, n: int, seed: int) -> torch.Tensor | None:
    """All test images under a Gaussian blur of σ = 2 pixels, again 8-bit; None for vectors.

    The kernel reaches 4σ, or as far as an image smaller than that allows.
    """
    import torch

    if test.dtype != torch.uint8:
        return None
    # torchvision.transforms takes two seconds to import.
    from torchvision.transforms.v2.functional import gaussian_blur

    side = 2 * min(BLUR_REACH, min(test.shape[2:]) - 1) + 1
    parts = [
        gaussian_blur(part.to(torch.float32), [side, side], [BLUR_STD, BLUR_STD])
        for part in torch.split(test, NOISE_BLOCK)
    ]
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])


@dataclass(frozen=True)
class Control(Reference):
    """A sample set whose answer is known.

    Attributes:
        draw: makes it of the test reals, of how many samples were asked for, and of a seed; None for data
            that have none. Without `draw` it is the test data themselves.
        is_real: what a good judge calls it.
        absent: why there is none, where there is none.
        keeps_labels: whether sample i has the label of test sample i.
    """

    draw: Callable[[torch.Tensor, int, int], torch.Tensor | None] | None = None
    is_real: bool = False
    absent: str = ""
    keeps_labels: bool = False


@dataclass(frozen=True, kw_only=True)
class ControlRates:
    """What one judge makes of each control: shares called real. A control is one line here.

    `blind` tells whether it calls more than half of the uniform noise real; None without decisions.
    """

    real: Annotated[Proportion | Missing, Control("test data", is_real=True)]
    noise: Annotated[Proportion | Missing, Control("uniform noise", draw=uniform_noise)]
    blurred: Annotated[
        Proportion | Missing,
        Control("blurred test data", draw=blurred, absent="images only", keeps_labels=True),
    ]
    blind: bool | None

    def of(self, control: str) -> Proportion | Missing:
        """The rate of a key of `CONTROLS`."""
        rate: Proportion | Missing = getattr(self, control)
        return rate


CONTROLS: Mapping[str, Control] = declared(ControlRates, Control)
NOISE = CONTROLS["noise"]


def is_blind(noise_called_real: Proportion) -> bool:
    """Whether a judge calls more than half of uniform noise real: to fool it is no credit."""
    return 2 * noise_called_real.count > noise_called_real.n
