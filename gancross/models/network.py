"""What a network and a family of networks declare. `gancross.models.families` lists the families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import ClassVar

import torch
from torch import nn

from gancross.models.initialization import glorot, reset_uniform
from gancross.models.layers import Weighted

Argument = int | str | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's name in `ARCHITECTURES` and its arguments: all that is needed to build it again."""

    name: str
    arguments: dict[str, Argument]


class Network(nn.Module):
    """Base of the networks that a checkpoint can name.

    A checkpoint stores the constructor's arguments as plain values, so each has the type `int`, `str` (or
    a `Literal` of strings) or `tuple[int, ...]`.

    Attributes:
        architecture_name: its name in checkpoints, unique.
        input_shape, output_shape: of one sample, without the batch axis; set by the constructor. A
            generator maps (latent_dim,) to the shape of a sample, a discriminator that shape to (1,).
        architecture: what `skeleton` built the network from; None if it was built otherwise.
        num_classes: K of the labels, int64 (N,) in 0…K−1, that `forward` takes after its input; None: it
            takes none.
        num_classified: K of a discriminator that also classifies samples, by a method
            `class_logits(samples)` → (N, K) (AC-GAN); None for all others.
    """

    architecture_name: ClassVar[str]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    architecture: Architecture | None = None
    num_classes: int | None = None
    num_classified: int | None = None

    def reset(self, generator: torch.Generator) -> None:
        """Draws the initial weights from `generator`, a function of its state alone.

        By default weights are uniform with the standard deviation `initial_std`, and biases 0.
        """
        reset_uniform(self, generator, self.initial_std)

    @staticmethod
    def initial_std(path: str, layer: Weighted) -> float:
        """Standard deviation of a layer's initial weights: Glorot's by default."""
        return glorot(layer)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A generator and a discriminator that a recipe's `network` names together.

    A constructor's parameter gets the value of its name in `gancross.models.architectures.arguments_by_name`.

    Attributes:
        generator, discriminator: their classes.
        arguments, generator_arguments, discriminator_arguments: values that this family fixes for both or
            for one of them.
    """

    generator: type[Network]
    discriminator: type[Network]
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    generator_arguments: Mapping[str, Argument] = field(default_factory=dict)
    discriminator_arguments: Mapping[str, Argument] = field(default_factory=dict)

    @property
    def conditional(self) -> str:
        """The value of a recipe's `conditional` that fits: `none`, `labels` or `acgan`."""
        if hasattr(self.discriminator, "class_logits"):
            return "acgan"
        return "labels" if "num_classes" in signature(self.generator).parameters else "none"
