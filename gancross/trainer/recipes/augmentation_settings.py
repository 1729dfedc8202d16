"""The fields of a recipe about augmentation of the discriminator's inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError
from gancross.trainer.recipes.fields import NeutralField, within
from gancross.trainer.recipes.habits import ADA_SPEED, ADA_TARGET
from gancross.trainer.recipes.noise_settings import NoiseSettings

DIFFAUGMENT = {
    "color": "brightness, saturation and contrast",
    "translation": "by up to an eighth of the side",
    "cutout": "a rectangle of half the sides",
}
ADA = {"b": ("blit",), "bg": ("blit", "geometry"), "bgc": ("blit", "geometry", "colour")}


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings(NoiseSettings):
    """Random transforms T of the discriminator's inputs: D(T(x)) and D(T(G(z))), for images only.

    One update of a player draws one T for each position of its batch. Real and generated samples at the same
    position get the same T, and the generator's gradient passes through it. Both players see augmented
    samples. Explicit noise is added after T.

    Attributes:
        augment: `none`; `diffaugment` (Zhao et al. 2020): T always, differentiable; `ada` (Karras et al.
            2020a): every transform with the probability p, which is adapted so that D does not overfit.
        augment_policy: which transforms. Of diffaugment: `color`, `translation`, `cutout`, in the order in
            which they are joined by commas (the authors' for CIFAR-10: color,translation,cutout). Of ada:
            `b` (flips, quarter turns, integer translations), `bg` (and scaling, rotation, anisotropic
            scaling, fractional translation), `bgc` (and colour; the authors' default).
        ada_target: E[sign(D − threshold)] over augmented real samples at which p stays; above it p rises.
        ada_speed: thousands of real images in which p moves from 0 to 1.
    """

    augment: Literal["none", "diffaugment", "ada"]
    augment_policy: str
    ada_target: float = within("[-1, 1]")
    ada_speed: float = within("(0, inf)")

    def check_together(self) -> None:
        """As in `NetworkSettings`."""
        super().check_together()
        if self.augment == "diffaugment":
            words = self.augment_policy.split(",")
            if not set(words) <= DIFFAUGMENT.keys() or len(set(words)) < len(words):
                listed = [f"{word} ({meaning})" for word, meaning in DIFFAUGMENT.items()]
                raise UsageError(
                    f"augment=diffaugment needs an augment_policy of {', '.join(listed)}, each at most once,"
                    f" joined by commas; got '{self.augment_policy}': write, for example,"
                    " augment_policy=color,translation,cutout"
                )
        if self.augment == "ada" and self.augment_policy not in ADA:
            raise UsageError(
                f"augment=ada needs augment_policy={', '.join(list(ADA)[:-1])} or {list(ADA)[-1]}, got"
                f" '{self.augment_policy}'"
            )

    def neutral_fields(self) -> Iterator[NeutralField]:
        """As in `NetworkSettings`."""
        yield from super().neutral_fields()
        if self.augment == "none":
            yield "augment_policy", "none", "there is no augmentation; set augment=diffaugment or augment=ada"
        if self.augment != "ada":
            why = "only augment=ada adapts a probability"
            yield from (("ada_target", ADA_TARGET, why), ("ada_speed", ADA_SPEED, why))
