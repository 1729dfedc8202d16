"""ADA's colour transforms: affine matrices of colour space, and their product applied to every pixel.

A matrix maps (r, g, b, 1) to (r', g', b', 1), in the range [−1, 1] of the networks. Every transform happens
with probability p; a matrix is exactly the identity where it does not. Grey images skip hue and saturation
and take the mean of the matrix's rows.

Source: Karras et al. 2020a, appendix B, with the values of the authors' program.
"""

from __future__ import annotations

import math

import torch

from gancross.trainer.augmentation.draws import Draws, constants

BRIGHTNESS_STD = 0.2
CONTRAST_STD, SATURATION_STD = 0.5, 1.0  # of log₂ of the factors


def brightness(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """x + b, b ~ N(0, 0.2²)."""
    b_N = draws.gated(p, BRIGHTNESS_STD * draws.normal(), 0.0)
    matrix_N44 = _identity(images).repeat(len(images), 1, 1)
    matrix_N44[:, :3, 3] = b_N[:, None]
    return matrix_N44


def contrast(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """2^c·x, c ~ N(0, 0.5²)."""
    factor_N = draws.gated(p, torch.exp2(CONTRAST_STD * draws.normal()), 1.0)
    return torch.diag_embed(torch.stack([factor_N] * 3 + [torch.ones_like(factor_N)], dim=1))


def luma_flip(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """The grey component negated, in half of the cases: x − 2(v·x)v, v = (1, 1, 1)/√3."""
    i_N = draws.gated(p, draws.integer(2).to(images.dtype), 0.0)
    return _identity(images) - 2 * _luma(images) * i_N[:, None, None]


def hue(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """Colours rotated about the grey axis v by an angle uniform on ±π."""
    if images.shape[1] == 1:
        return _identity(images)
    angle = draws.gated(p, (2 * draws.uniform() - 1) * math.pi, 0.0)[:, None, None]
    identity, luma = _identity(images), _luma(images)
    cross = images.new_zeros(4, 4)  # of v: cross·x = v × x
    cross[0, 1] = cross[1, 2] = cross[2, 0] = -(3**-0.5)
    cross[1, 0] = cross[2, 1] = cross[0, 2] = 3**-0.5
    colours = torch.diag(constants(images, 1.0, 1.0, 1.0, 0.0)) - luma
    return identity + (angle.cos() - 1) * colours + angle.sin() * cross


def saturation(images: torch.Tensor, draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """What is orthogonal to the grey axis scaled by 2^s, s ~ N(0, 1)."""
    if images.shape[1] == 1:
        return _identity(images)
    factor = draws.gated(p, torch.exp2(SATURATION_STD * draws.normal()), 1.0)[:, None, None]
    colours = torch.diag(constants(images, 1.0, 1.0, 1.0, 0.0)) - _luma(images)
    return _identity(images) + (factor - 1) * colours


def recoloured(images: torch.Tensor, matrix_N44: torch.Tensor) -> torch.Tensor:
    """Every pixel through its image's matrix; images have one or three channels."""
    linear, offset = matrix_N44[:, :3, :3], matrix_N44[:, :3, 3]
    if images.shape[1] == 1:
        factor_N, offset_N = linear.sum((1, 2)) / 3, offset.mean(1)
        return images * factor_N[:, None, None, None] + offset_N[:, None, None, None]
    return torch.einsum("nij,njhw->nihw", linear, images) + offset[:, :, None, None]


def _identity(images: torch.Tensor) -> torch.Tensor:
    return torch.eye(4, dtype=images.dtype, device=images.device)[None]


def _luma(images: torch.Tensor) -> torch.Tensor:
    """v vᵀ."""
    v = constants(images, 1.0, 1.0, 1.0, 0.0) / 3**0.5
    return torch.outer(v, v)
