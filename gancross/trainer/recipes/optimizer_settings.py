"""The fields of a recipe about optimizers: their rates, schedules, precision and batches in parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError
from gancross.trainer.recipes.augmentation_settings import AugmentationSettings
from gancross.trainer.recipes.experiment import BETAS
from gancross.trainer.recipes.fields import NeutralField, within


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings(AugmentationSettings):
    """How both networks' weights follow their gradients.

    Attributes:
        optimizer: `adam` or `rmsprop`, for both networks.
        learning_rate: of both networks, or of the generator where the discriminator has its own.
        beta1, beta2: Adam's decay rates of the moments, of both networks or of the generator.
        discriminator_learning_rate, discriminator_beta1, discriminator_beta2: of the discriminator; None: the
            generator's (two time scales: Heusel et al. 2017).
        schedule: of both learning rates: `constant`, `linear` (SNGAN: Miyato et al. 2018) or `cosine` (R3GAN:
            Huang et al. 2024). Step t of T has the rate at s = (t − 1 − from)/(T − from) of the way, from =
            schedule_from; all of its updates have the same.
        schedule_end: the rate at s = 1 as a fraction of the first, 0 for SNGAN, 0.25 for R3GAN.
        schedule_from: steps at the first rate before the schedule starts.
        beta2_end: β₂ of both networks moves to this value with the shape of the schedule (R3GAN: 0.9 →
            0.99); None: it is constant. Adam's bias correction then uses the β₂ of the step, as R3GAN's
            program does.
        precision: `float32`, or `bf16`: forward and backward passes under bfloat16 autocast. Weights,
            optimizer states, losses and every pass of a gradient penalty stay float32.
        accumulate: k: the batch passes through the networks in k equal parts, whose gradients are averaged
            before the optimizer's step. Without layers that couple samples this is the whole batch's
            gradient; batch norm normalises each part by itself and moves its averages k times, and
            `penalty_fraction` counts within parts.
    """

    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float = within("(0, 1]")
    beta1: float = within("[0, 1)")
    beta2: float = within("[0, 1)")
    discriminator_learning_rate: float | None = within("(0, 1]")
    discriminator_beta1: float | None = within("[0, 1)")
    discriminator_beta2: float | None = within("[0, 1)")
    schedule: Literal["constant", "linear", "cosine"]
    schedule_end: float = within("[0, 1)")
    schedule_from: int = within("[0, 1e12]")
    beta2_end: float | None = within("[0, 1)")
    precision: Literal["float32", "bf16"]
    accumulate: int = within("[1, 1048576]")

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        if self.penalty_every > 1 and self.optimizer != "adam":
            raise UsageError("penalty_every above 1 needs optimizer=adam, whose rate and β it adjusts")
        if self.accumulate > 1 and (self.lecam > 0 or self.regularizer == "dragan"):
            what = "lecam" if self.lecam > 0 else "regularizer=dragan"
            raise UsageError(f"{what} needs accumulate=1: it takes means over the whole batch")
        copies = self.nsr if self.noise != "none" else 1
        if self.batch_size % (self.accumulate * copies):
            raise UsageError(
                f"batch_size={self.batch_size} cannot be divided into accumulate={self.accumulate} equal"
                f" parts: use a multiple of {self.accumulate * copies}"
            )

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if self.optimizer != "adam":
            why = f"optimizer={self.optimizer} has no β"
            yield from (("beta1", BETAS[0], why), ("beta2", BETAS[1], why), ("beta2_end", None, why))
            yield from (("discriminator_beta1", None, why), ("discriminator_beta2", None, why))
        for name in ("learning_rate", "beta1", "beta2"):
            if getattr(self, f"discriminator_{name}") == getattr(self, name):
                yield f"discriminator_{name}", None, f"{name} has the same value"
        if self.schedule == "constant":
            why = "set schedule=linear or schedule=cosine"
            yield from (("schedule_end", 0.0, why), ("schedule_from", 0, why), ("beta2_end", None, why))
