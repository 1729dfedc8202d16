"""Samples whose answer is known: what judges make of noise and of blurred reals.

A judge that calls more than half of the uniform noise real is *blind*: fooling it is no credit.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import torch

from gancross.random_streams import Stream

BLUR_STD = 2.0  # pixels
BLUR_REACH = 8  # four standard deviations
NOISE_BLOCK = 500  # images that one stream draws, so that no more than these are held at a time


class Control(Enum):
    """What is judged besides contestants and test data."""

    NOISE = "noise"
    BLURRED = "blurred"
    TRAINING = "training"


def uniform_noise(test: torch.Tensor, n: int, *, seed: int) -> torch.Tensor:
    """n samples of noise in the form of the test reals.

    Images: every channel of every pixel uniform on 0…255. Vectors: uniform in the bounding box of the
    test reals.
    """
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


def blurred(test: torch.Tensor) -> torch.Tensor | None:
    """The test images under a Gaussian blur of σ = 2 pixels, again 8-bit; None for vectors.

    The kernel reaches 4σ, or as far as an image smaller than that allows.
    """
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
