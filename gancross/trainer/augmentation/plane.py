"""ADA's geometric transforms: inverse affine matrices of the plane, and one resampling by their product.

A matrix maps a position in the transformed image to the position in the given one, both as (x, y, 1) in
pixels from the image's centre, x to the right and y down. Every transform happens with probability p; a
matrix is exactly the identity where it does not.

Source: Karras et al. 2020a, appendix B, with the values of the authors' program.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from gancross.trainer.augmentation.draws import Draws, constants

INTEGER_SHIFT = 0.125  # largest integer translation, of the side
SCALE_STD = 0.2  # of log₂ of the factors
SHIFT_STD = 0.125  # of fractional translations, of the side
_COSINES, _SINES = (1.0, 0.0, -1.0, 0.0), (0.0, 1.0, 0.0, -1.0)  # of quarter turns


def flip(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """Left and right exchanged, in half of the cases."""
    i_N = draws.gated(p, draws.integer(2).to(images.dtype), 0.0)
    return _matrices(1 - 2 * i_N, 0, 0, 0, 1, 0)


def quarter_turn(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """0, 1, 2 or 3 turns by 90°, each in a quarter of the cases."""
    i_N = draws.gated(p, draws.integer(4).to(images.dtype), 0.0).long()
    cosine, sine = constants(images, *_COSINES)[i_N], constants(images, *_SINES)[i_N]
    return _matrices(cosine, sine, 0, -sine, cosine, 0)


def integer_translation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """By whole pixels, the rounded uniforms on ±1/8 of the side, along both axes."""
    height, width = images.shape[2:]
    x_N, y_N = (((2 * draws.uniform() - 1) * INTEGER_SHIFT * side).round() for side in (width, height))
    return _translation(*_both_or_none(draws, p, x_N, y_N))


def scaling(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """By 2^s along both axes, s ~ N(0, 0.2²)."""
    s_N = draws.gated(p, torch.exp2(SCALE_STD * draws.normal()), 1.0)
    return _matrices(1 / s_N, 0, 0, 0, 1 / s_N, 0)


def rotation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """By an angle uniform on ±π, with probability 1 − √(1 − p).

    It stands before and after the anisotropic scaling: one of the two happens with probability p.
    """
    p_rotation = 1 - (1 - p).clamp(0, 1).sqrt()
    angle_N = draws.gated(p_rotation, (2 * draws.uniform() - 1) * math.pi, 0.0)
    cosine, sine = angle_N.cos(), angle_N.sin()
    return _matrices(cosine, sine, 0, -sine, cosine, 0)


def anisotropic_scaling(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """By 2^s along x and 2^(−s) along y, s ~ N(0, 0.2²)."""
    s_N = draws.gated(p, torch.exp2(SCALE_STD * draws.normal()), 1.0)
    return _matrices(1 / s_N, 0, 0, 0, s_N, 0)


def fractional_translation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """By N(0, (1/8)²) of the side along each axis."""
    height, width = images.shape[2:]
    x_N, y_N = (draws.normal() * SHIFT_STD * side for side in (width, height))
    return _translation(*_both_or_none(draws, p, x_N, y_N))


def resampled(images: torch.Tensor, inverse_N33: torch.Tensor) -> torch.Tensor:
    """The images at the positions that the inverse matrices give; exactly themselves under the identity.

    Bilinear, reflected about the image's edges; differentiable in the images. Here ours differs from the
    authors' program, which reflects about the centres of the outermost pixels, up to one image size beyond
    the edge and then continues with 0, and which resamples at twice the resolution between orthogonal wavelet
    filters (sym6) against aliasing: ours is a little smoother where it resamples between pixels, and aliases
    where it shrinks an image.
    """
    height, width = images.shape[2:]
    rows, columns = (
        torch.arange(size, dtype=images.dtype, device=images.device) - (size - 1) / 2
        for size in (height, width)
    )
    y_HW, x_HW = torch.meshgrid(rows, columns, indexing="ij")
    pixels_HW3 = torch.stack([x_HW, y_HW, torch.ones_like(x_HW)], dim=-1)
    positions_NHW2 = torch.einsum("nij,hwj->nhwi", inverse_N33[:, :2], pixels_HW3)
    grid_NHW2 = positions_NHW2 * constants(images, 2 / width, 2 / height)
    moved = nn.functional.grid_sample(
        images, grid_NHW2, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    eye = torch.eye(3, dtype=images.dtype, device=images.device)
    unmoved_N = (inverse_N33 == eye).flatten(1).all(1)
    return torch.where(unmoved_N[:, None, None, None], images, moved)


def _both_or_none(
    draws: Draws, p: torch.Tensor, x_N: torch.Tensor, y_N: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both components with probability p, else 0 and 0."""
    gate_N = draws.gated(p, torch.ones_like(x_N), 0.0)
    return x_N * gate_N, y_N * gate_N


def _translation(x_N: torch.Tensor, y_N: torch.Tensor) -> torch.Tensor:
    """By x pixels to the right and y down."""
    one = torch.ones_like(x_N)
    return _matrices(one, 0, -x_N, 0, one, -y_N)


def _matrices(*entries: torch.Tensor | int) -> torch.Tensor:
    """(N, 3, 3) of the six entries of the first two rows; the third is (0, 0, 1)."""
    like = next(entry for entry in entries if isinstance(entry, torch.Tensor))
    rows = [entry if isinstance(entry, torch.Tensor) else torch.full_like(like, entry) for entry in entries]
    last = [torch.zeros_like(like), torch.zeros_like(like), torch.ones_like(like)]
    return torch.stack([*rows, *last], dim=1).reshape(-1, 3, 3)
