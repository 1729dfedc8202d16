"""The table of transforms: the words of `augment_policy` and what they do, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch

from gancross.trainer.augmentation import colour, pixels, plane
from gancross.trainer.augmentation.draws import Draws


class Transform(NamedTuple):
    """One random transform.

    Attributes:
        space: `pixels`: the function gives the transformed images; `plane`: inverse matrices (N, 3, 3), as in
            `plane`; `colour`: matrices (N, 4, 4), as in `colour`; one matrix stands for all.
        function: of the images (N, C, H, W), their random numbers and the probability p.
    """

    space: Literal["pixels", "plane", "colour"]
    function: Callable[[torch.Tensor, Draws, torch.Tensor], torch.Tensor]


TRANSFORMS: dict[str, tuple[Transform, ...]] = {
    "color": (
        Transform("pixels", pixels.brightness), Transform("pixels", pixels.saturation),
        Transform("pixels", pixels.contrast),
    ),
    "translation": (Transform("pixels", pixels.translation),),
    "cutout": (Transform("pixels", pixels.cutout),),
    "blit": (
        Transform("plane", plane.flip), Transform("plane", plane.quarter_turn),
        Transform("plane", plane.integer_translation),
    ),
    "geometry": (
        Transform("plane", plane.scaling), Transform("plane", plane.rotation),
        Transform("plane", plane.anisotropic_scaling), Transform("plane", plane.rotation),
        Transform("plane", plane.fractional_translation),
    ),
    "colour": (
        Transform("colour", colour.brightness), Transform("colour", colour.contrast),
        Transform("colour", colour.luma_flip), Transform("colour", colour.hue),
        Transform("colour", colour.saturation),
    ),
}  # fmt: skip


def transformed(images: torch.Tensor, names: tuple[str, ...], draws: Draws, p: torch.Tensor) -> torch.Tensor:
    """The images through the transforms of these names, in this order; differentiable in the images.

    Transforms of the plane are one resampling by the product of their matrices, and those of colour one
    matrix, after it.

    Args:
        images: (N, C, H, W) in [−1, 1]; results may leave this range.
        p: scalar in [0, 1], the probability of every transform of the plane and of colour.
    """
    inverse = color = None
    for space, function in (transform for name in names for transform in TRANSFORMS[name]):
        result = function(images, draws, p)
        if space == "pixels":
            images = result
        elif space == "plane":
            inverse = result if inverse is None else inverse @ result
        else:
            color = result if color is None else result @ color
    if inverse is not None:
        images = plane.resampled(images, inverse)
    return images if color is None else colour.recoloured(images, color)
