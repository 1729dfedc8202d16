"""The training habits of today's GANs, each off: what every recipe without them has."""

from __future__ import annotations

from gancross.trainer.recipes.fields import Setting

ADA_TARGET = 0.6  # E[sign D] of real samples, Karras et al. 2020a
ADA_SPEED = 500.0  # thousands of images in which p moves from 0 to 1, Karras et al. 2020a
HABITS_OFF: dict[str, Setting] = {
    "anneal_shape": "exponential",
    "augment": "none", "augment_policy": "none", "ada_target": ADA_TARGET, "ada_speed": ADA_SPEED,
    "discriminator_learning_rate": None, "discriminator_beta1": None, "discriminator_beta2": None,
    "schedule": "constant", "schedule_end": 0.0, "schedule_from": 0, "beta2_end": None,
    "precision": "float32", "accumulate": 1,
    "ema_half_life": 0.0, "ema_ramp_up": 0.0, "ema_from": 1, "ema_buffers": "copy",
}  # fmt: skip
