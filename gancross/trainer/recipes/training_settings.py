"""The fields of a recipe about averages and length of the training, and what changes with its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError
from gancross.trainer.recipes.fields import NeutralField, within
from gancross.trainer.recipes.optimizer_settings import OptimizerSettings
from gancross.trainer.recipes.schedules import schedule_factor


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(OptimizerSettings):
    """How long both networks are trained, and what is averaged.

    Attributes:
        ema: β of an exponential average of the generator's weights, which checkpoints and pictures then
            use; 0: no average, as in the paper.
        ema_half_life: the average's half-life in thousands of images, in place of a constant β: β_t =
            ½^(batch/half-life) (Karras et al. 2020a: 10 at batch 32); 0: none. One step counts `batch_size`
            images.
        ema_ramp_up: the half-life is at most this fraction of the images seen before the step, so that the
            initial weights are forgotten (Karras et al. 2020a: 0.05); 0: no limit.
        ema_from: first step that is averaged; before it the average is a copy of the generator (Brock et al.
            2019).
        ema_buffers: batch norm's averages of the averaged generator: `copy` of the generator's, or `average`
            by the same β.
        steps: generator updates (T).
        seed: of initial weights, latents, noise, augmentation and data order.
    """

    ema: float = within("[0, 1)")
    ema_half_life: float = within("[0, inf)")
    ema_ramp_up: float = within("[0, 1]")
    ema_from: int = within("[1, 1e12]")
    ema_buffers: Literal["copy", "average"]
    steps: int = within("[1, 1e12]")
    seed: int = within("[0, 9e18]")

    @property
    def has_average(self) -> bool:
        """Whether the generator's weights are averaged."""
        return self.ema > 0.0 or self.ema_half_life > 0.0

    @property
    def depends_on_steps(self) -> bool:
        """Whether a step's update depends on the number of steps."""
        return self.anneal or self.schedule != "constant"

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        if self.ema > 0.0 and self.ema_half_life > 0.0:
            raise UsageError(
                f"ema={self.ema} and ema_half_life={self.ema_half_life} are two averages: set one to 0"
            )
        if self.schedule != "constant" and self.schedule_from >= self.steps:
            raise UsageError(
                f"schedule_from={self.schedule_from} must be below steps={self.steps}, or the schedule never"
                " starts"
            )

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if self.ema_half_life == 0.0:
            yield "ema_ramp_up", 0.0, "set ema_half_life, which it limits"
        if not self.has_average:
            why = "there is no average; set ema or ema_half_life"
            yield from (("ema_from", 1, why), ("ema_buffers", "copy", why))

    def learning_rate_at(self, step: int, player: str) -> float:
        """The learning rate of `generator` or `discriminator` in step t = 1..T."""
        own = self.discriminator_learning_rate if player == "discriminator" else None
        return (self.learning_rate if own is None else own) * schedule_factor(
            self.schedule, end=self.schedule_end, progress=self._progress(step)
        )

    def betas_at(self, step: int, player: str) -> tuple[float, float]:
        """Adam's (β₁, β₂) of `generator` or `discriminator` in step t = 1..T."""
        own = (
            (self.discriminator_beta1, self.discriminator_beta2)
            if player == "discriminator"
            else (None, None)
        )
        beta1, beta2 = (
            default if value is None else value
            for value, default in zip(own, (self.beta1, self.beta2), strict=True)
        )
        if self.beta2_end is None:
            return beta1, beta2
        weight = schedule_factor(self.schedule, end=0.0, progress=self._progress(step))
        return beta1, self.beta2_end + (beta2 - self.beta2_end) * weight

    def ema_decay_at(self, step: int) -> float:
        """β_t of w̄ ← β_t w̄ + (1 − β_t) w in step t = 1..T; 0 copies the weights."""
        if step < self.ema_from:
            return 0.0
        if self.ema_half_life == 0.0:
            return self.ema
        half_life = 1000 * self.ema_half_life
        if self.ema_ramp_up > 0.0:
            half_life = min(half_life, self.ema_ramp_up * (step - 1) * self.batch_size)
        return float(0.5 ** (self.batch_size / half_life)) if half_life > 0.0 else 0.0

    def _progress(self, step: int) -> float:
        """s of the schedule: 0 up to `schedule_from`, 1 after the last step."""
        return (step - 1 - self.schedule_from) / (self.steps - self.schedule_from)
