"""What one line of the table of experiments holds, and the values that several lines share."""

from __future__ import annotations

from typing import NamedTuple

from gancross.trainer.recipes.fields import Setting

CLIP = 0.01  # Arjovsky et al. 2017
GRADIENT_PENALTY = 10.0  # Gulrajani et al. 2017
GAMMA_DECAY = 0.01  # Algorithm 1's α
LECAM_DECAY = 0.9  # Tseng et al. 2021, authors' program; StudioGAN has 0.99
AUXILIARY_WEIGHT = 1.0  # λ of AC-GAN, Odena et al. 2017
BETAS = (0.5, 0.999)  # of Adam, Radford et al. 2016


class Experiment(NamedTuple):
    """One line of the table; the recipe without a parent sets every field."""

    name: str
    parent: str | None
    differences: dict[str, Setting]
    source: str
