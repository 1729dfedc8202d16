"""Samples of the controls, made a block at a time: beside the test data nothing of their size is held."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from gancross.data.views import BLOCK, Blocks, Samples, blocks
from gancross.random_streams import Stream

BLUR_STD = 2.0  # pixels
BLUR_REACH = 8  # four standard deviations
AT_ONCE = 20  # images: the convolution's own memory for 500 of 64×64 is 370 MiB


def noise_samples(test: Samples, n: int, seed: int) -> Samples:
    """n samples of noise in the form of the test reals, each block of a stream of its own.

    Images: every channel of every pixel uniform on 0…255. Vectors: uniform in the bounding box of the
    test reals.
    """
    shape, is_image = tuple(test.shape[1:]), test.dtype == torch.uint8
    low, high = (torch.zeros(()), torch.zeros(())) if is_image else _bounding_box(test)

    def block(number: int) -> torch.Tensor:
        start = number * BLOCK
        size = (min(BLOCK, n - start), *shape)
        random = Stream(seed, "control", "noise", f"block-{start}").numpy_generator()
        if is_image:
            return torch.from_numpy(random.integers(0, 256, size, dtype="uint8"))
        return low + (high - low) * torch.from_numpy(random.random(size, dtype="float32"))

    return Blocks((n, *shape), test.dtype, block)


def blurred_samples(test: Samples) -> Samples | None:
    """All test images under a Gaussian blur of σ = 2 pixels, again 8-bit; None for vectors.

    The kernel reaches 4σ, or as far as an image smaller than that allows.
    """
    if test.dtype != torch.uint8:
        return None
    side = 2 * min(BLUR_REACH, min(test.shape[2:]) - 1) + 1
    # exp(−d²/2σ²) / Σ over whole pixels d, in both directions.
    reach = (side - 1) / (2 * math.sqrt(2))
    weights = torch.softmax(-(torch.linspace(-reach, reach, side) / BLUR_STD).square(), 0)
    kernel = (weights[:, None] * weights).expand(test.shape[1], 1, side, side)

    def block(number: int) -> torch.Tensor:
        images = test[number * BLOCK : (number + 1) * BLOCK]
        return torch.cat([part_of(part.to(torch.float32)) for part in torch.split(images, AT_ONCE)])

    def part_of(images: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(images, (side // 2,) * 4, mode="reflect")
        blurred = functional.conv2d(padded, kernel, groups=len(kernel))
        return blurred.round_().clamp_(0, 255).to(torch.uint8)

    return Blocks(test.shape, test.dtype, block)


def _bounding_box(vectors: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest and largest value of each dimension, (d,) each."""
    ends = [(part.amin(0), part.amax(0)) for part in blocks(vectors)]
    low, high = (torch.stack(side) for side in zip(*ends, strict=True))
    return low.amin(0), high.amax(0)
