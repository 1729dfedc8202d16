"""The 5×5 convolutions of stride 2 next to the image, whose few channels a CPU's transposed kernel wastes.

Carried back through such a convolution to C ≤ 4 image channels, gradients run at a tenth of the speed of the
way forward. A pixel of either parity in rows and columns sees its own part of the kernel, so the same sums
are a 3×3 convolution to 4·C channels, one for each parity, whose pixels are then interleaved:

    W'[(c, p, q), c', i, j] = W[c', c, p + 4 − 2i, q + 4 − 2j],   zero where an index is beyond the kernel

That takes 36 multiplications where 25 would do, and is several times faster on a CPU. Elsewhere, and while a
network is traced, torch's own kernel runs.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from gancross.models.layers import detour

aten = torch.ops.aten
KERNEL = 5
MOST_CHANNELS = 4
GEOMETRY = ([2, 2], [2, 2], [1, 1])  # stride, padding, dilation


def interleaved(weight: torch.Tensor) -> torch.Tensor:
    """W (C', C, 5, 5) → W' (4·C, C', 3, 3)."""
    outer, image = weight.shape[:2]
    parts = nn.functional.pad(weight, (0, 1, 0, 1)).reshape(outer, image, 3, 2, 3, 2)
    return parts.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(4 * image, outer, 3, 3)


def enlarged(features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """The transposed convolution: (N, C', H, W) → (N, C, 2H, 2W); differentiable."""
    each = None if bias is None else bias.repeat_interleave(4)
    parts = nn.functional.conv2d(features, interleaved(weight), each, padding=1)
    return nn.functional.pixel_shuffle(parts, 2)


class ImageConv2d(nn.Conv2d):
    """`nn.Conv2d(channels, outputs, 5, 2, padding=2)`; the detour takes images with even sides."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels, outputs, KERNEL, 2, padding=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, 2H, 2W) → (N, C', H, W)."""
        even = not (images.shape[-1] % 2 or images.shape[-2] % 2)
        if not images.requires_grad or not even or not helps(images, self.in_channels):
            return super().forward(images)
        return cast(torch.Tensor, _Shrunk.apply(images, self.weight, self.bias))


class ImageConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d(inputs, channels, 5, 2, padding=2, output_padding=1)`."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__(inputs, channels, KERNEL, 2, padding=2, output_padding=1)

    def forward(self, features: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        """(N, C', H, W) → (N, C, 2H, 2W)."""
        if output_size is not None or not helps(features, self.out_channels):
            return super().forward(features, output_size)
        if not torch.is_grad_enabled():
            return enlarged(features, self.weight, self.bias)
        return cast(torch.Tensor, _Enlarged.apply(features, self.weight, self.bias))


def helps(tensor: torch.Tensor, channels: int) -> bool:
    """Whether the detour is worth it with so many image channels, and possible."""
    return channels <= MOST_CHANNELS and detour(tensor)


class _Shrunk(torch.autograd.Function):
    """The convolution, with the detour on its way back to the images."""

    generate_vmap_rule = True

    @staticmethod
    def forward(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(images, weight, bias, 2, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        wanted = [False, *ctx.needs_input_grad[1:]]
        sizes = [len(weight)]
        _, *others = aten.convolution_backward(
            gradient, images, weight, sizes, *GEOMETRY, False, [0, 0], 1, wanted
        )
        return enlarged(gradient, weight) if ctx.needs_input_grad[0] else None, *others


class _Enlarged(torch.autograd.Function):
    """The detour forward; torch's kernels back, which are fast in that direction."""

    generate_vmap_rule = True

    @staticmethod
    def forward(features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return enlarged(features, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        sizes = [weight.shape[1]]
        return cast(
            tuple[torch.Tensor | None, ...],
            aten.convolution_backward(
                gradient, features, weight, sizes, *GEOMETRY, True, [1, 1], 1, list(ctx.needs_input_grad)
            ),
        )
