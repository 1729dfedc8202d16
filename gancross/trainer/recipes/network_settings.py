"""The fields of a recipe about its data and its networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gancross.errors import UsageError, has_unprintable, printable
from gancross.trainer.recipes.experiment import AUXILIARY_WEIGHT
from gancross.trainer.recipes.fields import NeutralField, within

OWN = "own"  # the network of a recipe whose modules the user gives


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What is trained on what.

    Attributes:
        name: the recipe from which this one derives.
        data: a data set's name (`gancross datasets`), or `folder:PATH`.
        image_size: side in pixels to which images are resized; None: not resized.
        batch_size: real and generated samples of one update, each (m of Algorithm 1).
        network: family of the generator–discriminator pair; `own`: modules of the user's own, which `train`
            is given beside the recipe.
        width: unit of width of that family; the paper's is 128 (mlp) and 64 (images).
        normalization: `batch`, `none`, or `layer`: layer norm in D and batch norm in G (WGAN-GP);
            `spectral`: spectral norm in D and batch norm in G (SNGAN); `spectral-both`: with spectral norm in
            G, too (SAGAN).
        activation: `relu` (ReLU in G, leaky ReLU 0.2 in D) or `tanh`, where the family has the choice.
        latent_dim: dimension of the latent z.
        latent: prior of z: `normal`, `uniform` on [−1, 1], `uniform01` on [0, 1].
        conditional: `none`; `labels`: both networks take the class beside their input; `acgan`: the generator
            takes it, the discriminator classifies samples (Odena et al. 2017). The network must fit.
        label_prior: classes of generated samples: `uniform`, or the frequencies of the `data`.
        auxiliary_weight: λ of AC-GAN's classification loss, for both players.
    """

    name: str
    data: str
    image_size: int | None = within("[1, 4096]")
    batch_size: int = within("[1, 1048576]")
    network: str
    width: int = within("[1, 16384]")
    normalization: Literal["batch", "none", "layer", "spectral", "spectral-both"]
    activation: Literal["relu", "tanh"]
    latent_dim: int = within("[1, 65536]")
    latent: Literal["normal", "uniform", "uniform01"]
    conditional: Literal["none", "labels", "acgan"]
    label_prior: Literal["uniform", "data"]
    auxiliary_weight: float = within("(0, inf)")

    def check_together(self) -> None:
        """Checks values that must fit each other; every group of fields adds its own.

        Raises:
            UsageError: they do not.
        """
        if has_unprintable(self.data):
            raise UsageError(
                f"data '{printable(self.data)}': rename the folder; a name with control characters, or"
                " that is not UTF-8, cannot be stored in a checkpoint"
            )
        if self.network == OWN and self.conditional != "none":
            raise UsageError(
                f"network=own with conditional={self.conditional}: networks of your own are trained without"
                " labels: set conditional=none, or add a family (docs/how-to/extending.md)"
            )

    def neutral_fields(self) -> Iterator[NeutralField]:
        """The fields that have no effect in this recipe; every group of fields adds its own."""
        if self.network == OWN:
            why = "network=own: your own code builds the networks"
            yield from (("width", 1, why), ("normalization", "none", why), ("activation", "relu", why))
        if self.conditional == "none":
            yield (
                "label_prior",
                "uniform",
                "nothing is conditional; set conditional=labels or conditional=acgan",
            )
        if self.conditional != "acgan":
            yield "auxiliary_weight", AUXILIARY_WEIGHT, "only conditional=acgan has a classification loss"
