"""Labels in training: those of a batch, those drawn for generated samples, and AC-GAN's classification loss.

Every loss and penalty is a function of samples alone, with their labels held fixed (`GivenLabels`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gancross.data.sets import DataSet
from gancross.errors import UsageError
from gancross.machine.distributed import Processes
from gancross.models.conditional import GivenLabels
from gancross.trainer.noise import distinct_samples
from gancross.trainer.recipes.recipe import Recipe

FEWEST_CLASSES = 2


@dataclass(frozen=True, kw_only=True)
class BatchLabels:
    """The labels of one update's samples, int64 (N,): of the generated ones, and of D's update the real ones.

    Attributes:
        fake: the classes that the generator is asked for.
        real: None in the generator's update.
        scored: whether the discriminator takes labels; AC-GAN's does not.
    """

    fake: torch.Tensor
    real: torch.Tensor | None = None
    scored: bool = True

    def part(self, number: int, k: int) -> BatchLabels:
        """Those of part `number` of k equal parts of the batch."""
        real = None if self.real is None else self.real.chunk(k)[number]
        return replace(self, fake=self.fake.chunk(k)[number], real=real)


NO_LABELS: Iterator[None] = repeat(None)


def batch_labels(
    recipe: Recipe, *, fake: torch.Tensor | None, real: torch.Tensor | None
) -> BatchLabels | None:
    """The labels of an update's samples; None where the recipe is not conditional."""
    return None if fake is None else BatchLabels(fake=fake, real=real, scored=recipe.conditional == "labels")


def label_batches(
    recipe: Recipe, data: DataSet, *, start: int, processes: Processes
) -> Iterator[torch.Tensor | None]:
    """The labels of the real batches that begin with the first of step `start` + 1; `NO_LABELS` without."""
    if recipe.conditional == "none" or data.labels is None or data.labels.train is None:
        return NO_LABELS
    batch_size = distinct_samples(recipe, "discriminator")
    return data.labels.train.batches(
        seed=recipe.seed, batch_size=batch_size, start=start * recipe.n_phi, share=processes.share(batch_size)
    )


def generated(generator: nn.Module, latents: torch.Tensor, labels: BatchLabels | None) -> torch.Tensor:
    """The generator's samples of latents, of the classes asked for."""
    samples: torch.Tensor = generator(latents) if labels is None else generator(latents, labels.fake)
    return samples


def takes_labels(labels: BatchLabels | None) -> TypeGuard[BatchLabels]:
    """Whether the discriminator takes labels."""
    return labels is not None and labels.scored


def on_fake(discriminator: nn.Module, labels: BatchLabels | None) -> nn.Module:
    """The discriminator as a function of generated samples alone."""
    return GivenLabels(discriminator, labels.fake) if takes_labels(labels) else discriminator


def on_real(discriminator: nn.Module, labels: BatchLabels | None) -> nn.Module:
    """The discriminator as a function of real samples alone."""
    if not takes_labels(labels):
        return discriminator
    assert labels.real is not None
    return GivenLabels(discriminator, labels.real)


def pair_of_labels(
    labels: BatchLabels | None, real: torch.Tensor, fake: torch.Tensor
) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """What the discriminator takes beside real and beside generated samples: (labels,) each, or nothing."""
    if not takes_labels(labels):
        return (), ()
    assert labels.real is not None
    repeated_real = labels.real.repeat_interleave(len(real) // len(labels.real))
    return (repeated_real,), (labels.fake.repeat_interleave(len(fake) // len(labels.fake)),)


def classification_loss(
    discriminator: nn.Module, samples: torch.Tensor, labels_N: torch.Tensor
) -> torch.Tensor:
    """−mean ln P(y | x), P the softmax of the discriminator's `class_logits`; in nats, ≥ 0.

    Args:
        samples: (m·N, …), m in a row for each label.

    Source: Odena et al. 2017, L_C; D minimises it for real and for generated samples, G for the latter.
    """
    logits: torch.Tensor = discriminator.class_logits(samples)  # type: ignore[operator]
    targets = labels_N.repeat_interleave(len(samples) // len(labels_N))
    return nn.functional.cross_entropy(logits, targets)


def class_probabilities(recipe: Recipe, data: DataSet) -> NDArray[np.float64] | None:
    """Probability of each class for generated samples, (K,); None where the recipe is not conditional.

    Raises:
        UsageError: the recipe is conditional and the data have no labels, or fewer than two classes.
    """
    if recipe.conditional == "none":
        return None
    if data.labels is None or len(data.class_names) < FEWEST_CLASSES:
        raise UsageError(
            f"conditional={recipe.conditional}: data '{data.name}' has no labels: choose data with labels (a"
            " folder has those of its class folders), or set conditional=none and a network that takes none"
        )
    count = len(data.class_names)
    return np.full(count, 1 / count) if recipe.label_prior == "uniform" else data.labels.frequencies
