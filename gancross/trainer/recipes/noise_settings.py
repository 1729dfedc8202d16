"""The fields of a recipe about explicit noise, which §5.4 compares the regularizer with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError
from gancross.trainer.recipes.fields import NeutralField, within
from gancross.trainer.recipes.objective_settings import PAIRED, ObjectiveSettings


@dataclass(frozen=True, kw_only=True)
class NoiseSettings(ObjectiveSettings):
    """Explicit noise on the discriminator's inputs.

    Attributes:
        noise: explicit noise on the discriminator's inputs: `gaussian`, `laplacian` or `none` (§5.4).
        noise_variance: of that noise, per dimension.
        nsr: noise vectors per distinct sample (noise-to-signal ratio); a batch has batch_size/nsr samples.
        noise_players: noise in the updates of `both` players or of the `discriminator` only.
    """

    noise: Literal["none", "gaussian", "laplacian"]
    noise_variance: float = within("[0, inf)")
    nsr: int = within("[1, 1048576]")
    noise_players: Literal["both", "discriminator"]

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        if self.noise != "none" and self.noise_variance == 0.0:
            raise UsageError(f"noise={self.noise} needs noise_variance above 0")
        if self.update == "simultaneous" and self.noise != "none" and self.noise_players != "both":
            raise UsageError(
                "update=simultaneous needs noise_players=both: both players see the same samples"
            )
        if self.objective in PAIRED and self.nsr > 1 and self.noise_players != "both":
            raise UsageError(
                f"objective={self.objective} needs noise_players=both or nsr=1: the generator's loss pairs"
                " as many real as generated samples"
            )
        if self.batch_size % self.nsr:
            raise UsageError(f"batch_size={self.batch_size} is not divisible by nsr={self.nsr}")

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if self.noise == "none":
            why = "there is no noise; set noise=gaussian or noise=laplacian"
            yield from (("noise_variance", 0.0, why), ("nsr", 1, why), ("noise_players", "both", why))
