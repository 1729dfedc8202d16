"""The fields of a recipe about optimizers, averages and length of the training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError
from gancross.trainer.recipes.experiment import BETAS
from gancross.trainer.recipes.fields import NeutralField, within
from gancross.trainer.recipes.noise_settings import NoiseSettings


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(NoiseSettings):
    """How, and for how long, both networks are trained.

    Attributes:
        optimizer: `adam` or `rmsprop`, for both networks.
        learning_rate: for both networks.
        beta1, beta2: Adam's decay rates of the moments.
        ema: β of an exponential average of the generator's weights, which checkpoints and pictures then
            use; 0: no average, as in the paper.
        steps: generator updates (T).
        seed: of initial weights, latents, noise and data order.
    """

    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float = within("(0, 1]")
    beta1: float = within("[0, 1)")
    beta2: float = within("[0, 1)")
    ema: float = within("[0, 1)")
    steps: int = within("[1, 1e12]")
    seed: int = within("[0, 9e18]")

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        if self.penalty_every > 1 and self.optimizer != "adam":
            raise UsageError("penalty_every above 1 needs optimizer=adam, whose rate and β it adjusts")

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if self.optimizer != "adam":
            why = f"optimizer={self.optimizer} has no β"
            yield from (("beta1", BETAS[0], why), ("beta2", BETAS[1], why))
